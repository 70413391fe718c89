"""Tokens that must not be believed, each a genuine one changed in a single way by somebody with a key pair of
their own and the issuer's public key."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from functions.tokens import LARGEST
from infra.local.issuer.keys import Key
from infra.local.issuer.people import Subject, claims
from infra.local.issuer.server import Issuer
from tests.functions.conftest import ACME, OTHER
from tests.functions.wrong_claims import wrong_claims

type Json = dict[str, Any]
type Sign = Callable[[bytes], bytes]

HOUR = 3600


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: object) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def signer(key: object, algorithm: str) -> Sign:
    """PyJWT's own, for algorithms that the app must not take."""
    made = jwt.get_algorithm_by_name(algorithm)
    return lambda text: made.sign(text, key)


@dataclass(frozen=True)
class Forger:
    """`taken_away` once signed for the issuer; `server` is the forger's own, with their keys."""

    issuer: Issuer
    server: Issuer
    taken_away: Key
    own: Key

    @property
    def kid(self) -> str:
        return self.issuer.ring.current.kid

    @property
    def genuine(self) -> Json:
        subject = Subject("mallory", roles=("approver", "contributor"), tid=ACME)
        return claims(subject, self.issuer.url, datetime.now(UTC), HOUR)

    def token(
        self,
        payload: object = None,
        *,
        sign: Sign | None = None,
        header: Json | bytes | None = None,
        **more: Any,
    ) -> str:
        """Signed by the issuer itself unless said otherwise; `more` are header fields (None: left out)."""
        if header is None:
            fields = {"typ": "JWT", "alg": "RS256", "kid": self.kid} | more
            header = {name: value for name, value in fields.items() if value is not ...}
        text = f"{part(header)}.{part(self.genuine if payload is None else payload)}"
        sign = sign or signer(self.issuer.ring.current.private, "RS256")
        return f"{text}.{b64(sign(text.encode()))}"

    def changed(self, **claims: Any) -> str:
        """A genuine token of these claims (`...`: without the claim): the issuer signs what it should not."""
        made = self.genuine | claims
        return self.token({name: value for name, value in made.items() if value is not ...})


def forged_tokens(forger: Forger) -> Iterator[tuple[str, str]]:
    """What is wrong, and the token."""
    for family in (_algorithms, _keys, _headers, _signatures, _shapes):
        yield from family(forger)
    for what, changes in wrong_claims(forger.issuer.url):
        yield f"claims: {what}", forger.changed(**changes)


def _algorithms(forger: Forger) -> Iterator[tuple[str, str]]:
    for alg in ("none", "None", "NONE", "nOnE", "none ", "", None, ["RS256"], {"RS256": 1}, 0, ..., "rs256"):
        for signature in ("", "AA"):
            text = forger.token(alg=alg).rpartition(".")[0]
            yield f"alg {alg!r} with signature {signature!r}", f"{text}.{signature}"
        yield f"alg {alg!r}, signed all the same", forger.token(alg=alg)
    public = forger.issuer.ring.current.private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    modulus = forger.issuer.ring.current.jwk()["n"].encode()
    for form, secret in (("PEM", pem), ("PEM without its end", pem.strip()), ("DER", der), ("PKCS 1", pkcs1)):
        for bits, digest in ((256, hashlib.sha256), (384, hashlib.sha384), (512, hashlib.sha512)):
            yield (
                f"HS{bits} with the public key as {form}",
                forger.token(alg=f"HS{bits}", sign=_hmac(secret, digest)),
            )
    yield "HS256 with the modulus", forger.token(alg="HS256", sign=_hmac(modulus, hashlib.sha256))
    yield "RS256 over an HMAC", forger.token(sign=_hmac(pem, hashlib.sha256))
    private = forger.issuer.ring.current.private
    for alg in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        yield f"{alg} with the right key", forger.token(alg=alg, sign=signer(private, alg))
        yield f"{alg} said to be RS256", forger.token(sign=signer(private, alg))
    curve = ec.generate_private_key(ec.SECP256R1())
    for alg in ("ES256", "RS256"):
        yield f"{alg} with a curve's key", forger.token(alg=alg, sign=signer(curve, "ES256"))
    yield "EdDSA", forger.token(alg="EdDSA", sign=signer(ed25519.Ed25519PrivateKey.generate(), "EdDSA"))


def _hmac(secret: bytes, digest: Callable[..., Any]) -> Sign:
    return lambda text: hmac.new(secret, text, digest).digest()


def _keys(forger: Forger) -> Iterator[tuple[str, str]]:
    own = signer(forger.own.private, "RS256")
    kids: tuple[Any, ...] = (
        *(forger.own.kid, "unknown", "", None, ..., 0, [forger.kid], {"kid": forger.kid}, "x" * 5000),
        *(
            "../../../../dev/null",
            "/etc/passwd",
            "file:///dev/null",
            f"{forger.server.jwks_url}#",
            "' OR 1=1 --",
        ),
        *(forger.kid + "\x00", forger.kid.upper(), f" {forger.kid}", "__class__", "\ud800"),
    )
    for kid in kids:
        yield f"kid {kid!r:.40} and the forger's key", forger.token(kid=kid, sign=own)
        yield f"kid {kid!r:.40} and the issuer's key", forger.token(kid=kid)
    yield "the issuer's kid and the forger's key", forger.token(sign=own)
    taken = forger.taken_away
    yield "a key that was taken away", forger.token(kid=taken.kid, sign=signer(taken.private, "RS256"))


def _headers(forger: Forger) -> Iterator[tuple[str, str]]:
    own = signer(forger.own.private, "RS256")
    server = forger.server.jwks_url
    unfit: tuple[tuple[str, Any], ...] = (
        ("jwk", forger.own.jwk()),
        ("jku", server),
        ("x5u", server),
        ("x5c", [b64(b"certificate")]),
        ("crit", ["exp"]),
        ("crit", []),
        ("b64", False),
        ("cty", "JWT"),
        ("zip", "DEF"),
        ("enc", "A256GCM"),
    )
    for name, value in unfit:
        for kid in (forger.own.kid, forger.kid):
            more: Json = {"kid": kid, name: value}
            yield f"{name} {value!r:.30} and the forger's key", forger.token(sign=own, **more)
        yield (
            f"{name} {value!r:.30} and the issuer's key",
            forger.token(None, sign=None, header=None, **{name: value}),
        )
    for raw in (
        f'{{"alg":"none","alg":"RS256","kid":"{forger.kid}"}}',
        f'{{"alg":"RS256","alg":"HS256","kid":"{forger.kid}"}}',
        f'{{"alg":"RS256","kid":"{forger.own.kid}","kid":"{forger.kid}"}}',
        "[]",
        "null",
        '"RS256"',
        "{",
        "",
        "\xff",
    ):
        yield f"header {raw!r:.40}", forger.token(header=raw.encode("latin-1"))


def _signatures(forger: Forger) -> Iterator[tuple[str, str]]:
    good = forger.token()
    text, _, signature = good.rpartition(".")
    header, payload = text.split(".")
    other = forger.changed(roles=[])
    raw = base64.urlsafe_b64decode(signature + "==")
    flipped = bytes([raw[0] ^ 1]) + raw[1:]
    for what, made in (
        ("stripped", text),
        ("empty", f"{text}."),
        ("cut", f"{text}.{signature[:-8]}"),
        ("longer", f"{text}.{signature}AAAA"),
        ("one bit turned", f"{text}.{b64(flipped)}"),
        ("zeros", f"{text}.{b64(bytes(len(raw)))}"),
        ("of another token", f"{text}.{other.rpartition('.')[2]}"),
        ("over another payload", f"{header}.{other.split('.')[1]}.{signature}"),
        ("over another header", f"{part({'alg': 'RS256', 'kid': forger.kid})}.{payload}.{signature}"),
        ("as the payload", f"{header}.{signature}.{signature}"),
        ("not of its own alphabet", f"{text}.{signature[:-1]}+"),
        ("with a line's end", f"{good}\n"),
        ("with padding", f"{good}=="),
    ):
        yield f"signature {what}", made


def _shapes(forger: Forger) -> Iterator[tuple[str, str]]:
    good = forger.token()
    header, payload, signature = good.split(".")
    for text in (
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        header,
        f"{header}.{payload}",
        f"{good}.{signature}",
    ):
        yield f"shape {text!r:.20} {text.count('.')}", text
    for text in (f"{header}.{payload}.{signature}.{payload}.{signature}", f".{payload}.{signature}"):
        yield f"shape {text.count('.')} dots", text
    for text in (f"{header[:9]}%{header[9:]}.{payload}.{signature}", f"{header}.{payload[:9]}é.{signature}"):
        yield "shape: no base64", text
    for body in (
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b"[" * 5000,
        good.encode(),
        b'{"exp":1,"exp":2}',
    ):
        yield f"payload {body!r:.20}", forger.token(body)
    twice = json.dumps(forger.genuine)[:-1] + f', "tid": "{OTHER}"}}'
    yield "payload with a claim twice", forger.token(twice.encode())
    yield "too long", forger.changed(groups=["x" * 36] * (LARGEST // 36))
