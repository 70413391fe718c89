"""Which cluster is asked, and whom it must be to be believed."""

import base64
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.entra import FixedAuthorization
from adapters.kubernetes.client import Cluster, KubernetesApi
from adapters.kubernetes.flux import FluxAgent
from adapters.kubernetes.kinds import DEPLOYMENT
from adapters.kubernetes.rollouts import KubernetesWorkloads
from domain.kernel.errors import Rejected, Unavailable
from tests.adapters import scripted_cluster
from tests.adapters.scripted_cluster import ENVIRONMENT, ScriptedCluster

scripted = scripted_cluster.scripted

PATH = DEPLOYMENT.path("shop", "orders")


async def test_each_environment_has_its_own_cluster(scripted: ScriptedCluster) -> None:
    other = ScriptedCluster()
    runner = await scripted_cluster.serve(other)
    api = KubernetesApi(
        {
            "production": Cluster(other.url + "/", FixedAuthorization("Bearer production")),
            "*": Cluster(scripted.url, FixedAuthorization("Bearer rest")),
        }
    )
    await api.call("production").get(PATH)
    await api.call("staging").get(PATH)
    await api.close()
    await runner.cleanup()
    assert (len(other.requests), len(scripted.requests)) == (1, 1)


async def test_an_environment_without_a_cluster_has_no_agent(scripted: ScriptedCluster) -> None:
    api = KubernetesApi({"production": Cluster(scripted.url, FixedAuthorization("Bearer x"))})
    agent = FluxAgent(api)
    assert await agent.sync(ENVIRONMENT) is None
    assert await KubernetesWorkloads(api).rollout(ENVIRONMENT, "orders") is None
    for call in (agent.reconcile(ENVIRONMENT, token="cmd-1"), agent.drift(ENVIRONMENT, [])):
        with pytest.raises(Rejected, match=r"environment staging has no cluster: .* Kubernetes__clusters"):
            await call
    await api.close()
    assert scripted.requests == []


async def test_a_clusters_own_authority_is_trusted_and_no_other(tmp_path: Path) -> None:
    certificate, key = _self_signed()
    (tmp_path / "tls.pem").write_text(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.pem")
    scripted = ScriptedCluster()
    scripted.put(PATH, {})
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    authorization = FixedAuthorization("Bearer x")
    for ca_data in (certificate, base64.b64encode(certificate.encode()).decode()):
        api = KubernetesApi({"*": Cluster(url, authorization, ca_data)}, deadline=1)
        assert await api.call("staging").get(PATH) is not None
        await api.close()
    asked = len(scripted.requests)
    for stranger in (None, _self_signed()[0]):
        api = KubernetesApi({"*": Cluster(url, authorization, stranger)}, deadline=0.3)
        with pytest.raises(Unavailable, match=r"no connection: .*certificate"):
            await api.call("staging").get(PATH)
        await api.close()
    await runner.cleanup()
    assert len(scripted.requests) == asked


@pytest.mark.parametrize("ca_data", ["", "no base64!", "aGVsbG8="])
def test_an_authority_that_is_none_is_told_at_once(ca_data: str) -> None:
    cluster = Cluster("https://cluster", FixedAuthorization("Bearer x"), ca_data)
    with pytest.raises(ValueError, match="a cluster's certificate authority is not PEM"):
        KubernetesApi({"*": cluster})


def _self_signed() -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem).decode(), secret.decode()
