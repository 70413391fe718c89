"""The broker in memory: what was published, in order, and a switch that takes it away."""

from collections.abc import Sequence
from typing import override

from domain.kernel.envelope import Message
from domain.kernel.errors import Unavailable
from domain.ports import Broker


class MemoryBroker(Broker):
    def __init__(self) -> None:
        self.published: list[Message] = []
        self.away = False

    @override
    async def publish(self, messages: Sequence[Message]) -> None:
        await self.ping()
        self.published.extend(messages)

    @override
    async def ping(self) -> None:
        if self.away:
            raise Unavailable("broker", "switched off")
