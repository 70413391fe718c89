"""Timer triggers: one loop a timer, on UTC, never overlapping itself."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.local.functions_host.bindings import TimerTrigger
from infra.local.functions_host.invocation import InvocationCancelled, Invoker
from infra.local.functions_host.ncrontab import InvalidSchedule, Ncrontab
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.settings import SettingsError, parse_time_span
from infra.local.functions_host.timer_status import ScheduleStatus, StatusFile
from infra.local.functions_host.worker import FunctionFailed, Invocation

log = logging.getLogger("functions_host.timer")

# Sleeping in pieces keeps a timer right when the machine was suspended or its clock was set.
_LONGEST_SLEEP = timedelta(seconds=30)


class IntervalSchedule:
    """A constant interval, counted from the last occurrence."""

    def __init__(self, interval: timedelta) -> None:
        if interval <= timedelta(0):
            raise InvalidSchedule("an interval must be positive")
        self._interval = interval

    def next_after(self, moment: datetime) -> datetime | None:
        return moment + self._interval


Schedule = Ncrontab | IntervalSchedule


def parse_schedule(text: str) -> Schedule:
    """An NCRONTAB expression or a time span. Raises InvalidSchedule."""
    if " " in text.strip():
        return Ncrontab(text)
    try:
        return IntervalSchedule(parse_time_span(text))
    except SettingsError as error:
        raise InvalidSchedule(str(error)) from error


class _Timer:
    def __init__(self, trigger: TimerTrigger, invoker: Invoker, statuses: StatusFile | None) -> None:
        self.trigger = trigger
        self.schedule = parse_schedule(trigger.schedule)
        self._invoker = invoker
        self._statuses = statuses if trigger.use_monitor else None
        stored = self._statuses.load(trigger.function.name) if self._statuses else None
        self.status = stored or ScheduleStatus()
        self._alone = asyncio.Lock()

    def was_missed(self, now: datetime) -> bool:
        """Whether an occurrence fell into the time when no host ran."""
        return self.status.next is not None and self.status.next < now

    def begin(self) -> None:
        """Know the next occurrence from the first moment: when this process dies, it counts as missed."""
        if self.status.next is None:
            self._remember(self.status.last)

    def _remember(self, last: datetime | None) -> None:
        now = datetime.now(UTC)
        self.status = ScheduleStatus(last, self.schedule.next_after(now), now)
        if self._statuses:
            self._statuses.save(self.trigger.function.name, self.status)

    async def fire(self, *, past_due: bool, reason: str) -> None:
        """Run the function, after any run of it that is still going on. Raises as Invoker.run."""
        async with self._alone:
            await self._run(past_due, reason)

    async def _run(self, past_due: bool, reason: str) -> None:
        fired = datetime.now(UTC)
        request = {
            "IsPastDue": past_due,
            "ScheduleStatus": self.status.to_json(),
            "Schedule": {"AdjustForDST": True},
        }
        try:
            await self._attempt(TypedData(json=json.dumps(request)), reason)
        finally:
            self._remember(fired)

    async def _attempt(self, request: TypedData, reason: str) -> None:
        function, attempt = self.trigger.function, 0
        policy = function.retry
        limit = policy.max_retry_count if policy else 0
        while True:
            call = Invocation({self.trigger.parameter: request}, retry_count=attempt, max_retry_count=limit)
            try:
                await self._invoker.run(function, call, reason)
                return
            except FunctionFailed:
                attempt += 1
                if policy is None or (limit >= 0 and attempt > limit):
                    raise
                await asyncio.sleep(policy.delay(attempt).total_seconds())


class TimerSource:
    """Every timer of the app. Implements TriggerSource."""

    def __init__(self, triggers: Sequence[TimerTrigger], invoker: Invoker, state_dir: Path | None) -> None:
        statuses = StatusFile(state_dir) if state_dir else None
        self._timers: dict[str, _Timer] = {}
        for trigger in triggers:
            try:
                self._timers[trigger.function.name.lower()] = _Timer(trigger, invoker, statuses)
            except InvalidSchedule as error:
                raise SettingsError(f"function {trigger.function.name}: {error}") from error
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for timer in self._timers.values():
            name = f"timer {timer.trigger.function.name}"
            self._loops.append(asyncio.create_task(self._keep_firing(timer), name=name))

    def stop_taking(self) -> None:
        self._stopping.set()

    async def close(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def fire(self, function: str, argument: str) -> bool:
        timer = self._timers.get(function.lower())
        if timer is None:
            return False
        await timer.fire(
            past_due=False, reason="This function was programmatically called via the host APIs."
        )
        return True

    async def _keep_firing(self, timer: _Timer) -> None:
        name = timer.trigger.function.name
        missed = timer.was_missed(datetime.now(UTC))
        timer.begin()
        if missed or timer.trigger.run_on_startup:
            await self._fire(timer, past_due=missed)
        while not self._stopping.is_set():
            due = timer.schedule.next_after(datetime.now(UTC))
            if due is None:
                log.warning("The schedule '%s' of '%s' never comes", timer.trigger.schedule, name)
                return
            if await self._sleep_until(due):
                await self._fire(timer, past_due=False)

    async def _fire(self, timer: _Timer, *, past_due: bool) -> None:
        try:
            await timer.fire(past_due=past_due, reason="Timer fired")
        except (FunctionFailed, InvocationCancelled):
            pass  # logged with the invocation; the next occurrence is another chance
        except Exception:
            log.exception("Timer '%s' could not be fired", timer.trigger.function.name)

    async def _sleep_until(self, due: datetime) -> bool:
        """True when the moment came, False when the host stops first."""
        while (left := due - datetime.now(UTC)) > timedelta(0):
            try:
                async with asyncio.timeout(min(left, _LONGEST_SLEEP).total_seconds()):
                    await self._stopping.wait()
                return False
            except TimeoutError:
                continue
        return not self._stopping.is_set()
