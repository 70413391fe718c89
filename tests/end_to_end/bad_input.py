"""Bad input, derived where it can be from the registry: bodies, fields, headers, addresses."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args
from urllib.parse import quote

from domain.kernel.context import Handler
from domain.kernel.errors import Invalid
from domain.kernel.values import Identifier, validated
from tests.domain.mutations import mutations
from tests.end_to_end.doors import Payload

# Characters that storage keys, addresses or logs would choke on.
KEY_CHARACTERS = (
    "/",
    "\\",
    "#",
    "?",
    "|",
    "%",
    " ",
    "\n",
    "\t",
    "\x00",
    "\x1f",
    "\x7f",
    "\x85",
    "é",
    "\ufffd",
    "😀",
)
LONG = "x" * 300


@dataclass(frozen=True)
class Case:
    """One request body that must be refused, and the field that must be named for it."""

    what: str
    body: bytes
    field: str


def unreadable() -> Iterator[tuple[str, bytes]]:
    """Bodies that are no JSON object that we could write again."""
    yield "empty", b""
    yield "cut off", b'{"name": "x"'
    yield "trailing", b'{"name": "x"} {}'
    yield "single quotes", b"{'name': 'x'}"
    yield "a list", b"[]"
    yield "a string", b'"name"'
    yield "null", b"null"
    yield "a number", b"12"
    yield "not UTF-8", b'{"name": "\xff\xfe"}'
    yield "UTF-16", '{"name": "x"}'.encode("utf-16")
    yield "NaN", b'{"name": NaN}'
    yield "Infinity", b'{"name": -Infinity}'
    yield "1e400", b'{"anything": 1e400}'
    yield "-1e400, nested", b'{"anything": [{"deep": -1e400}]}'
    yield "a lone surrogate", b'{"name": "\\ud800"}'
    yield "a lone surrogate as a key", b'{"\\udfff": 1}'
    yield "surrogates in the wrong order", b'{"anything": "\\udc00\\ud800"}'
    yield "surrogate in raw UTF-8", b'{"anything": "\xed\xa0\x80"}'
    yield "deep lists", b'{"anything": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "a number of 5,000 digits", b'{"anything": 1' + b"0" * 5000 + b"}"
    yield "a number of 5,000 digits, nested", b'{"anything": [-1' + b"0" * 5000 + b"]}"


def mutated(handler: Handler, payload: Payload) -> Iterator[Case]:
    """A valid payload with each field wrong or missing, or with characters that it does not take."""
    for mutation in mutations(handler.command, payload):
        broken = mutation.applied_to(copy.deepcopy(payload))
        name = mutation.field.removeprefix("payload.")
        yield Case(f"{name} = {mutation.value!r:.40}", json.dumps(broken).encode(), name)
    for name, value in unsuitable(handler, payload):
        yield Case(f"{name} = {value!r:.40}", json.dumps(payload | {name: value}).encode(), name)


def unsuitable(handler: Handler, payload: Payload) -> Iterator[tuple[str, str]]:
    """Texts for the command's text fields: an identifier takes none of them, others say which they take."""
    texts = [f"x{character}y" for character in KEY_CHARACTERS] + ["", "..", "-", LONG * 10]
    for field in handler.command.model_fields.values():
        name = str(field.alias)
        if not isinstance(payload.get(name), str):
            continue
        is_identifier = get_args(Identifier)[-1] in field.metadata
        for text in texts:
            if is_identifier or not is_taken(handler, payload | {name: text}):
                yield name, text


def is_taken(handler: Handler, payload: Payload) -> bool:
    try:
        validated(handler.command, payload)
    except Invalid:
        return False
    return True


def headers() -> Iterator[tuple[dict[str, str], str]]:
    """Headers that must be refused, each with the name that must be named."""
    for name in ("X-Trace-Id", "X-Correlation-Id", "X-Causation-Id", "X-Module-Id"):
        for value in ("", "a/b", "a\\b", "a#b", "a?b", "a|b", "a b", "-a", "é", "\udcff", LONG):
            yield {name: value}, name
    for value in ("", "k" * 201, "clé", "a\tb", "\udcff"):
        yield {"Idempotency-Key": value}, "Idempotency-Key"


def addresses() -> Iterator[str]:
    """Path segments, encoded, that are no identifier."""
    for character in KEY_CHARACTERS:
        yield f"x{quote(character, safe='')}y"
    yield from ("%FF", "%ED%A0%80", "%C0%AF", "-x", "%2e%2e", "x" * 64, "%2F", "%20")
