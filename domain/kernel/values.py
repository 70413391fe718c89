"""Shared value objects: how models look on the wire, identifiers, derived ids, classification."""

import hashlib
import hmac
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import pydantic_core
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from domain.kernel.errors import FieldError, Invalid


class Model(BaseModel):
    """A value: camelCase on the wire, snake_case in Python, unknown fields ignored (a tolerant reader)."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
        frozen=True,
        extra="ignore",
    )


def matching(pattern: str, sentence: str) -> AfterValidator:
    """The whole text must match; `sentence` is what the caller reads, who has no use for the pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


NO_NUL = matching(r"[^\x00]*", "must not contain a NUL character")

# Identifiers end up in storage keys, topic properties and URLs: no `/ \ # ? |`, no control characters.
_IDENTIFIER = matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]*", "must be letters, digits, dots, dashes and underscores, the first no mark"
)
Identifier = Annotated[str, Field(max_length=120), _IDENTIFIER]
TenantId = Annotated[str, Field(max_length=63), _IDENTIFIER]
ProjectId = Annotated[str, Field(max_length=63), _IDENTIFIER]
ModuleId = Annotated[str, Field(max_length=120), _IDENTIFIER]
Line = Annotated[
    str,
    Field(min_length=1, max_length=400),
    matching(r"[^\x00-\x1f\x7f]*", "must not contain control characters"),
]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`: whole seconds as the specification writes them, else milliseconds."""
    moment = moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond // 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _moment(value: object) -> object:
    """Dates alone and numbers are not moments; pydantic by itself would take them for one."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and "T" in value.upper()):
        raise ValueError("must be an RFC 3339 date-time")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range in UTC") from None


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(_moment),
    AfterValidator(_in_utc),
    PlainSerializer(timestamp, return_type=str, when_used="json"),
]

_NAMESPACE = uuid.UUID("6f2c1d0e-93a4-5b7e-8f10-2d4c6a8e0b12")


def derived_id(prefix: str, *parts: object) -> str:
    """An id that the same parts always give, so that a re-execution repeats it: `<prefix>-<uuid5>`."""
    # The length before each part keeps ("a", "bc") and ("ab", "c") apart.
    name = "".join(f"{len(str(part))}:{part}" for part in parts)
    return f"{prefix}-{uuid.uuid5(_NAMESPACE, name)}"


class Classification(StrEnum):
    """How sensitive a field is; what is not PUBLIC is masked before it crosses a platform boundary."""

    PERSONAL = "personal"
    CONFIDENTIAL = "confidential"


@dataclass(frozen=True)
class Sensitive:
    """Marks a field as classified: `Annotated[str, Sensitive(Classification.PERSONAL)]`, at any depth."""

    classification: Classification

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        schema["serialization"] = core_schema.plain_serializer_function_ser_schema(_masked, info_arg=True)
        return cast(CoreSchema, schema)


def _masked(value: object, info: SerializationInfo[Any]) -> object:
    """Only `Redaction` serialises with a digest in the context; everybody else gets the value."""
    if value is None or not callable(info.context):
        return value
    return f"*** ({info.context(value)})"


Person = Annotated[str, Sensitive(Classification.PERSONAL)]


@dataclass(frozen=True)
class Redaction:
    """Masks classified fields; `key` keeps their digests from being guessed by dictionary."""

    key: bytes

    def payload(self, model: Model, tenant_id: str) -> dict[str, Any]:
        """The model's wire form, each `Sensitive` value in it as `*** (<digest>)`."""
        return model.model_dump(
            mode="json", by_alias=True, context=lambda value: self.digest(str(value), tenant_id)
        )

    def digest(self, value: str, tenant_id: str) -> str:
        """Equal values of one tenant give equal digests; without the key nobody can tell whose they are."""
        mac = hmac.new(self.key, f"{tenant_id}|{value}".encode(), hashlib.sha256)
        return f"hmac-sha256:{mac.hexdigest()}"


def parse_json(body: bytes | str, field: str = "body") -> dict[str, Any]:
    """Strict JSON object: no NaN, no lone surrogates, bounded nesting. Raises `Invalid`."""
    try:
        data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        value = pydantic_core.from_json(data, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise Invalid([FieldError(field, f"not valid JSON: {error}")]) from None
    if not isinstance(value, dict):
        raise Invalid([FieldError(field, "must be a JSON object")])
    _check_numbers(value, field)
    return value


def _check_numbers(value: object, field: str) -> None:
    """1e400 is JSON, but no number that we could write again: it would be read as infinity."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, float) and not math.isfinite(item):
            raise Invalid([FieldError(field, "holds a number that is out of range")])


def validated[M: Model](model: type[M], value: Mapping[str, Any], at: str = "") -> M:
    """`value` as the model. Raises `Invalid`, each error with the field's path on the wire."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(
            FieldError(
                ".".join(str(part) for part in ((at,) if at else ()) + problem["loc"]),
                problem["msg"].removeprefix("Value error, "),
            )
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ) from None
