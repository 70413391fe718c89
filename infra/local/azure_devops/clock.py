"""Dates in the service's format."""

from __future__ import annotations

from datetime import UTC, datetime

from infra.local.azure_devops.errors import invalid_argument


def now() -> str:
    return render(datetime.now(UTC))


def render(moment: datetime) -> str:
    """ISO 8601 in UTC with seven digits of a second, as the service writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def parse(text: str) -> datetime:
    """An instant from a client; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError as error:
        raise invalid_argument(f"'{text}' is not a date.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
