"""Objects that are wanted in an environment, and the words for them."""

from collections.abc import Mapping
from typing import Any

from adapters.kubernetes.kinds import is_api_version, is_name
from domain.kernel.errors import require
from domain.provided import ProvidedResource


def resource_of(wanted: Mapping[str, Any], namespace: str) -> ProvidedResource:
    """Which object it is; `namespace` where it names none. Raises `Rejected` for what is no object."""
    metadata = wanted.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    api_version, kind, name = wanted.get("apiVersion"), wanted.get("kind"), metadata.get("name")
    within = metadata.get("namespace") or namespace
    named = isinstance(api_version, str) and is_api_version(api_version) and isinstance(kind, str)
    require(named and bool(kind), "an object without apiVersion and kind can't be looked for")
    valid = isinstance(name, str) and is_name(name) and isinstance(within, str) and is_name(within)
    require(valid, f"a {kind} without a valid name can't be looked for")
    return ProvidedResource(str(api_version), str(kind), str(within), str(name))
