"""Hosts that are killed on the way of promotions and of infrastructure, one after another."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.release.environment_promotion import EnvironmentPromotion
from tests.end_to_end.cuts import relays
from tests.end_to_end.forked_hosts import ForkedHosts, Life, Moment
from tests.end_to_end.promoting_project import PROGRAMS
from tests.end_to_end.promotions import Promotions, Release

LEGS, FAILING_LEGS = 5, 2
"""So many times a promotion is killed on its way, and one that fails."""


@dataclass(frozen=True)
class Module:
    """One of which the first version makes it, and the second as well if it is good."""

    first: Release
    second: Release


@dataclass(frozen=True)
class Undisturbed:
    """The moments of runs that nobody has killed."""

    completed: list[Moment]
    failing: list[Moment]
    infrastructure: list[Moment]


async def undisturbed(promotions: Promotions, life: Life, good: Module, bad: Module) -> Undisturbed:
    """One of each, side by side; of two modules whose first versions are there."""

    async def finished(release: Release) -> str:
        id = await promotions.promote(release)
        await promotions.over(id)
        await promotions.ended(id)
        return id

    stack, completed, failing = await asyncio.gather(
        promotions.provision(PROGRAMS[0]), finished(good.second), finished(bad.second)
    )
    await promotions.provisioned(PROGRAMS[0])
    return Undisturbed(*(life.moments_of(id) for id in (completed, failing, stack)))


async def deployed(promotions: Promotions, modules: list[Module]) -> None:
    """The first versions, each begun when the one before it is in Git: what two modules commit there for the
    first time at once takes more than a commit each."""
    ids = []
    for module in modules:
        ids.append(await promotions.promote(module.first))
        await promotions.committed(ids[-1])
    for id in ids:
        await promotions.over(id)


@dataclass
class Killing:
    """`killed` is at what."""

    hosts: ForkedHosts
    promotions: Promotions
    way: Undisturbed
    lot: random.Random
    killed: list[Moment] = field(default_factory=list)

    async def promoting(self, modules: list[Module]) -> None:
        """Their second versions, in either of the strategies that have stages."""
        cuts = relays(self.way.completed, len(modules), LEGS, self.lot)
        for module, numbers in zip(modules, cuts, strict=True):
            await self._promotion(module.second, numbers, self.lot.choice(("BlueGreen", "Canary")))

    async def failing(self, modules: list[Module], enough: int) -> int:
        """Second versions that don't make it, until there were enough; answers how many."""
        before = len(self.killed)
        cuts = relays(self.way.failing, len(modules), FAILING_LEGS, self.lot)
        for module, numbers in zip(modules, cuts, strict=True):
            if len(self.killed) - before < enough:
                await self._promotion(module.second, numbers)
        return len(self.killed) - before

    async def provisioning(self) -> int:
        """Each stack once; answers how many."""
        before = len(self.killed)
        environments = PROGRAMS[1:]
        cuts = relays(self.way.infrastructure, len(environments), 1, self.lot)
        for environment, numbers in zip(environments, cuts, strict=True):
            id = self.promotions.plan_id(environment)

            async def ask(environment: str = environment) -> None:
                await self.promotions.provision(environment)

            await self._relay(id, InfrastructurePlan, numbers, ask)
        return len(self.killed) - before

    async def _promotion(self, release: Release, cuts: list[int], strategy: str | None = None) -> None:
        async def ask() -> None:
            await self.promotions.promote(release, strategy)

        await self._relay(self.promotions.promotion_id(release), EnvironmentPromotion, cuts, ask)

    async def _relay(
        self,
        instance: str,
        kind: type[EnvironmentPromotion | InfrastructurePlan],
        cuts: list[int],
        ask: Callable[[], Awaitable[None]],
    ) -> None:
        """Kill the host at each of these moments of the instance; where it is over before, that is that."""

        async def is_over() -> bool:
            found = await self.promotions.find(kind, instance)
            return found is not None and found.status.is_over

        for number in cuts:
            async with self.hosts.living(instance, number) as life:
                # Who was not answered asks again, with the same key.
                with suppress(aiohttp.ClientError, ConnectionError):
                    await ask()
                await life.ended(is_over)
            if not life.was_killed:
                return
            self.killed.append(life.moments[-1])
