"""Settings of who may call, read and checked when the app starts.

Lists and maps are JSON: `Identity__tenants` is `{"<Entra tenant id>": ["<tenantId>", ...]}`, where `"*"` is
every tenant (for the platform's own staff); `Identity__machineKeys` is a list of
`{"name", "sha256", "roles", "tenants"}` with the SHA-256 of a long random key in hex.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from functions.callers import EVERY_TENANT
from functions.missing_setting import MissingSetting, parsed
from functions.roles import MACHINE_ROLES

TENANT_PLACEHOLDER = "{tenantid}"

# Azure sets one of these in each of its plans (CONTAINER_NAME is set by other clouds too).
_AZURE = ("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "CONTAINER_APP_NAME")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

type _Guid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
type _Tenant = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$")]


class Machine(BaseModel):
    """A service principal that comes without a token of Entra ID, and what it may do."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    roles: list[str]
    tenants: list[_Tenant]


class MachineKey(Machine):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class IdentitySettings:
    """`issuers` may hold `{tenantid}`, which stands for the token's own `tid`."""

    issuers: tuple[str, ...]
    audiences: frozenset[str]
    jwks_url: str
    tenants: Mapping[str, frozenset[str]]
    machine_keys: tuple[MachineKey, ...]
    service_bus: Machine
    platform_authenticates: bool
    """True where App Service authentication stands before the app, and so sets the principal's header."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "IdentitySettings":
        """Raises `MissingSetting`."""

        def required(name: str) -> str:
            if not environment.get(name):
                raise MissingSetting(f"setting {name} is not set")
            return environment[name]

        local = _is_local(environment)
        issuers = _words(required("Identity__issuers"))
        for issuer in issuers:
            _check_address("Identity__issuers", issuer, local)
        jwks_url = required("Identity__jwksUrl")
        _check_address("Identity__jwksUrl", jwks_url, local)
        keys = parsed(
            "Identity__machineKeys", environment.get("Identity__machineKeys") or "[]", list[MachineKey]
        )
        everything = {"name": "service-bus", "roles": sorted(MACHINE_ROLES), "tenants": [EVERY_TENANT]}
        given = environment.get("Identity__serviceBus")
        service_bus = (
            parsed("Identity__serviceBus", given, Machine) if given else Machine.model_validate(everything)
        )
        for machine in keys:
            _check_roles("Identity__machineKeys", machine)
        _check_roles("Identity__serviceBus", service_bus)
        return cls(
            issuers=issuers,
            audiences=frozenset(_words(required("Identity__audiences"))),
            jwks_url=jwks_url,
            tenants=_tenants(required("Identity__tenants")),
            machine_keys=tuple(keys),
            service_bus=service_bus,
            platform_authenticates=_platform_authenticates(environment),
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def _is_local(environment: Mapping[str, str]) -> bool:
    """Whether an issuer on this very machine may be believed: never in Azure."""
    if (environment.get("Identity__localIssuer") or "").lower() != "true":
        return False
    for name in _AZURE:
        if environment.get(name):
            raise MissingSetting(f"setting Identity__localIssuer must not be set in Azure ({name} is there)")
    return True


def _check_address(name: str, address: str, local: bool) -> None:
    parts = urlsplit(address)
    if parts.username is None and parts.hostname and parts.scheme == "https":
        return
    if local and parts.username is None and parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    raise MissingSetting(f"setting {name} must be an https address: {address}")


def _check_roles(name: str, machine: Machine) -> None:
    for value in machine.roles:
        if value not in MACHINE_ROLES:
            known = ", ".join(sorted(MACHINE_ROLES))
            raise MissingSetting(f"setting {name}: {machine.name} can't hold {value!r}, but only {known}")


def _tenants(text: str) -> Mapping[str, frozenset[str]]:
    tenants: dict[str, list[str]] = parsed("Identity__tenants", text, dict[_Guid, list[_Tenant]])
    spelled: dict[str, str] = {}
    for each in (tenant for of_one in tenants.values() for tenant in of_one):
        # Azure DevOps takes both for one organization, so they would be one place and two tenants.
        if spelled.setdefault(each.lower(), each) != each:
            raise MissingSetting(
                f"setting Identity__tenants must not hold {each} and {spelled[each.lower()]}"
            )
    return {entra: frozenset(ours) for entra, ours in tenants.items()}


def _platform_authenticates(environment: Mapping[str, str]) -> bool:
    """App Service drops a client's own `X-MS-CLIENT-PRINCIPAL` only where its authentication is on."""
    in_app_service = environment.get("WEBSITE_SITE_NAME") and environment.get("WEBSITE_INSTANCE_ID")
    return (
        bool(in_app_service)
        and re.fullmatch("(?i:true|1)", environment.get("WEBSITE_AUTH_ENABLED", "")) is not None
    )
