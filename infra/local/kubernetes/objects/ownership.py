"""Who owns which field of an object: metadata.managedFields, read, written and kept up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.kubernetes.objects.field_sets import Path, decode, encode, flatten
from infra.local.kubernetes.objects.moments import now_text
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]


@dataclass(frozen=True)
class Owner:
    manager: str
    operation: str
    subresource: str = ""


@dataclass(frozen=True)
class Owned:
    paths: frozenset[Path]
    api_version: str
    time: str


type Owners = dict[Owner, Owned]


def read(body: Json | None) -> Owners:
    owners: Owners = {}
    for entry in (body or {}).get("metadata", {}).get("managedFields") or []:
        if entry:
            owner = Owner(entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", ""))
            paths = frozenset(decode(entry.get("fieldsV1") or {}))
            owners[owner] = Owned(paths, entry.get("apiVersion", ""), entry.get("time", ""))
    return owners


def write(owners: Owners) -> list[Json]:
    entries = []
    for owner, owned in owners.items():
        entry: Json = {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": owned.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": encode(owned.paths),
        }
        entries.append({**entry, "subresource": owner.subresource} if owner.subresource else entry)
    return entries


def set_owned(owners: Owners, owner: Owner, paths: frozenset[Path], resource: Resource) -> None:
    """Give an owner exactly these fields; its time changes only when the fields do."""
    had = owners.get(owner)
    if not paths:
        owners.pop(owner, None)
    elif had is None or had.paths != paths:
        owners[owner] = Owned(paths, resource.api_version, now_text())


def take_from_others(owners: Owners, owner: Owner, paths: set[Path]) -> None:
    for other, owned in list(owners.items()):
        if other != owner and owned.paths & paths:
            left = owned.paths - paths
            if left:
                owners[other] = Owned(left, owned.api_version, owned.time)
            else:
                del owners[other]


def after_update(
    resource: Resource, owners: Owners, before: Json | None, after: Json, owner: Owner
) -> Owners:
    """A write that is no apply owns what it changed; those who owned it before do no longer."""
    status = owner.subresource == "status" if resource.has_status else None
    old = flatten(resource, before, status=status) if before is not None else {}
    new = flatten(resource, after, status=status)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    removed = set(old) - set(new)
    owners = dict(owners)
    if changed or removed:
        take_from_others(owners, owner, changed | removed)
        mine = owners[owner].paths if owner in owners else frozenset()
        set_owned(owners, owner, (mine | changed) - removed, resource)
    return owners
