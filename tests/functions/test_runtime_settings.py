"""Settings of what runs: whatever is missing or can't be used stops the app, by its name and field."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.missing_setting import MissingSetting
from functions.runtime_settings import Agent, RuntimeSettings
from tests.functions.conftest import SETTINGS

CLUSTER = {"url": "https://cluster.example", "token": "token"}
REQUIRED = ("Kubernetes__clusters", "Pulumi__token", "Pulumi__organization")


def read(**changes: str) -> RuntimeSettings:
    return RuntimeSettings.read(SETTINGS | changes)


def with_cluster(environment: str = "*", /, **changes: Any) -> RuntimeSettings:
    """`...` leaves a field out."""
    made = {name: value for name, value in (CLUSTER | changes).items() if value is not ...}
    return read(Kubernetes__clusters=json.dumps({environment: made}))


def authority() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_required_is_named_where_it_is_missing(name: str, value: str | None) -> None:
    environment = {key: text for key, text in SETTINGS.items() if key != name}
    with pytest.raises(MissingSetting, match=f"setting {name} is not set"):
        RuntimeSettings.read(environment if value is None else environment | {name: value})


def test_the_rest_may_be_left_out() -> None:
    settings = RuntimeSettings.read({name: SETTINGS[name] for name in REQUIRED})
    assert (settings.agent, settings.probe_hosts, settings.metrics_url) == (Agent.FLUX, (), None)
    assert settings.pulumi_url == "https://api.pulumi.com"
    assert settings.resource_manager_url == "https://management.azure.com"
    assert (settings.resource_manager_subscriptions, settings.helm) == ({}, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": ...}, "url"),
        ({"url": "cluster.example"}, "url"),
        ({"url": "https://cluster .example"}, "url"),
        ({"url": "http://cluster.example"}, "url"),
        ({"url": "http://127.0.0.1.example"}, "url"),
        ({"url": 7}, "url"),
        ({"token": ""}, "token"),
        ({"token": ..., "scope": ""}, "scope"),
        ({"token": 7}, "token"),
        ({"ca": "no certificate"}, "ca"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "ca"),
        ({"certificate": "x"}, "certificate"),
    ],
)
def test_a_cluster_that_cant_be_used_is_named_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MissingSetting, match=rf"Kubernetes__clusters can't be used: prod\.{field} "):
        with_cluster("prod", **changes)


@pytest.mark.parametrize("changes", [{"token": ...}, {"scope": "api://cluster/.default"}])
def test_a_cluster_is_shown_either_a_token_or_the_apps_own_identity(changes: dict[str, Any]) -> None:
    with pytest.raises(MissingSetting, match=r"Kubernetes__clusters.* either a token or a scope"):
        with_cluster(**changes)
    assert with_cluster(token=..., scope="api://cluster/.default").clusters["*"].token is None


@pytest.mark.parametrize("environment", ["", "Prod", "prod_1", "-prod", "prod*", "**"])
def test_a_cluster_of_what_can_be_no_environment_is_refused(environment: str) -> None:
    with pytest.raises(MissingSetting, match="Kubernetes__clusters"):
        with_cluster(environment)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"*": "https://cluster.example"}', '{"*": null}'])
def test_clusters_that_are_no_json_object_of_clusters_are_refused(text: str) -> None:
    with pytest.raises(MissingSetting, match="Kubernetes__clusters"):
        read(Kubernetes__clusters=text)


def test_each_environment_may_have_a_cluster_and_an_authority_of_its_own() -> None:
    ca = authority()
    given = {"*": CLUSTER, "prod": CLUSTER | {"url": "https://prod.example", "ca": ca}}
    settings = read(Kubernetes__clusters=json.dumps(given))
    assert {name: (one.url, one.ca) for name, one in settings.clusters.items()} == {
        "*": ("https://cluster.example", None),
        "prod": ("https://prod.example", ca),
    }
    ssl.create_default_context(cadata=settings.clusters["prod"].ca)


@pytest.mark.parametrize("url", ["http://127.0.0.1:6443", "http://localhost:6443", "http://[::1]:6443"])
def test_only_on_this_machine_a_cluster_is_spoken_to_in_clear(url: str) -> None:
    assert with_cluster(url=url).clusters["*"].url == url


@pytest.mark.parametrize(("value", "agent"), [("Flux", Agent.FLUX), ("ArgoCD", Agent.ARGO_CD)])
def test_the_agent_is_flux_or_argo_cd(value: str, agent: Agent) -> None:
    assert read(GitOps__agent=value).agent is agent


@pytest.mark.parametrize("value", ["flux", "Argo CD", "Spinnaker"])
def test_another_agent_is_refused_with_those_that_there_are(value: str) -> None:
    with pytest.raises(MissingSetting, match=f"GitOps__agent must be Flux or ArgoCD, not {value}"):
        read(GitOps__agent=value)


@pytest.mark.parametrize("placeholder", ["{tenantId}", "{projectId}"])
def test_an_organization_that_tenants_would_share_is_refused(placeholder: str) -> None:
    shared = SETTINGS["Pulumi__organization"].replace(placeholder, "everybody")
    with pytest.raises(MissingSetting, match=f"Pulumi__organization must contain {placeholder}"):
        read(Pulumi__organization=shared)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"acme/booking": 7}', '{"acme/booking": ""}', '{"acme": "x"}', '{"a/b/c": "x"}']
)
def test_subscriptions_are_json_by_tenant_and_project(text: str) -> None:
    with pytest.raises(MissingSetting, match="ResourceManager__subscriptions can't be used"):
        read(ResourceManager__subscriptions=text)
    settings = read(ResourceManager__subscriptions='{"acme/booking": "5a1f0d3c"}')
    assert settings.resource_manager_subscriptions == {"acme/booking": "5a1f0d3c"}


def test_hosts_that_are_probed_are_words() -> None:
    assert read(HealthGates__hosts="a.example, b.example  c.example:8080").probe_hosts == (
        "a.example",
        "b.example",
        "c.example:8080",
    )
