"""Template references: the file is read, its parameters are bound, and what it holds is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from infra.local.azure_devops.pipelines.parameters import bind, declared_parameters
from infra.local.azure_devops.pipelines.sources import Sources
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Members, Token

MAXIMUM_DEPTH = 50


def is_template(view: View) -> bool:
    token = view.opened().token
    return isinstance(token, Members) and any(key.value == "template" for key, _ in token.pairs)


async def open_template(sources: Sources, reference: View, allowed: Collection[str]) -> Mapping[str, View]:
    """The template's root by name, but its parameters, in a scope that has them."""
    fields = reference.fields(("template", "parameters"))
    if reference.scope.depth >= MAXIMUM_DEPTH:
        raise reference.invalid(f"Maximum depth of templates exceeded: {MAXIMUM_DEPTH}")
    token = await sources.template(fields["template"])
    given: dict[str, Token] = {}
    places = {}
    if "parameters" in fields and not fields["parameters"].is_empty():
        for key, value in fields["parameters"].members():
            given[str(key.value)] = value.resolve()
            places[str(key.value)] = key.place
    scope = replace(
        reference.scope,
        parameters=Members((), reference.place),
        loops={},
        depth=reference.scope.depth + 1,
    )
    root = View(token, scope)
    declared = declared_parameters(written(root, "parameters"))
    bound = bind(declared, given, reference.place, places)
    found = View(token, replace(scope, parameters=bound)).fields((*allowed, "parameters"))
    return {name: view for name, view in found.items() if name != "parameters"}


def written(root: View, name: str) -> View | None:
    """One member of a file's root: the rest can't be read before its parameters are bound."""
    if not isinstance(root.token, Members):
        raise root.invalid("Expected a mapping")
    found = next((token for key, token in root.token.pairs if key.value == name), None)
    return None if found is None else View(found, root.scope)
