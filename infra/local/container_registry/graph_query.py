"""The one form of Resource Graph query that is understood; any other is refused, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

ASSESSMENTS = "microsoft.security/assessments/subassessments"

_FIELD = r"(?:\w+\()*[\w.]*?"
_QUOTED = r"'([^']*)'"
_TYPE = re.compile(rf"(?:tolower\()?type\)?\s*=[=~]\s*{_QUOTED}", re.IGNORECASE)
_DIGEST = re.compile(rf"{_FIELD}artifactDetails\.digest\)*\s*=[=~]\s*{_QUOTED}")
_DIGESTS = re.compile(
    rf"{_FIELD}artifactDetails\.digest\)*\s+in~?\s*\(\s*({_QUOTED}(?:\s*,\s*{_QUOTED})*)\s*\)"
)
_REPOSITORY = re.compile(rf"{_FIELD}artifactDetails\.repositoryName\)*\s*=[=~]\s*{_QUOTED}")
_SINCE = re.compile(rf"{_FIELD}timeGenerated\)*\s*(>=?)\s*datetime\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
_ASSESSED = re.compile(rf"{_FIELD}assessedResourceType\)*\s*=[=~]\s*{_QUOTED}")


_ORDER = re.compile(r"by\s+(.+)")
_ORDER_KEY = re.compile(r"(?:properties\.)?(timeGenerated|id)\s+asc")
_FIELDS = frozenset({"id", "name", "type", "properties"})


class UnknownQuery(Exception):
    """A part of the query that is not understood."""


@dataclass
class Query:
    """Which rows are asked for; None where the query does not say."""

    type: str | None = None
    assessed: str | None = None
    digests: frozenset[str] | None = None
    repository: str | None = None
    since: datetime | None = None
    since_exclusive: bool = False
    order: tuple[str, ...] = ("timeGenerated", "id")

    def wants_time(self, moment: datetime) -> bool:
        if self.since is None:
            return True
        return moment > self.since if self.since_exclusive else moment >= self.since


def read_query(text: str) -> Query:
    """Raises `UnknownQuery`."""
    table, *operators = [part.strip() for part in text.split("|")]
    if table.lower() != "securityresources":
        raise UnknownQuery(f"the table '{table}' is not known")
    query = Query()
    for operator in operators:
        name, _, rest = operator.partition(" ")
        if name == "where":
            for condition in re.split(r"\s+and\s+", rest.strip()):
                _read_condition(query, condition.strip())
        elif name in ("order", "sort"):
            query.order = _order(operator, rest.strip())
        elif name != "project" or not _names(rest) <= _FIELDS:
            raise UnknownQuery(f"the operator '{operator}' is not supported")
    return query


def _read_condition(query: Query, condition: str) -> None:
    if found := _TYPE.fullmatch(condition):
        query.type = found[1].lower()
    elif found := _ASSESSED.fullmatch(condition):
        query.assessed = found[1]
    elif found := _DIGEST.fullmatch(condition):
        query.digests = frozenset({found[1].lower()})
    elif found := _DIGESTS.fullmatch(condition):
        query.digests = frozenset(digest.lower() for digest in re.findall(_QUOTED, found[1]))
    elif found := _REPOSITORY.fullmatch(condition):
        query.repository = found[1].lower()
    elif found := _SINCE.fullmatch(condition):
        query.since = _moment(found[2])
        query.since_exclusive = found[1] == ">"
    else:
        raise UnknownQuery(f"the condition '{condition}' is not supported")


def _order(operator: str, text: str) -> tuple[str, ...]:
    """By time, id, or both; never descending, which is what the service does where nothing is said."""
    found = _ORDER.fullmatch(text)
    keys = [_ORDER_KEY.fullmatch(key.strip()) for key in found[1].split(",")] if found else [None]
    names = tuple(key[1] for key in keys if key)
    if len(names) != len(keys):
        raise UnknownQuery(f"the operator '{operator}' is not supported")
    return names if "id" in names else (*names, "id")


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UnknownQuery(f"'{text}' is not a datetime") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
