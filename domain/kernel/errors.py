"""The two ways to say no: `Rejected` is the domain's decision, everything else is a failure to retry."""

from collections.abc import Iterable
from dataclasses import dataclass


class Rejected(Exception):
    """The domain says no. An outcome: it is stored, returned, and never retried."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def require(condition: bool, sentence: str) -> None:
    """Hold an invariant; `sentence` is what the operator reads where it does not hold."""
    if not condition:
        raise Rejected(sentence)


class NotFound(Exception):
    """Nothing of that kind and id in this tenant and project. Not stored: it may exist by the next try."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"{kind} {id} does not exist")
        self.kind, self.id = kind, id


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a message: the field's path on the wire, and what is wrong with it."""

    field: str
    problem: str


class Invalid(Exception):
    """A message that can't be understood; each field at fault is named. The same bytes will never do."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.problem}" for error in self.errors))


class Unavailable(Exception):
    """Something outside is away or its answer unknown. Try again: every call is safe to repeat."""

    def __init__(self, dependency: str, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"{dependency} is unavailable: {reason}")
        self.dependency, self.retry_after = dependency, retry_after


class Conflict(Exception):
    """Another command changed the same aggregate first: run the handler again on what is there now."""
