"""The trailer by which a repeated command finds its own effect in commits and pull requests."""

import re

_TRAILER = "CS-Operation-Id"
_LINE = re.compile(rf"^{_TRAILER}: (\S+)[ \t]*\r?$", re.MULTILINE)


def marked(text: str, operation_id: str, limit: int | None = None) -> str:
    """The text with the trailer; of a text that is too long (`limit` in characters) the end is cut."""
    trailer = f"{_TRAILER}: {operation_id}"
    body = text.rstrip()
    if limit is not None:
        body = body[: limit - len(trailer) - 2].rstrip()
    return f"{body}\n\n{trailer}" if body else trailer


def operation_of(text: str) -> str | None:
    """The operation that left the text. Only the last trailer counts: the ones before are quotations."""
    found = _LINE.findall(text)
    return str(found[-1]) if found else None


def unmarked(text: str) -> str:
    """The text as it was before it was marked."""
    found = list(_LINE.finditer(text))
    return text[: found[-1].start()].rstrip() + text[found[-1].end() :] if found else text
