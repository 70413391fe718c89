"""Signing keys that live as long as the process: one that signs, and the ones before it."""

import base64
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


@dataclass(frozen=True)
class Key:
    """A key pair under a name that no other key has."""

    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, BITS))
    kid: str = field(default_factory=lambda: uuid.uuid4().hex)

    def jwk(self, issuer: str | None = None) -> dict[str, Any]:
        """The public half as the JWKS document has it."""
        numbers = self.private.public_key().public_numbers()
        jwk = {"kty": "RSA", "use": "sig", "kid": self.kid, "n": _number(numbers.n), "e": _number(numbers.e)}
        return jwk if issuer is None else jwk | {"issuer": issuer}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token of these claims, whatever they are."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid})


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class KeyRing:
    """The newest key signs; all that are in the ring are published."""

    def __init__(self) -> None:
        self.keys = [Key()]

    @property
    def current(self) -> Key:
        return self.keys[-1]

    def rotate(self, *, keep: bool) -> Key:
        """Sign with a new key from now on; the earlier ones stay published or are taken away."""
        self.keys = [*(self.keys if keep else ()), Key()]
        return self.current
