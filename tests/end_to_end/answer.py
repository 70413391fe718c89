"""What the platform answers over HTTP, as its clients read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `json` of a body that is none fails the test that asks for it."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def reply(self) -> dict[str, Any]:
        """Of a command that was accepted; 202 where an orchestration goes on with it."""
        assert self.status in (200, 202), f"{self.status}: {self.text}"
        body: dict[str, Any] = self.json
        return body

    @property
    def fact(self) -> dict[str, Any]:
        """The only fact of a command that was accepted."""
        (event,) = self.reply["events"]
        fact: dict[str, Any] = event
        return fact

    @property
    def fields(self) -> set[str]:
        """What a problem names as wrong."""
        return {error["field"] for error in self.json["errors"]}
