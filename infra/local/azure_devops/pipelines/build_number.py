"""The number of a run, from the pipeline's `name:`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.emulation.state import Json

DEFAULT_FORMAT = "$(Date:yyyyMMdd).$(Rev:r)"

_TOKEN = re.compile(r"\$\(([^()]+)\)")
_REVISION = re.compile(r"\$\(rev:(r+)\)", re.IGNORECASE)
_DATE_PARTS = re.compile(r"yyyy|yy|MM|M|dd|d|HH|H|hh|mm|m|ss|s|fff")
_FORBIDDEN = re.compile(r'["/:<>\\|?@*]|\.$')
_LONGEST = 255


def build_number(
    emulator: Emulator, definition: Json, name: str | None, variables: Mapping[str, str], moment: datetime
) -> str:
    """Raises PipelineInvalid for characters that a build number can't have."""
    moment = moment.astimezone(UTC)
    lowered = {key.lower(): value for key, value in variables.items()}
    text = _TOKEN.sub(lambda found: _value(found, lowered, moment), name or DEFAULT_FORMAT)
    revision = _REVISION.search(text)
    if revision is not None:
        # The count starts anew for every text around it: 20260301.1, .2, then 20260302.1.
        rest = f"{text[: revision.start()]}*{text[revision.end() :]}"
        counter = f"revision/{definition['projectId']}/{definition['id']}/{rest.lower()}"
        number = str(emulator.state.next_number(counter)).zfill(len(revision[1]))
        text = text[: revision.start()] + number + text[revision.end() :]
    if _FORBIDDEN.search(text) or not text or len(text) > _LONGEST:
        raise PipelineInvalid(
            f"The build number format string '{name}' generated a build number '{text}' which contains "
            "invalid character(s), is too long, or ends with '.'."
        )
    return text


def _value(found: re.Match[str], variables: Mapping[str, str], moment: datetime) -> str:
    token = found[1].strip()
    kind, _, detail = token.partition(":")
    kind = kind.lower()
    if kind == "rev":
        return found[0]
    if kind in ("date", "year") and (detail or kind == "date"):
        return _date(detail or "yyyyMMdd", moment)
    fixed = {
        "year": f"{moment:%Y}",
        "month": f"{moment.month}",
        "dayofmonth": f"{moment.day}",
        "dayofyear": f"{moment.timetuple().tm_yday}",
        "hours": f"{moment.hour}",
        "minutes": f"{moment.minute}",
        "seconds": f"{moment.second}",
        "sourcebranchname": variables.get("build.sourcebranchname", ""),
        "buildid": variables.get("build.buildid", ""),
        "builddefinitionname": variables.get("build.definitionname", ""),
        "teamproject": variables.get("system.teamproject", ""),
    }
    return fixed.get(kind, variables.get(token.lower(), found[0]))


def _date(pattern: str, moment: datetime) -> str:
    parts = {
        "yyyy": f"{moment:%Y}",
        "yy": f"{moment:%y}",
        "MM": f"{moment:%m}",
        "M": str(moment.month),
        "dd": f"{moment:%d}",
        "d": str(moment.day),
        "HH": f"{moment:%H}",
        "H": str(moment.hour),
        "hh": f"{moment:%I}",
        "mm": f"{moment:%M}",
        "m": str(moment.minute),
        "ss": f"{moment:%S}",
        "s": str(moment.second),
        "fff": f"{moment.microsecond // 1000:03}",
    }
    return _DATE_PARTS.sub(lambda found: parts[found[0]], pattern)
