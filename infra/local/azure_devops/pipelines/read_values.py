"""What is read alike in many places of a pipeline: names, flags, numbers, lists of names, variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.local.azure_devops.pipelines.read_templates import is_template, open_template
from infra.local.azure_devops.pipelines.sources import Sources
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Items, Members

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def name_of(kind: str, view: View, default: str) -> str:
    name = view.text()
    if name and not _NAME.fullmatch(name):
        raise view.invalid(
            f"{kind} name '{name}' is invalid. Valid names may only contain alphanumeric characters "
            "and '_' and may not start with a number."
        )
    return name or default


def optional_text(fields: Mapping[str, View], name: str) -> str | None:
    """None if it is absent or empty."""
    return (fields[name].text() or None) if name in fields else None


def flag(fields: Mapping[str, View], name: str, default: bool) -> bool:
    if name not in fields:
        return default
    words = fields[name].text().lower()
    if words not in ("true", "false"):
        raise fields[name].invalid(f"Expected a boolean value. Actual value: '{fields[name].text()}'")
    return words == "true"


def minutes(fields: Mapping[str, View], name: str) -> float | None:
    """None if it is absent; a negative or unreadable number is refused."""
    if name not in fields:
        return None
    words = fields[name].text()
    if not re.fullmatch(r"\d+(\.\d+)?", words):
        raise fields[name].invalid(f"Expected a positive integer value. Actual value: '{words}'")
    return float(words)


def names(view: View) -> list[str]:
    """One name or a list of them."""
    if isinstance(view.opened().token, Items):
        return [item.text() for item in view.items()]
    return [view.text()] if view.text() else []


def texts(fields: Mapping[str, View], name: str) -> dict[str, str]:
    """A mapping of texts, such as env."""
    if name not in fields or fields[name].is_empty():
        return {}
    return {str(key.value): value.text() for key, value in fields[name].members()}


async def variables_of(sources: Sources, view: View | None) -> dict[str, str]:
    """A mapping, or a list of names with values, templates and groups; later ones win."""
    if view is None or view.is_empty():
        return {}
    if isinstance(view.opened().token, Members):
        return {str(key.value): value.text() for key, value in view.members()}
    found: dict[str, str] = {}
    for item in view.items():
        # A variable sees those before it.
        seen = View(item.token, item.scope.with_variables(found, item.place), item.literal)
        if is_template(seen):
            template = await open_template(sources, seen, ("variables",))
            found.update(await variables_of(sources, template.get("variables")))
            continue
        fields = seen.fields(("name", "value", "readonly", "group"))
        if "group" in fields:
            raise seen.invalid(
                f"Variable group {fields['group'].text()} could not be found. The variable group does not "
                "exist or has not been authorized for use."
            )
        if "name" not in fields:
            raise seen.invalid("Expected the property 'name' of the variable")
        found[fields["name"].text()] = fields["value"].text() if "value" in fields else ""
    return found
