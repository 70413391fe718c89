"""Create, update, apply and delete: each one step, from what is sent to what is kept."""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.kubernetes.errors import (
    already_exists,
    bad_request,
    forbidden,
    not_found,
)
from infra.local.kubernetes.objects import ownership, server_side_apply
from infra.local.kubernetes.objects.defaults import fold_string_data, set_defaults
from infra.local.kubernetes.objects.moments import now_text
from infra.local.kubernetes.objects.ownership import Owner, Owners
from infra.local.kubernetes.objects.sent import check_preconditions, checked, only_allowed
from infra.local.kubernetes.objects.store import Store
from infra.local.kubernetes.objects.validation import validate
from infra.local.kubernetes.resources import NAMESPACE, Resource

type Json = dict[str, Any]

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class By:
    """Who writes, to which subresource, and whether it counts."""

    manager: str
    subresource: str = ""
    dry_run: bool = False


class Writes:
    """Never awaits: between reading an object and keeping it nothing else happens."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Raises 404."""
        found = self.store.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def create(self, resource: Resource, namespace: str, body: Json, by: By) -> Json:
        body = checked(resource, namespace, body)
        metadata = body["metadata"]
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + random_suffix()
        if metadata.get("name") and self.store.get(resource, namespace, metadata["name"]) is not None:
            raise already_exists(resource, metadata["name"])
        return self._create(resource, namespace, body, by, None)

    def update(self, resource: Resource, namespace: str, body: Json, by: By) -> Json:
        """The whole object; with a resourceVersion only if nobody else changed it since."""
        body = checked(resource, namespace, body)
        name = body["metadata"].get("name", "")
        live = self.get(resource, namespace, name)
        return self._update(resource, live, body, by, None)

    def change(
        self, resource: Resource, namespace: str, name: str, by: By, changed: Callable[[Json], Json]
    ) -> Json:
        """What the function makes of a copy of the live object; raises 404."""
        live = self.get(resource, namespace, name)
        body = checked(resource, namespace, changed(copy.deepcopy(live)))
        if body["metadata"].get("name") != name:
            raise bad_request("the name of the object does not match the name on the URL")
        return self._update(resource, live, body, by, None)

    def set_status(self, resource: Resource, body: Json, status: Json, manager: str) -> Json:
        metadata = body["metadata"]
        by = By(manager, "status")
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        return self.change(resource, namespace, name, by, lambda live: {**live, "status": status})

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json,
        by: By,
        *,
        force: bool = False,
        absorb: Sequence[str] = (),
    ) -> tuple[Json, bool]:
        """Server-side apply; answers the object and whether it is new."""
        if (body.get("metadata") or {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        wanted = checked(resource, namespace, server_side_apply.without_nulls(body))
        wanted["metadata"].setdefault("name", name)
        if wanted["metadata"]["name"] != name:
            raise bad_request("the name of the object does not match the name on the URL")
        if resource.kind == "Secret":
            fold_string_data(wanted)
        live = self.store.get(resource, namespace, name)
        owner = Owner(by.manager, "Apply", by.subresource)
        if live is None:
            if by.subresource:
                raise not_found(resource, name)
            _, owners = server_side_apply.applied(
                resource, {}, wanted, {}, owner, force=True, absorb=(), default=lambda _: None
            )
            return self._create(resource, namespace, wanted, by, owners), True
        merged, owners = server_side_apply.applied(
            resource,
            live,
            wanted,
            ownership.read(live),
            owner,
            force=force,
            absorb=absorb,
            default=lambda found: set_defaults(resource, found),
        )
        return self._update(resource, live, merged, by, owners), False

    def _create(self, resource: Resource, namespace: str, body: Json, by: By, owners: Owners | None) -> Json:
        if resource.namespaced:
            home = self.store.get(NAMESPACE, "", namespace)
            if home is None:
                raise not_found(NAMESPACE, namespace)
            if "deletionTimestamp" in home["metadata"]:
                raise forbidden(
                    resource,
                    body["metadata"].get("name", ""),
                    f"unable to create new content in namespace {namespace} because it is being terminated",
                )
        metadata = body["metadata"]
        for name in ("resourceVersion", "selfLink", "deletionTimestamp", "managedFields"):
            metadata.pop(name, None)
        metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), now_text()
        if resource.has_generation:
            metadata["generation"] = 1
        if resource.has_status:
            body.pop("status", None)
        set_defaults(resource, body)
        self._allocate(resource, body, by)
        validate(resource, None, body)
        if owners is None:
            owners = ownership.after_update(resource, {}, None, body, Owner(by.manager, "Update"))
        metadata["managedFields"] = ownership.write(owners)
        return body if by.dry_run else self.store.put(resource, body)

    def _allocate(self, resource: Resource, body: Json, by: By) -> None:
        if resource.kind == "Service" and body["spec"]["type"] != "ExternalName":
            number = 0 if by.dry_run else self.store.next_number("clusterIP")
            body["spec"].setdefault("clusterIP", f"10.96.{number // 250 % 250}.{number % 250 + 1}")

    def _update(self, resource: Resource, live: Json, body: Json, by: By, owners: Owners | None) -> Json:
        was = live["metadata"]
        check_preconditions(resource, body["metadata"], was)
        body = only_allowed(resource, live, body, status=by.subresource == "status")
        metadata = body["metadata"]
        set_defaults(resource, body)
        validate(resource, live, body)
        if resource.has_generation and _asked(body) != _asked(live):
            metadata["generation"] = was["generation"] + 1
        if owners is None:
            sent = body if metadata.get("managedFields") is not None else live
            owner = Owner(by.manager, "Update", by.subresource)
            owners = ownership.after_update(resource, ownership.read(sent), live, body, owner)
        metadata["managedFields"] = ownership.write(owners)
        if by.dry_run or body == live:
            return body
        is_over = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        if is_over and not _is_graceful(resource, body):
            return self.store.remove(resource, body)
        return self.store.put(resource, body)


def _is_graceful(resource: Resource, body: Json) -> bool:
    """Whether someone else than a finalizer ends it: the kubelet a pod, the controller a namespace."""
    return resource.kind == "Namespace" or body["metadata"].get("deletionGracePeriodSeconds", 0) > 0


def _asked(body: Json) -> Json:
    return {name: value for name, value in body.items() if name not in ("metadata", "status")}


def random_suffix(length: int = 5) -> str:
    """As generated names end."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
