"""Settings of what runs: clusters, probes, metrics, infrastructure engines; read and checked at the start.

`Kubernetes__clusters` is JSON: `{"<environment>": {"url", "token" or "scope", "ca"?}}`, where `"*"` is every
environment that has no entry of its own. A `scope` stands for the app's own identity at Entra ID.
`ResourceManager__subscriptions` is JSON as well: `{"<tenantId>/<projectId>": "<subscription>"}`.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from functions.missing_setting import MissingSetting, parsed


class Agent(StrEnum):
    FLUX = "Flux"
    ARGO_CD = "ArgoCD"


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _private(url: str) -> str:
    """What the app shows there must not be read on the way."""
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("must be https")
    return url


def _certificate(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ValueError("must be a certificate in PEM") from None
    return text


type _Text = Annotated[str, Field(min_length=1)]
type _Environment = Annotated[str, Field(pattern=r"^(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$")]
type _Project = Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")]


class ClusterSettings(BaseModel):
    """Where a cluster's API is, and what the app shows there."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    url: Annotated[str, Field(pattern=r"^https?://\S+$"), AfterValidator(_private)]
    token: _Text | None = None
    scope: _Text | None = None
    ca: Annotated[str, AfterValidator(_certificate)] | None = None
    """The certificate authority in PEM, where it is not a public one."""

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if (self.token is None) == (self.scope is None):
            raise ValueError("must have either a token or a scope")
        return self


@dataclass(frozen=True)
class RuntimeSettings:
    """`pulumi_organization` and `metrics_url` may hold `{tenantId}` and `{projectId}`."""

    clusters: Mapping[str, ClusterSettings]
    agent: Agent
    probe_hosts: tuple[str, ...]
    metrics_url: str | None
    metrics_authorization: str | None
    pulumi_url: str
    pulumi_token: str
    pulumi_organization: str
    pulumi_git_user: str | None
    pulumi_git_password: str | None
    resource_manager_url: str
    resource_manager_authorization: str | None
    resource_manager_subscriptions: Mapping[str, str]
    helm: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "RuntimeSettings":
        """Raises `MissingSetting`."""

        def optional(name: str) -> str | None:
            return environment.get(name) or None

        def required(name: str) -> str:
            value = optional(name)
            if value is None:
                raise MissingSetting(f"setting {name} is not set")
            return value

        return cls(
            clusters=parsed(
                "Kubernetes__clusters", required("Kubernetes__clusters"), dict[_Environment, ClusterSettings]
            ),
            agent=_agent(optional("GitOps__agent")),
            probe_hosts=tuple((optional("HealthGates__hosts") or "").replace(",", " ").split()),
            metrics_url=optional("Metrics__url"),
            metrics_authorization=optional("Metrics__authorization"),
            pulumi_url=optional("Pulumi__url") or "https://api.pulumi.com",
            pulumi_token=required("Pulumi__token"),
            pulumi_organization=_scoped("Pulumi__organization", required("Pulumi__organization")),
            pulumi_git_user=optional("Pulumi__gitUser"),
            pulumi_git_password=optional("Pulumi__gitPassword"),
            resource_manager_url=optional("ResourceManager__url") or "https://management.azure.com",
            resource_manager_authorization=optional("ResourceManager__authorization"),
            resource_manager_subscriptions=parsed(
                "ResourceManager__subscriptions",
                optional("ResourceManager__subscriptions") or "{}",
                dict[_Project, _Text],
            ),
            helm=optional("Helm__path"),
        )


def _scoped(name: str, value: str) -> str:
    for placeholder in ("{tenantId}", "{projectId}"):
        if placeholder not in value:
            raise MissingSetting(f"setting {name} must contain {placeholder}: tenants never share a place")
    if re.search(r"\}[A-Za-z0-9{]", value):
        raise MissingSetting(
            f"setting {name} must keep its placeholders apart, as in {{tenantId}}-{{projectId}}"
        )
    return value


def _agent(value: str | None) -> Agent:
    if value is None:
        return Agent.FLUX
    if value not in Agent:
        raise MissingSetting(f"setting GitOps__agent must be {' or '.join(Agent)}, not {value}")
    return Agent(value)
