"""Events: a fact in NounVerbPastTense form."""

from typing import ClassVar

from domain.kernel.values import Model


class Event(Model):
    """A fact's payload. Changes are additive; an incompatible one raises `event_version`."""

    event_version: ClassVar[int] = 1
