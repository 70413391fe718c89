"""The usual ways in which a field is wrong, in Kubernetes' words."""

from __future__ import annotations

import json
from typing import Any

from infra.local.kubernetes.errors import Cause


def bad(field: str, value: Any, why: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {why}")


def required(field: str, why: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", "Required value" + (f": {why}" if why else ""))


def unsupported(field: str, value: Any, *supported: str) -> Cause:
    said = ", ".join(json.dumps(name) for name in supported)
    return Cause(
        field, "FieldValueNotSupported", f"Unsupported value: {json.dumps(value)}: supported values: {said}"
    )
