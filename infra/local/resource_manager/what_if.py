"""What a deployment would change: the template beside the real resources of its group."""

from __future__ import annotations

from infra.local.emulation.state import Json, State
from infra.local.pulumi.differences import walk
from infra.local.resource_manager import resources
from infra.local.resource_manager.template import Template

COMPLETE = "Complete"
_CHANGES = {"add": "Create", "delete": "Delete", "update": "Modify"}


def changes(state: State, template: Template, group_id: str, mode: str, result_format: str) -> list[Json]:
    """Sorted by resource id; with ResourceIdOnly nothing but the kind of each change."""
    found: list[Json] = []
    declared = {resource.id.lower(): resource for resource in template.resources}
    for key, resource in declared.items():
        after = template.body_of(resource, keep_unresolved=True)
        found.append(_change(resource.id, resources.asked(state, key), after))
    for body in resources.in_group(state, group_id):
        if body["id"].lower() not in declared:
            kind = "Delete" if mode == COMPLETE else "Ignore"
            found.append({"resourceId": body["id"], "changeType": kind, "before": body})
    found.sort(key=lambda change: str(change["resourceId"]).lower())
    if result_format == "ResourceIdOnly":
        return [{"resourceId": c["resourceId"], "changeType": _coarse(c["changeType"])} for c in found]
    return found


def _coarse(kind: str) -> str:
    """Without the payloads nobody looked what would differ."""
    return "Deploy" if kind in ("Create", "Modify", "NoChange") else kind


def _change(resource_id: str, before: Json | None, after: Json) -> Json:
    if before is None:
        return {"resourceId": resource_id, "changeType": "Create", "after": after}
    delta = [
        {"path": path, "propertyChangeType": _CHANGES[kind], "before": old, "after": new}
        for path, kind, old, new in walk(_comparable(before), _comparable(after))
    ]
    kind = "Modify" if delta else "NoChange"
    return {
        "resourceId": before["id"],
        "changeType": kind,
        "before": before,
        "after": after,
        **({"delta": delta} if delta else {}),
    }


def _comparable(body: Json) -> Json:
    """Neither spelling of the id nor the version of the API is a change of the resource."""
    return {key: value for key, value in body.items() if key not in ("id", "apiVersion", "name", "type")}
