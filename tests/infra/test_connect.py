"""Connecting a project's environments on the laptop cloud, as its user does: one command, again and again."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.kubernetes.kubeconfig import kubeconfig, server_of
from infra.local.processes import ROOT
from tests.environments import TOKEN, RunningCluster, cluster, running_cluster

__all__ = ["cluster", "running_cluster"]

HERE = Partition("contoso", "shop")
REPOSITORY = "http://127.0.0.1:8081/contoso/shop/_git/environments"


async def connect(config: Path, environments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.local.connect", "--tenant", HERE.tenant_id, "--project", HERE.project_id),
        *("--environments", environments, "--repository-url", REPOSITORY, "--kubeconfig", str(config)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_flux_follows_a_branch_for_each_environment_and_a_repeat_changes_nothing(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(kubeconfig(cluster.url, TOKEN)))
    wanted = []
    for _ in range(2):
        code, told = await connect(config, "dev,test")
        assert code == 0, told
        seen = []
        for name in ("dev", "test"):
            namespace = environment_namespace(HERE, name)
            assert f"{name}: Flux follows env/{name} into namespace {namespace}" in told
            home = f"namespaces/{namespace}"
            source = await cluster.get(f"/apis/source.toolkit.fluxcd.io/v1/{home}/gitrepositories/gitops")
            assert source["spec"]["url"] == REPOSITORY
            assert source["spec"]["ref"] == {"branch": f"env/{name}"}
            path = f"/apis/kustomize.toolkit.fluxcd.io/v1/{home}/kustomizations/{namespace}"
            kustomization = await cluster.get(path)
            assert kustomization["spec"]["targetNamespace"] == namespace
            seen.append([one["metadata"]["generation"] for one in (source, kustomization)])
        wanted.append(seen)
    assert wanted[0] == wanted[1]


@pytest.mark.parametrize("content", [None, "{}", '{"clusters": [{"cluster": {"server": "https://x"}}]}'])
async def test_without_the_laptop_cloud_it_says_so(tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "kubeconfig"
    if content is not None:
        config.write_text(content)
    code, told = await connect(config, "dev")
    assert code == 1
    assert told.startswith("Not connected: ") and "Is the laptop cloud up" in told
    assert "Traceback" not in told


def test_a_kubeconfig_gives_back_what_it_was_made_of() -> None:
    assert server_of(kubeconfig("http://127.0.0.1:6443", "a/token+=")) == (
        "http://127.0.0.1:6443",
        "a/token+=",
    )
