"""The words of a SQL filter or rule action, each with its position for error messages."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>\[[^\]]+\]|"[^"]+")
    | (?P<word>[A-Za-z_][A-Za-z0-9_$@\#]*)
    | (?P<symbol><>|!=|<=|>=|[=<>()+\-*/%,.;])
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    ["AND", "OR", "NOT", "IN", "LIKE", "ESCAPE", "IS", "NULL", "EXISTS", "TRUE", "FALSE", "SET", "REMOVE"]
)


class SqlError(ValueError):
    """The text is no filter or action of the supported subset; the message names the position."""

    def __init__(self, problem: str, text: str, position: int) -> None:
        super().__init__(f"{problem} at position {position + 1} of {text!r}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, string, name, keyword, symbol or end; `text` is unquoted, a keyword upper-case."""

    kind: str
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise SqlError(f"unexpected {text[start]!r}", text, start)
        kind = match.lastgroup or ""
        tokens.append(_token(kind, match[kind], match.start(kind)))
        position = match.end()
    tokens.append(Token("end", "", end))
    return tokens


def _token(kind: str, raw: str, position: int) -> Token:
    if kind == "string":
        return Token("string", raw[1:-1].replace("''", "'"), position)
    if kind == "quoted":
        return Token("name", raw[1:-1], position)
    if kind == "word":
        if raw.upper() in _KEYWORDS:
            return Token("keyword", raw.upper(), position)
        return Token("name", raw, position)
    return Token(kind, raw, position)
