"""A cluster as a process of its own, with environments in it; import the fixture `cluster` to use it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from adapters.entra import FixedAuthorization
from adapters.kubernetes.client import Cluster, KubernetesApi
from domain.kernel.naming import environment_namespace
from domain.provided import EnvironmentHandle
from infra.local.kubernetes.bootstrap import connect_environment

type Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
TOKEN = "local"


class RunningCluster:
    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http

    def api(self, url: str | None = None, **options: Any) -> KubernetesApi:
        """As the adapters have it; its maker closes it."""
        cluster = Cluster(url or self.url, FixedAuthorization(f"Bearer {TOKEN}"))
        return KubernetesApi({"*": cluster}, **options)

    async def send(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        """A request as somebody with kubectl sends it; the object that it answers."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": content}
        async with self.http.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            assert response.status < 300, text
            return json.loads(text) if text else None

    async def get(self, path: str) -> Json:
        found = await self.send("GET", path)
        assert isinstance(found, dict)
        return found

    async def apply(self, path: str, wanted: Mapping[str, Any], manager: str = "somebody") -> None:
        query = f"?fieldManager={manager}&force=true"
        await self.send("PATCH", path + query, wanted, "application/apply-patch+yaml")

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        return await self.send(method, f"/_local/{path}", body)

    async def pause(self, controller: str) -> None:
        await self.local("POST", "controllers", {"name": controller, "paused": True})

    async def resume(self) -> None:
        await self.local("POST", "controllers", {"name": "*", "paused": False})

    async def create_namespace(self, environment: EnvironmentHandle) -> str:
        name = namespace_of(environment)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.apply(f"/api/v1/namespaces/{name}", body)
        return name

    async def connect(self, environment: EnvironmentHandle, repository: Path) -> None:
        """The environment gets what Flux needs to follow its branch; on its own it looks there seldom."""
        await connect_environment(
            self.url,
            TOKEN,
            namespace=namespace_of(environment),
            git_url=repository.as_uri(),
            git_username="flux",
            git_password="secret",
            branch=f"env/{environment.environment}",
            path="./",
            interval="1h",
        )


def namespace_of(environment: EnvironmentHandle) -> str:
    return environment_namespace(environment.partition, environment.environment)


def deployment(name: str = "orders", replicas: int = 2, image: str = "registry.invalid/orders:1") -> Json:
    labels = {"app": name}
    container = {"name": "app", "image": image, "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {**spec, "progressDeadlineSeconds": 10},
    }


def service(name: str = "orders") -> Json:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def config_map(value: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orders"}, "data": {"mode": value}}


async def until[T](read: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    """What a reconciler does: read again until the cluster, which takes its time, has come that far."""
    try:
        async with asyncio.timeout(15):
            while not done(found := await read()):  # noqa: ASYNC110 - the cluster tells nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"it never came that far: {found}")
    return found


@pytest_asyncio.fixture(scope="session")
async def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningCluster]:
    """Quick: a pod's step takes 20 ms, and a rollout's 10 seconds are 200 ms."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.local.kubernetes", "--state", str(tmp_path_factory.mktemp("cluster"))),
        *("--token", TOKEN, "--pace", "0.02", "--deadline-scale", "0.02", "--parent-pid", str(os.getpid())),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert line.startswith("READY "), f"the cluster did not start: {line!r}"
    async with aiohttp.ClientSession() as http:
        yield RunningCluster(json.loads(line.removeprefix("READY "))["url"], http)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.fixture
async def cluster(running_cluster: RunningCluster) -> AsyncIterator[RunningCluster]:
    """With all controllers at work, no faults, and images that are well."""
    yield running_cluster
    await running_cluster.resume()
    await running_cluster.local("DELETE", "images")
    unspent = [rule for rule in (await running_cluster.local("GET", "faults"))["value"] if not rule["fired"]]
    await running_cluster.local("DELETE", "faults")
    # A fault that never fired has tested nothing.
    assert unspent == []
