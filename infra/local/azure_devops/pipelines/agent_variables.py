"""The variables of a job: what scripts see in their environment, what `$(name)` becomes, what logs hide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_MACRO = re.compile(r"\$\(([^()$]+)\)")
_NOT_IN_A_NAME = re.compile(r"[. ]")
# Shorter values of the agent's environment (1, true) say nothing, and would blot out half of every log.
_SHORTEST_HIDDEN = 5
_DEEPEST = 10
MASK = "***"


class Variables:
    """Names without regard to case. Secrets are for macros only: no environment carries them."""

    def __init__(self, agent_environment: Mapping[str, str]) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        self._secret_names: set[str] = set()
        self._hidden: list[str] = []
        for value in agent_environment.values():
            if len(value) >= _SHORTEST_HIDDEN:
                self.hide(value)

    def set(self, name: str, value: str, *, secret: bool = False) -> None:
        key = name.lower()
        self._values[key] = (name, value)
        # What was secret stays it, as the service has it.
        if secret or key in self._secret_names:
            self._secret_names.add(key)
            self.hide(value)

    def update(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def get(self, name: str, default: str = "") -> str:
        return self._values.get(name.lower(), ("", default))[1]

    def names(self) -> Iterable[str]:
        return [name for name, _ in self._values.values()]

    def plain(self) -> dict[str, str]:
        """All of them, secrets too, for conditions."""
        return {name: self.expand(value) for name, value in self._values.values()}

    def expand(self, text: str) -> str:
        """`$(name)` becomes its value; what is not a variable stays: it may be the shell's."""

        def replaced(found: re.Match[str]) -> str:
            known = self._values.get(found[1].strip().lower())
            return found[0] if known is None else known[1]

        for _ in range(_DEEPEST):
            expanded = _MACRO.sub(replaced, text)
            if expanded == text:
                break
            text = expanded
        return text

    def environment(self) -> dict[str, str]:
        return {
            environment_name(name): self.expand(value)
            for key, (name, value) in self._values.items()
            if key not in self._secret_names and "\0" not in value
        }

    def hide(self, value: str) -> None:
        """Each line of a value is hidden by itself too: logs are written by the line."""
        hidden = {*self._hidden, *(line for line in (value, *value.splitlines()) if line.strip())}
        # The longest first: one secret may be a part of another.
        self._hidden = sorted(hidden, key=len, reverse=True)

    def mask(self, text: str) -> str:
        for value in self._hidden:
            text = text.replace(value, MASK)
        return text


def environment_name(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name).upper()
