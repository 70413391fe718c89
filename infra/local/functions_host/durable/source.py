"""Orchestrators and activities as a trigger source; without any of them it does nothing and needs nothing."""

import json
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from aiohttp import web

from infra.local.functions_host.bindings import (
    ActivityTrigger,
    OrchestrationTrigger,
    Trigger,
    durable_clients,
)
from infra.local.functions_host.durable.client_binding import inputs_of, system_key
from infra.local.functions_host.durable.engine import Engine, as_json_text
from infra.local.functions_host.durable.hub import Counts, Hub
from infra.local.functions_host.durable.management import ManagementApi
from infra.local.functions_host.durable.store import InstanceStore
from infra.local.functions_host.invocation import Invoker
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.settings import DurableOptions, SettingsError, storage_connection_string
from infra.local.functions_host.worker import Invocation


class DurableSource:
    """Every Durable function of the app. Implements TriggerSource."""

    def __init__(
        self, triggers: Sequence[Trigger], options: DurableOptions, master_key: str, invoker: Invoker
    ) -> None:
        self._options, self._invoker = options, invoker
        self._key = system_key(master_key)
        self._clients = [each.function for each in triggers if durable_clients(each.function)]
        self._orchestrators = _by_name([each for each in triggers if isinstance(each, OrchestrationTrigger)])
        self._activities = _by_name([each for each in triggers if isinstance(each, ActivityTrigger)])
        self.engine: Engine | None = None

    def _is_used(self) -> bool:
        return bool(self._clients or self._orchestrators or self._activities)

    def add_to(self, app: web.Application) -> None:
        """Make the hub ready and serve its endpoints. Raises SettingsError."""
        if not self._is_used():
            return
        counts, options = Counts(), self._options
        store = InstanceStore(storage_connection_string(options.connection), options.hub, counts.on_request)
        hub = Hub(options, self._orchestrators, self._activities, self._invoker, store, counts=counts)
        self.engine = Engine(hub)
        ManagementApi(self.engine, self._key).add_to(app)

    def listens_at(self, url: str) -> None:
        """Hand every function that asks for a client one that leads here. Comes before any invocation."""
        for function in self._clients:
            self._invoker.provide(function, inputs_of(function, url, self._options.hub, self._key))

    def status(self) -> dict[str, int] | None:
        """Counts over the process, where the app has Durable functions."""
        return self.engine.hub.counts.to_json() if self.engine else None

    async def start(self) -> None:
        if self.engine is not None:
            _remember_parsed_timestamps()
            await self.engine.start()

    def stop_taking(self) -> None:
        if self.engine is not None:
            self.engine.stop_taking()

    async def close(self) -> None:
        if self.engine is not None:
            await self.engine.close()
            await _close_client_session()

    async def fire(self, function: str, argument: str) -> bool:
        """An orchestrator is started with the argument as its input; an activity runs on its own."""
        for orchestrator in self._orchestrators.values():
            if orchestrator.function.name.lower() == function.lower() and self.engine is not None:
                await self.engine.start_instance(orchestrator.name, None, as_json_text(argument or None))
                return True
        for activity in self._activities.values():
            if activity.function.name.lower() == function.lower():
                given = TypedData(string=as_json_text(argument) or json.dumps(argument))
                await self._invoker.run(
                    activity.function,
                    Invocation({activity.parameter: given}),
                    "This function was programmatically called via the host APIs.",
                )
                return True
        return False


def _by_name[T: OrchestrationTrigger | ActivityTrigger](triggers: Sequence[T]) -> dict[str, T]:
    named = {trigger.name.lower(): trigger for trigger in triggers}
    if len(named) < len(triggers):
        raise SettingsError("the names of Durable functions must be unique, of each kind")
    return named


def _remember_parsed_timestamps() -> None:
    # The SDK parses every timestamp of a history anew in every turn: nine tenths of what a long one costs.
    history_event: Any = sys.modules.get("azure.durable_functions.models.history.HistoryEvent")
    if history_event is not None and not hasattr(history_event.dt_parse, "cache_info"):
        history_event.dt_parse = lru_cache(maxsize=16_384)(history_event.dt_parse)


async def _close_client_session() -> None:
    # The SDK's client keeps one for the whole process and leaves it open.
    http_utils = sys.modules.get("azure.durable_functions.models.utils.http_utils")
    if http_utils is not None:
        await http_utils._close_session()
