"""What shows that a command on a queue, or a fact on a topic, is the app's own: an HMAC over who acts and
what is said. Whoever may send there can say anything else, but not in another's name.
"""

import hashlib
import hmac

from domain.kernel.actor import Actor

ACTOR, INITIATOR, PROOF = "cs-actor", "cs-initiator", "cs-proof"


def proof_key(secret: bytes) -> bytes:
    """A key of its own, drawn from another one: no digest made with that one is ever a proof."""
    return hmac.new(secret, b"cs-proof/v1", hashlib.sha256).digest()


def is_proven(key: bytes, given: object, message_id: str, actor: Actor, body: bytes) -> bool:
    """In constant time."""
    text = str(given).encode("utf-8", "surrogatepass")
    return hmac.compare_digest(text, proof(key, message_id, actor, body).encode())


def proof(key: bytes, message_id: str, actor: Actor, body: bytes) -> str:
    """In hex. The length before each part keeps one part's end from being another's beginning."""
    initiator = b"-" if actor.initiator is None else b"+" + actor.initiator.encode("utf-8", "surrogatepass")
    parts = (
        message_id.encode("utf-8", "surrogatepass"),
        actor.name.encode("utf-8", "surrogatepass"),
        initiator,
        body,
    )
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(b"%d:" % len(part))
        mac.update(part)
    return mac.hexdigest()
