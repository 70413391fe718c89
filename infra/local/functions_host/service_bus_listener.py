"""One function's messages over one link: receive, run, settle, renew locks, and reconnect for ever.

Everything that touches the link happens in one coroutine, one thing at a time. The SDK holds its socket's
lock while it reads, and whoever reads may take the frame that another call waits for: two calls at once
would make each other wait out the SDK's read timeout.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError, MessageNotFoundError

from infra.local.functions_host.lock_renewal import LockRenewal
from infra.local.functions_host.settings import ServiceBusOptions

log = logging.getLogger("functions_host.service_bus")

Messages = Sequence[ServiceBusReceivedMessage]
Verdict = Literal["complete", "abandon", "keep"]
Operation = Literal["complete", "abandon", "renew"]

_LONGEST_BACKOFF = 2.0
_ATTEMPTS = 3
_CLOSE_SECONDS = 5.0
# A message that is just coming in is let in before the wait for it is broken off to settle another.
_INTERRUPT_SECONDS = 0.002
_RECEIVE_SECONDS = 60.0
_GONE = (MessageLockLostError, MessageAlreadySettled, MessageNotFoundError)


@dataclass
class _Work:
    operation: Operation
    message: ServiceBusReceivedMessage
    done: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    attempts: int = 0


class Listener:
    """Calls `handle` with messages, at most `calls` at a time, and settles them by its verdict."""

    def __init__(
        self,
        name: str,
        open_receiver: Callable[[], ServiceBusReceiver],
        handle: Callable[[Messages], Awaitable[Verdict]],
        options: ServiceBusOptions,
        *,
        batch_size: int = 1,
    ) -> None:
        self.opened = asyncio.Event()
        self._name = name
        self._open_receiver = open_receiver
        self._handle = handle
        self._batch_size = batch_size
        self._renewal = options.max_auto_lock_renewal
        self._free = 1 if batch_size > 1 else options.max_concurrent_calls
        self._work: deque[_Work] = deque()
        self._handling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._receiving: asyncio.Task[list[ServiceBusReceivedMessage]] | None = None
        self._interrupting = False
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._trouble = ""

    def start(self) -> None:
        """Connect in the background; `opened` is set once the link is there."""
        self._loop = asyncio.create_task(self._keep_listening(), name=f"service bus {self._name}")

    def stop_taking(self) -> None:
        """Receive no more; what was received is still handled and settled."""
        self._stopping = True
        self._wake.set()
        self._interrupt()

    async def close(self) -> None:
        """Wait for the last settlements and close the link."""
        self.stop_taking()
        if self._loop:
            await asyncio.wait({self._loop}, timeout=_CLOSE_SECONDS)
            self._loop.cancel()
            await asyncio.wait({self._loop}, timeout=1)

    async def _keep_listening(self) -> None:
        backoff = 0.1
        while not self._finished():
            try:
                receiver = self._open_receiver()
                try:
                    await receiver.__aenter__()
                    if self._trouble:
                        log.info("The link of '%s' is open again", self._name)
                    self._trouble, backoff = "", 0.1
                    self.opened.set()
                    await self._serve(receiver)
                finally:
                    await _close(receiver)
            except Exception as error:
                self._report(error)
                if self._finished():
                    break
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _finished(self) -> bool:
        return self._stopping and not self._handling and not self._work

    def _report(self, error: Exception) -> None:
        kind = type(error).__name__
        # A broker that is away fails every attempt alike: say it once.
        level = logging.DEBUG if kind == self._trouble else logging.WARNING
        log.log(level, "The link of '%s' broke and is opened again: %s: %s", self._name, kind, error)
        self._trouble = kind

    async def _serve(self, receiver: ServiceBusReceiver) -> None:
        while not self._finished():
            if self._work:
                await self._perform(receiver, self._work[0])
            elif self._stopping or self._free == 0:
                self._wake.clear()
                await self._wake.wait()
            else:
                await self._receive(receiver)

    async def _receive(self, receiver: ServiceBusReceiver) -> None:
        self._receiving = asyncio.create_task(
            receiver.receive_messages(self._batch_size, max_wait_time=_RECEIVE_SECONDS)
        )
        try:
            messages = await self._receiving
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return  # broken off to settle something; a message on its way goes back to the broker
        finally:
            self._receiving = None
        if messages:
            self._free -= 1
            task = asyncio.create_task(self._process(messages), name=f"{self._name} message")
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)

    async def _process(self, messages: Messages) -> None:
        renewals = [LockRenewal(message, self._renewal, self.do) for message in messages]
        try:
            try:
                verdict = await self._handle(messages)
            except Exception:
                log.exception("'%s' could not handle a message", self._name)
                verdict = "abandon"
            for renewal in renewals:
                renewal.stop()
            if verdict != "keep":
                await asyncio.gather(*(self.do(verdict, message) for message in messages))
        finally:
            for renewal in renewals:
                renewal.stop()
            self._handling.discard(asyncio.current_task())
            self._free += 1
            self._wake.set()

    async def do(self, operation: Operation, message: ServiceBusReceivedMessage) -> bool:
        """Have the link do this when it is free; False when the lock is lost or the broker stays away."""
        work = _Work(operation, message)
        self._work.append(work)
        self._wake.set()
        if self._receiving is not None and not self._interrupting:
            self._interrupting = True
            asyncio.get_running_loop().call_later(_INTERRUPT_SECONDS, self._interrupt)
        return await work.done

    def _interrupt(self) -> None:
        self._interrupting = False
        if self._receiving is not None and (self._work or self._stopping):
            self._receiving.cancel()

    async def _perform(self, receiver: ServiceBusReceiver, work: _Work) -> None:
        work.attempts += 1
        try:
            match work.operation:
                case "complete":
                    await receiver.complete_message(work.message)
                case "abandon":
                    await receiver.abandon_message(work.message)
                case "renew":
                    await receiver.renew_message_lock(work.message)
        except _GONE as error:
            log.warning(
                "'%s' could not %s message %s: %s", self._name, work.operation, work.message.message_id, error
            )
            self._finish(work, False)
        except Exception:
            if work.attempts >= _ATTEMPTS:
                log.warning(
                    "'%s' gave up to %s message %s", self._name, work.operation, work.message.message_id
                )
                self._finish(work, False)
            raise
        else:
            self._finish(work, True)

    def _finish(self, work: _Work, result: bool) -> None:
        self._work.remove(work)
        if not work.done.done():
            work.done.set_result(result)


async def _close(receiver: ServiceBusReceiver) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await receiver.close()
    except Exception as error:
        log.debug("A link could not be closed in order: %s", error)
