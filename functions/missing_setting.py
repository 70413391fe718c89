"""The one error of settings, for every module that reads some, and how settings in JSON are read."""

from typing import Any

from pydantic import TypeAdapter, ValidationError


class MissingSetting(Exception):
    """The app can't start; the setting to mend is named."""


def parsed(name: str, text: str, shape: Any) -> Any:
    """What a setting's JSON holds, checked against a type. Raises `MissingSetting`."""
    try:
        return TypeAdapter(shape).validate_json(text, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise MissingSetting(f"setting {name} can't be used: {where} {problem['msg']}") from None
