"""Service Bus triggers: a listener for every queue or subscription that a function is bound to."""

import asyncio
import ssl
from collections.abc import Sequence

from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from infra.local.functions_host.bindings import ServiceBusTrigger
from infra.local.functions_host.invocation import InvocationCancelled, Invoker
from infra.local.functions_host.service_bus_listener import Listener, Messages, Verdict
from infra.local.functions_host.service_bus_message import (
    batch_call,
    body_bytes,
    made_up_metadata,
    metadata,
    to_datum,
    trace_parent,
)
from infra.local.functions_host.settings import ServiceBusOptions, connection_string
from infra.local.functions_host.worker import FunctionFailed, Invocation


class ServiceBusSource:
    """Every Service Bus trigger of the app. Implements TriggerSource."""

    def __init__(
        self, triggers: Sequence[ServiceBusTrigger], options: ServiceBusOptions, invoker: Invoker
    ) -> None:
        self._triggers = {trigger.function.name.lower(): trigger for trigger in triggers}
        self._options = options
        self._invoker = invoker
        self._connections = {
            trigger.connection: connection_string(trigger.connection) for trigger in triggers
        }
        self._clients: dict[str, ServiceBusClient] = {}
        self._listeners: list[Listener] = []

    async def start(self) -> None:
        tls = ssl.create_default_context()
        for name, text in self._connections.items():
            # The listeners retry by themselves and at their own pace. Without a context of ours the SDK
            # reads the certificate store for every link: 30 ms each.
            self._clients[name] = ServiceBusClient.from_connection_string(
                text, retry_total=0, ssl_context=tls
            )
        self._listeners = [self._listener(trigger) for trigger in self._triggers.values()]
        for listener in self._listeners:
            listener.start()
        await asyncio.gather(*(listener.opened.wait() for listener in self._listeners))

    def stop_taking(self) -> None:
        for listener in self._listeners:
            listener.stop_taking()

    async def close(self) -> None:
        await asyncio.gather(*(listener.close() for listener in self._listeners))
        for client in self._clients.values():
            await client.close()

    async def fire(self, function: str, argument: str) -> bool:
        trigger = self._triggers.get(function.lower())
        if trigger is None or trigger.batch:
            return False
        body = to_datum(argument.encode(), binary=trigger.binary)
        call = Invocation({trigger.parameter: body}, made_up_metadata(trigger.function.name))
        await self._invoker.run(
            trigger.function, call, "This function was programmatically called via the host APIs."
        )
        return True

    def _listener(self, trigger: ServiceBusTrigger) -> Listener:
        client, options = self._clients[trigger.connection], self._options

        def open_receiver() -> ServiceBusReceiver:
            if trigger.subscription is None:
                return client.get_queue_receiver(trigger.entity, prefetch_count=options.prefetch_count)
            return client.get_subscription_receiver(
                trigger.entity, trigger.subscription, prefetch_count=options.prefetch_count
            )

        async def handle(messages: Messages) -> Verdict:
            return await self._handle(trigger, messages)

        size = options.max_message_batch_size if trigger.batch else 1
        return Listener(trigger.function.name, open_receiver, handle, options, batch_size=size)

    async def _handle(self, trigger: ServiceBusTrigger, messages: Messages) -> Verdict:
        if trigger.batch:
            body, details = batch_call(messages, binary=trigger.binary)
        else:
            body, details = to_datum(body_bytes(messages[0]), binary=trigger.binary), metadata(messages[0])
        call = Invocation({trigger.parameter: body}, details, trace_parent=trace_parent(messages[0]))
        reason = f"(New ServiceBus message detected on '{trigger.path}'.)"
        try:
            await self._invoker.run(trigger.function, call, reason)
        except (FunctionFailed, InvocationCancelled):
            return "abandon"
        complete = self._options.auto_complete if trigger.auto_complete is None else trigger.auto_complete
        return "complete" if complete else "keep"
