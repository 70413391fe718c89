"""A reconciling loop: what changed is looked at again, one run at a time per object."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.errors import StatusError
from infra.local.kubernetes.objects.store import Change

_log = logging.getLogger(__name__)

type Key = tuple[str, str]
"""Namespace and name."""


class Controller(ABC):
    """Subclasses say which keys a change concerns and what is to be done for one."""

    name: str

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._later: dict[Key, asyncio.TimerHandle] = {}
        self._paused = False
        self._closed = False

    @abstractmethod
    def concerned(self, change: Change) -> Iterable[Key]: ...

    @abstractmethod
    def all_keys(self) -> Iterable[Key]:
        """What to look at when the process starts."""

    @abstractmethod
    async def reconcile(self, key: Key) -> float | None:
        """Answers after how many seconds to look again, if nothing changes before."""

    def start(self) -> None:
        self.cluster.store.listen(self._notice)
        for key in list(self.all_keys()):
            self.enqueue(key)

    def _notice(self, change: Change) -> None:
        for key in self.concerned(change):
            self.enqueue(key)

    def enqueue(self, key: Key) -> None:
        if key in self._running or self._paused:
            self._again.add(key)
        elif not self._closed:
            timer = self._later.pop(key, None)
            if timer is not None:
                timer.cancel()
            self._running[key] = asyncio.get_running_loop().create_task(self._run(key))

    async def _run(self, key: Key) -> None:
        after: float | None
        try:
            after = await self.reconcile(key)
        except StatusError as error:
            _log.info("%s %s/%s: %s", self.name, *key, error)
            after = self.cluster.options.pace
        except Exception:
            _log.exception("%s %s/%s failed", self.name, *key)
            after = max(1.0, self.cluster.options.pace)
        finally:
            del self._running[key]
        if key in self._again and not self._paused:
            self._again.discard(key)
            self.enqueue(key)
        elif after is not None and not self._closed:
            self._later[key] = asyncio.get_running_loop().call_later(after, self.enqueue, key)

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """What is under way is finished; what comes waits."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        waiting, self._again = self._again, set()
        for key in waiting:
            self.enqueue(key)

    async def stop(self) -> None:
        self._closed = True
        for timer in self._later.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
