"""How far back a provider is searched for what an earlier try of the same command has left there."""

from datetime import datetime, timedelta

LOOK_BACK = timedelta(days=7)


def searched_since(created_at: datetime, now: datetime) -> datetime:
    """No further than to the beginning of what the command is about."""
    return max(created_at, now - LOOK_BACK)
