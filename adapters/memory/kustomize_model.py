"""What kustomize does to objects, as far as the memory renderer goes; what is not here is refused there."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from domain.kernel.errors import Rejected, require

type Object = dict[str, Any]

# Those with a template of pods.
_TEMPLATED = ("Deployment",)
_RENAMED = ("ConfigMap", "Secret", "Service", "ServiceAccount", *_TEMPLATED)


def key_of(one: Object) -> tuple[str, str, str, str]:
    """What two objects of a build may not share."""
    group = str(one["apiVersion"]).rpartition("/")[0]
    return group, one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def require_distinct(objects: list[Object]) -> None:
    seen = set()
    for one in objects:
        key = key_of(one)
        twice = f"may not add resource with an already registered id: {key[1]} {key[3]}"
        require(key not in seen, twice)
        seen.add(key)


def pin_images(objects: list[Object], images: list[Mapping[str, str]]) -> None:
    for image in images:
        unknown = image.keys() - {"name", "newName", "newTag", "digest"}
        require(not unknown, f"images have no {', '.join(sorted(unknown))} in memory")
        for container in _containers(objects):
            container["image"] = _pinned(str(container["image"]), image)


def _containers(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _containers(one)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("containers", "initContainers") and isinstance(inner, list):
                yield from (one for one in inner if isinstance(one, dict) and "image" in one)
            yield from _containers(inner)


def _pinned(reference: str, image: Mapping[str, str]) -> str:
    path, slash, last = reference.partition("@")[0].rpartition("/")
    name = path + slash + last.partition(":")[0]
    if name != image["name"]:
        return reference
    new_name = image.get("newName", name)
    if "digest" in image:
        return f"{new_name}@{image['digest']}"
    return f"{new_name}:{image['newTag']}" if "newTag" in image else new_name + reference[len(name) :]


def label(objects: list[Object], labels: Mapping[str, str]) -> None:
    """On objects and in what selects pods."""
    for one in objects:
        one["metadata"].setdefault("labels", {}).update(labels)
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            spec.setdefault("selector", {}).update(labels)
        elif one["kind"] in _TEMPLATED:
            spec.setdefault("selector", {}).setdefault("matchLabels", {}).update(labels)
            template = spec.setdefault("template", {}).setdefault("metadata", {})
            template.setdefault("labels", {}).update(labels)
        else:
            require(one["kind"] in _RENAMED, f"selectors of {one['kind']} are not known in memory")


def suffix_names(objects: list[Object], suffix: str) -> None:
    """Rename them, and what refers to them."""
    renamed: set[tuple[str, str]] = set()
    for one in objects:
        kind, name = one["kind"], one["metadata"]["name"]
        require(kind in _RENAMED, f"what refers to {kind} is not known in memory")
        renamed.add((kind, name))
        one["metadata"]["name"] = name + suffix

    def follow(kind: str, holder: Any, field: str) -> None:
        if isinstance(holder, dict) and (kind, holder.get(field)) in renamed:
            holder[field] += suffix

    for one in objects:
        if one["kind"] in _TEMPLATED:
            _follow_in(one.get("spec", {}).get("template", {}).get("spec", {}), follow)


def _follow_in(pod: dict[str, Any], follow: Callable[[str, Any, str], None]) -> None:
    follow("ServiceAccount", pod, "serviceAccountName")
    for secret in pod.get("imagePullSecrets", ()):
        follow("Secret", secret, "name")
    for volume in pod.get("volumes", ()):
        follow("ConfigMap", volume.get("configMap"), "name")
        follow("Secret", volume.get("secret"), "secretName")
    for container in (*pod.get("containers", ()), *pod.get("initContainers", ())):
        for source in container.get("envFrom", ()):
            follow("ConfigMap", source.get("configMapRef"), "name")
            follow("Secret", source.get("secretRef"), "name")
        for variable in container.get("env", ()):
            source = variable.get("valueFrom") or {}
            follow("ConfigMap", source.get("configMapKeyRef"), "name")
            follow("Secret", source.get("secretKeyRef"), "name")


def patch(objects: list[Object], target: Mapping[str, str], operations: list[Mapping[str, Any]]) -> None:
    """A JSON patch of members of objects; lists are not reached into."""
    for one in objects:
        known = {"kind": one["kind"], "name": one["metadata"]["name"]}
        known["namespace"] = one["metadata"].get("namespace", "default")
        unknown = target.keys() - known.keys()
        require(not unknown, f"a patch's target has no {', '.join(sorted(unknown))} in memory")
        if all(re.fullmatch(value, known[key]) for key, value in target.items()):
            for operation in operations:
                _apply(one, operation)


def _apply(one: Object, operation: Mapping[str, Any]) -> None:
    *parents, last = [part.replace("~1", "/") for part in operation["path"].split("/")[1:]]
    holder: Any = one
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    if operation["op"] == "test":
        same = isinstance(holder, dict) and holder.get(last) == operation["value"]
        require(same, f"testing value {operation['path']} failed")
        return
    absent = f"{operation['op']} operation does not apply: doc is missing path: {operation['path']}"
    if not isinstance(holder, dict) or (operation["op"] != "add" and last not in holder):
        raise Rejected(absent)
    if operation["op"] == "remove":
        del holder[last]
    elif operation["op"] in ("add", "replace"):
        holder[last] = operation["value"]
    else:
        raise Rejected(f"a patch's {operation['op']} is not known in memory")
