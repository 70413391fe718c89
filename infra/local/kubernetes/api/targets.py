"""What a path of the API names: a collection, an object or a subresource of one."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.kubernetes.errors import no_such_path
from infra.local.kubernetes.resources import NAMESPACE, Resource, of_plural


@dataclass(frozen=True)
class Target:
    """A namespace of None is all of them; without a name it is the collection."""

    resource: Resource
    namespace: str | None
    name: str = ""
    subresource: str = ""

    @property
    def home(self) -> str:
        return self.namespace or ""


def target_of(path: str) -> Target:
    """Raises 404."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and not (group == "" and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = of_plural(group, version, rest[0])
    if resource is None or len(rest) > 3:
        raise no_such_path()
    target = Target(resource, namespace, *rest[1:])
    scoped = resource.namespaced == (namespace is not None)
    if not (scoped or (resource.namespaced and not target.name)):
        raise no_such_path()
    known = {"": True, "status": resource.has_status, "scale": resource.scalable}
    if not known.get(target.subresource, resource == NAMESPACE and target.subresource == "finalize"):
        raise no_such_path()
    return target
