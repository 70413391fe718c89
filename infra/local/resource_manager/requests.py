"""What a client asks a deployment to be: mode, template or link to one, parameters."""

from __future__ import annotations

import re

from infra.local.emulation.state import Json, State
from infra.local.resource_manager.errors import ArmError, invalid_request
from infra.local.resource_manager.what_if import COMPLETE

_MODES = {"incremental": "Incremental", "complete": COMPLETE}
_NAME = re.compile(r"[-\w._()]{1,64}")


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ArmError(400, "InvalidDeployment", f"The deployment name '{name}' is not valid.")


def read(state: State, body: Json) -> Json:
    """Raises 400 and 404; a linked template is taken as it is now."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid_request("The request content has no properties.")
    mode = _MODES.get(str(properties.get("mode", "")).lower())
    if mode is None:
        raise invalid_request("The deployment mode must be Incremental or Complete.")
    link, template = properties.get("templateLink"), properties.get("template")
    if (link is None) == (template is None):
        raise ArmError(400, "InvalidDeployment", "Either template or templateLink must be given.")
    if link is not None:
        template = _linked(state, link)
    parameters = properties.get("parameters") or {}
    if not isinstance(template, dict) or not isinstance(parameters, dict):
        raise invalid_request("template and parameters must be objects.")
    return {
        "mode": mode,
        "template": template,
        "templateLink": link,
        "parameters": parameters,
        "tags": body.get("tags") or {},
    }


def _linked(state: State, link: object) -> object:
    identity = link.get("id") if isinstance(link, dict) else None
    if not isinstance(identity, str):
        raise ArmError(400, "InvalidTemplateLink", "Only the id of a template spec's version is supported.")
    found = state.get("template-spec", "", identity.lower())
    if found is None:
        raise ArmError(404, "TemplateSpecVersionNotFound", f"The template spec '{identity}' was not found.")
    return found["properties"]["mainTemplate"]
