"""Commands: an intent in VerbNoun form, and observations: what the outside world did."""

import hashlib
import json
from typing import Any

from domain.kernel.values import Model


class Command(Model):
    """An intent that exactly one aggregate answers. Who sends it and when is the envelope's matter."""


class Setting(Command):
    """A change to how the platform itself works for a project: same transaction and idempotency and an HTTP
    route, but no queue, and no place in the catalogue of what the platform delivers."""


class Observation(Command):
    """What the outside world did, as an internal kind of command: same transaction and idempotency, but
    no public route, no place in the public catalogue, and one queue for all of them."""


class Step(Command):
    """One step of an orchestration: same transaction and idempotency, but neither route nor queue, for only
    the orchestration sends it."""


def fingerprint(name: str, payload: dict[str, Any]) -> str:
    """Tells whether a repeated key comes with the same body; key order and spacing don't count."""
    canonical = json.dumps([name, payload], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
