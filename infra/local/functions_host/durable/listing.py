"""Finding instances by when they were created, how they stand, and how their ids begin; page by page."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from infra.local.functions_host.durable import rows
from infra.local.functions_host.durable.events import from_text
from infra.local.functions_host.durable.record import Record
from infra.local.functions_host.durable.storage_retry import persistently
from infra.local.functions_host.durable.store import InstanceStore

_PATIENCE = 10.0
_PAGE = 100


@dataclass(frozen=True)
class Asked:
    """The filters of one request."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    statuses: tuple[str, ...] = ()
    prefix: str = ""
    top: int = _PAGE
    token: str | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], token: str | None) -> "Asked":
        """Raises ValueError."""
        since, until = query.get("createdTimeFrom"), query.get("createdTimeTo")
        statuses = query.get("runtimeStatus", "")
        return cls(
            created_from=from_text(since) if since else None,
            created_to=from_text(until) if until else None,
            statuses=tuple(each.strip() for each in statuses.split(",") if each.strip()),
            prefix=query.get("instanceIdPrefix", ""),
            top=max(1, min(int(query.get("top") or 0) or 1000, 1000)),
            token=token,
        )

    def from_token(self, token: str) -> "Asked":
        return replace(self, token=token)

    def filter(self) -> tuple[str, dict[str, Any]]:
        """The table's own language, with its parameters."""
        parts, values = ["RowKey eq 'instance'"], dict[str, Any]()
        if self.created_from is not None:
            parts.append("Created ge @since")
            values["since"] = self.created_from
        if self.created_to is not None:
            parts.append("Created le @until")
            values["until"] = self.created_to
        if self.statuses:
            names = [f"status{number}" for number in range(len(self.statuses))]
            # The SDK finds a parameter only where it stands between spaces.
            parts.append("( " + " or ".join(f"Status eq @{name}" for name in names) + " )")
            values |= dict(zip(names, self.statuses, strict=True))
        if self.prefix:
            parts.append("PartitionKey ge @first and PartitionKey lt @last")
            values |= {"first": self.prefix, "last": self.prefix[:-1] + chr(ord(self.prefix[-1]) + 1)}
        return " and ".join(parts), values


class InstanceList:
    """Reads only."""

    def __init__(self, store: InstanceStore) -> None:
        self._store = store

    async def page(self, asked: Asked) -> tuple[list[Record], str | None]:
        """The instances, and the token of the next page if there is one. Raises StorageAway."""
        text, values = asked.filter()
        start = json.loads(base64.urlsafe_b64decode(asked.token)) if asked.token else None

        async def attempt() -> tuple[list[Mapping[str, Any]], Any]:
            pages = self._store.query(text, values, asked.top).by_page(continuation_token=start)
            found: list[Mapping[str, Any]] = [entity async for entity in await anext(pages)]
            return found, pages.continuation_token  # type: ignore[attr-defined]

        found, following = await persistently("list of instances", attempt, _PATIENCE)
        records = []
        for row in found:
            whole = (
                await self._store.read(row["PartitionKey"], _PATIENCE) if rows.has_values_apart(row) else None
            )
            records.append(whole or rows.read_record(row, "", {}))
        token = base64.urlsafe_b64encode(json.dumps(following).encode()).decode() if following else None
        return records, token
