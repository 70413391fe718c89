"""The `MetricSource` port in memory; counterpart: `adapters.prometheus`."""

from typing import override

from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import MetricSource


class MemoryMetricSource(Outside, MetricSource):
    """Every query gives 0, until somebody says otherwise."""

    def __init__(self) -> None:
        super().__init__("the metrics")
        self._answers: dict[str, float | Rejected | None] = {}

    def gives(self, fragment: str, value: float | None) -> None:
        """Queries that hold this text give the value, None for no data. What was said last counts."""
        self._say(fragment, value)

    def refuses(self, fragment: str, sentence: str) -> None:
        """Queries that hold this text are none."""
        self._say(fragment, Rejected(sentence))

    @override
    async def query(self, partition: Partition, query: str) -> float | None:
        async with self._call("query"):
            for fragment, answer in reversed(self._answers.items()):
                if fragment in query:
                    if isinstance(answer, Rejected):
                        raise Rejected(answer.sentence)
                    return answer
            return 0.0

    def _say(self, fragment: str, answer: float | Rejected | None) -> None:
        self._answers.pop(fragment, None)
        self._answers[fragment] = answer
