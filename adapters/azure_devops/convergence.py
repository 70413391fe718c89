"""Exactly one of each wanted thing, where the service has no unique key and twins may create at once.

Everybody keeps the oldest of each kind and deletes the younger ones, so all come to the same one. The
service's listings may lag behind its creations: nobody creates twice, and nobody is done before the listing
shows what they created, or something older in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE, Refusal
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Unavailable

_ROUNDS = 12
_LONGEST_LAG = 5.0
"""Seconds for which a listing is waited for; what it hides for longer is cleaned up by the next call."""


@dataclass(frozen=True)
class Existing:
    """Something of ours at the service: `key` says what it is there for, `age` orders, oldest first."""

    key: str
    id: str
    age: tuple[Any, ...]
    right: bool
    """It is as wanted; otherwise it is repaired."""
    body: Mapping[str, Any]


class Collection(Protocol):
    """One kind of thing at the service, as far as it is ours."""

    async def list(self) -> Sequence[Existing]: ...

    async def create(self, key: str) -> Existing:
        """Raises `OutcomeUnknown`."""

    async def repair(self, existing: Existing) -> None: ...

    async def delete(self, existing: Existing) -> None: ...


async def converge(api: Api, collection: Collection, wanted: Sequence[str]) -> list[Existing]:
    """Have exactly one of each wanted key, in that order, and none that is not wanted."""
    created: dict[str, Existing] = {}
    repaired: set[str] = set()
    deleted: set[str] = set()
    waited = 0.0
    for _ in range(_ROUNDS):
        listed = sorted(await collection.list(), key=lambda existing: existing.age)
        kept: dict[str, Existing] = {}
        surplus = []
        for existing in listed:
            if existing.id in deleted:
                continue
            if existing.key in wanted and existing.key not in kept:
                kept[existing.key] = existing
            else:
                surplus.append(existing)
        unseen = [key for key, own in created.items() if key not in kept or kept[key].age > own.age]
        absent = [key for key in wanted if key not in kept and key not in created]
        wrong = [existing for existing in kept.values() if not existing.right and existing.id not in repaired]
        if not (surplus or absent or wrong) and (not unseen or waited >= _LONGEST_LAG):
            return [kept.get(key) or created[key] for key in wanted]
        for existing in surplus:
            await _delete(collection, existing)
            deleted.add(existing.id)
        for existing in wrong:
            await collection.repair(existing)
            repaired.add(existing.id)
        for key in absent:
            try:
                created[key] = await collection.create(key)
            except OutcomeUnknown:
                await api.pause()
        if unseen and not absent:
            pause = 0.1 + waited
            await api.sleep(pause)
            waited += pause
    raise Unavailable(SERVICE, "others keep changing what is being set up")


async def _delete(collection: Collection, existing: Existing) -> None:
    try:
        await collection.delete(existing)
    except Refusal as refusal:
        if refusal.status != 404:  # a twin was quicker
            raise
