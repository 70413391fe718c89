"""Times as the service writes them: UTC, up to seven digits after the second."""

from datetime import UTC, datetime

LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def moment(text: object) -> datetime:
    """The time; what is absent was long ago."""
    if not isinstance(text, str) or text < "0002":
        return LONG_AGO
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def text_of(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
