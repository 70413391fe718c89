"""The issuer over HTTP: discovery and keys at Entra ID's addresses, and tokens for whoever asks.

It asks nobody for a password: it is for one laptop, and the app takes its word only there.
"""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from infra.local.issuer.keys import KeyRing
from infra.local.issuer.people import AUDIENCE, STAFF, Subject, claims, claims_v1

HOUR = 3600.0


class Issuer:
    """`reads` counts how often the keys were asked for; `signs_for` is the directory the keys are for."""

    def __init__(self) -> None:
        self.ring = KeyRing()
        self.url = ""
        self.reads = 0
        self.signs_for = "{tenantid}"
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> str:
        """Serve on 127.0.0.1; answers the address."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/{tid}/v2.0/.well-known/openid-configuration", self._configuration),
                web.get("/common/discovery/v2.0/keys", self._keys),
                web.post("/token", self._token),
                web.post("/_local/rotate", self._rotate),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{bound}"
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/common/discovery/v2.0/keys"

    @property
    def issuers(self) -> tuple[str, str]:
        """Of v2 and of v1 tokens, for any Entra tenant."""
        return f"{self.url}/{{tenantid}}/v2.0", f"{self.url}/{{tenantid}}/"

    def token(self, subject: Subject, *, version: str = "2.0", lifetime: float = HOUR, **changes: Any) -> str:
        """An access token; `changes` are claims to set, or with None to leave out."""
        shape = claims_v1 if version == "1.0" else claims
        made = shape(subject, self.url, datetime.now(UTC), lifetime) | changes
        return self.ring.current.sign({name: value for name, value in made.items() if value is not None})

    async def _configuration(self, request: web.Request) -> web.Response:
        tid = request.match_info["tid"]
        return web.json_response(
            {
                "issuer": f"{self.url}/{tid}/v2.0",
                "jwks_uri": self.jwks_url,
                "token_endpoint": f"{self.url}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["pairwise"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        self.reads += 1
        whose = f"{self.url}/{self.signs_for}/v2.0"
        return web.json_response({"keys": [key.jwk(whose) for key in self.ring.keys]})

    async def _token(self, request: web.Request) -> web.Response:
        """`{"person" or "application", "roles", "groups", "tid", "version", "lifetime", "claims"}`."""
        try:
            asked = await request.json()
            name = asked.get("person") or asked["application"]
            subject = Subject(
                name,
                is_application="person" not in asked,
                roles=tuple(asked.get("roles", ())),
                groups=tuple(asked.get("groups", ())),
                tid=asked.get("tid", STAFF),
            )
            lifetime = float(asked.get("lifetime", HOUR))
            version = asked.get("version", "2.0")
            token = self.token(subject, version=version, lifetime=lifetime, **asked.get("claims", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return web.json_response(
                {"error": "invalid_request", "error_description": str(error)}, status=400
            )
        return web.json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime), "audience": AUDIENCE}
        )

    async def _rotate(self, request: web.Request) -> web.Response:
        """`?keep=false` takes the earlier keys away, so that what they signed counts no longer."""
        key = self.ring.rotate(keep=request.query.get("keep", "true") != "false")
        return web.json_response({"kid": key.kid, "published": [each.kid for each in self.ring.keys]})
