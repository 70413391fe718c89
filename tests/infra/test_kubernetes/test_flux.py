"""Flux over a real git repository: pull, build, apply, prune and drift."""

from __future__ import annotations

from pathlib import Path

from infra.local.kubernetes.bootstrap import SOURCE
from infra.local.kubernetes.resources import CONFIG_MAP, DEPLOYMENT, GIT_REPOSITORY, KUSTOMIZATION, SERVICE
from tests.infra.test_azure_devops.client import ZERO, Running
from tests.infra.test_kubernetes.client import Home, Json
from tests.infra.test_kubernetes.gitops import GitOps
from tests.infra.test_kubernetes.manifests import (
    condition,
    config_map,
    deployment,
    is_rolled_out,
    reason,
    service,
)


def _inventory(body: Json) -> list[str]:
    return [entry["id"] for entry in body["status"]["inventory"]["entries"]]


async def test_a_commit_is_applied_when_flux_is_asked(gitops: GitOps) -> None:
    home = gitops.home
    revision = await gitops.objects(deployment("registry.local/app:1"), service())
    done = await gitops.reconciled()
    assert done["status"]["lastAppliedRevision"] == done["status"]["lastAttemptedRevision"] == revision
    assert done["status"]["observedGeneration"] == done["metadata"]["generation"]
    assert (reason(done, "Ready"), reason(done, "Healthy")) == ("ReconciliationSucceeded", "Succeeded")
    assert condition(done, "Reconciling") == {}
    assert _inventory(done) == [f"{home.name}_web__Service", f"{home.name}_web_apps_Deployment"]
    source = await home.get(GIT_REPOSITORY, SOURCE)
    assert source["status"]["artifact"]["revision"] == revision
    assert (reason(source, "Ready"), condition(source, "Ready")["status"]) == ("Succeeded", "True")
    applied = await home.get(DEPLOYMENT, "web")
    assert is_rolled_out(applied)
    assert applied["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": home.name,
        "kustomize.toolkit.fluxcd.io/namespace": home.name,
    }
    owners = {entry["manager"] for entry in applied["metadata"]["managedFields"]}
    assert owners == {"kustomize-controller", "kube-controller-manager"}


async def test_what_is_applied_already_is_not_written_again(gitops: GitOps) -> None:
    await gitops.objects(config_map("settings", a="1"))
    await gitops.reconciled()
    before = await gitops.home.get(CONFIG_MAP, "settings")
    await gitops.reconciled()
    assert await gitops.home.get(CONFIG_MAP, "settings") == before


async def test_overlays_are_built_by_kustomize(gitops: GitOps) -> None:
    await gitops.commit(
        {
            "../base/kustomization.yaml": {"resources": ["web.yaml"]},
            "../base/web.yaml": deployment("registry.local/app:1"),
            "kustomization.yaml": {
                "resources": ["../base"],
                "images": [{"name": "registry.local/app", "newTag": "7"}],
                "replicas": [{"name": "web", "count": 3}],
            },
        }
    )
    await gitops.reconciled()
    spec = (await gitops.home.get(DEPLOYMENT, "web"))["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (
        3,
        "registry.local/app:7",
    )


async def test_a_folder_without_a_kustomization_gets_one_over_its_manifests(gitops: GitOps) -> None:
    await gitops.commit(
        {"kustomization.yaml": None, "a.yaml": config_map("a"), "deep/b.yaml": config_map("b")}
    )
    done = await gitops.reconciled()
    assert len(_inventory(done)) == 2


async def test_what_a_commit_removes_is_pruned_and_nothing_else(gitops: GitOps) -> None:
    await gitops.home.create(CONFIG_MAP, config_map("by-hand"))
    await gitops.objects(config_map("a"), config_map("b"))
    await gitops.reconciled()
    await gitops.objects(config_map("a"))
    done = await gitops.reconciled()
    left = [body["metadata"]["name"] for body in await gitops.home.list(CONFIG_MAP)]
    assert left == ["a", "by-hand"]
    assert _inventory(done) == [f"{gitops.home.name}_a__ConfigMap"]


async def test_a_build_that_fails_changes_nothing(gitops: GitOps) -> None:
    good = await gitops.objects(config_map("a"))
    await gitops.reconciled()
    bad = await gitops.commit({"objects.yaml": "kind: ["})
    failed = await gitops.reconciled()
    assert (reason(failed, "Ready"), condition(failed, "Ready")["status"]) == ("BuildFailed", "False")
    assert "kustomize build failed" in condition(failed, "Ready")["message"]
    assert (failed["status"]["lastAppliedRevision"], failed["status"]["lastAttemptedRevision"]) == (good, bad)
    await gitops.home.get(CONFIG_MAP, "a")


async def test_one_invalid_object_keeps_all_others_from_being_applied(gitops: GitOps) -> None:
    await gitops.objects(config_map("a"), deployment("registry.local/app:1", replicas=-1))
    failed = await gitops.reconciled()
    assert reason(failed, "Ready") == "ReconciliationFailed"
    assert "spec.replicas: Invalid value: -1" in condition(failed, "Ready")["message"]
    assert await gitops.home.list(CONFIG_MAP) == []
    await gitops.objects({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}})
    failed = await gitops.reconciled()
    assert 'no matches for kind "Thing" in version "example.com/v1"' in condition(failed, "Ready")["message"]


async def test_a_missing_path_and_a_missing_branch_are_named(gitops: GitOps) -> None:
    await gitops.until_applied()
    home = gitops.home
    await home.merge(KUSTOMIZATION, home.name, {"spec": {"path": "./nowhere"}})
    failed = await gitops.until(lambda body: reason(body, "Ready") == "ArtifactFailed")
    assert "kustomization path not found" in condition(failed, "Ready")["message"]
    await home.merge(GIT_REPOSITORY, SOURCE, {"spec": {"ref": {"branch": "gone"}}})
    source = await home.until(
        GIT_REPOSITORY, SOURCE, lambda body: reason(body, "Ready") == "GitOperationFailed"
    )
    assert 'couldn\'t find remote ref "refs/heads/gone"' in condition(source, "Ready")["message"]
    assert source["status"]["artifact"]["revision"] == await gitops.revision()


async def test_drift_stays_until_the_next_reconciliation_and_goes_then(gitops: GitOps) -> None:
    home, local = gitops.home, gitops.home.cluster.local
    await gitops.objects(deployment("registry.local/app:1"), config_map("settings", a="1"))
    await gitops.reconciled()
    where = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": home.name, "name": "web"}
    patch = {"spec": {"replicas": 1}, "metadata": {"labels": {"by": "hand"}}}
    await local("POST", "drift", {**where, "patch": patch})
    await local(
        "POST", "drift", {"kind": "ConfigMap", "namespace": home.name, "name": "settings", "delete": True}
    )
    drifted = await home.until(DEPLOYMENT, "web", is_rolled_out)
    assert (drifted["status"]["replicas"], drifted["metadata"]["labels"]["by"]) == (1, "hand")
    assert (await home.call("GET", CONFIG_MAP, "settings")).status == 404
    await gitops.reconciled()
    mended = await home.get(DEPLOYMENT, "web")
    assert mended["spec"]["replicas"] == mended["status"]["availableReplicas"] == 2
    assert "by" not in mended["metadata"]["labels"]
    assert (await home.get(CONFIG_MAP, "settings"))["data"] == {"a": "1"}


async def test_drift_is_corrected_at_the_interval(gitops: GitOps) -> None:
    home = gitops.home
    await gitops.objects(config_map("settings", a="1"))
    await gitops.reconciled()
    await home.merge(KUSTOMIZATION, home.name, {"spec": {"interval": "200ms"}})
    await home.merge(CONFIG_MAP, "settings", {"data": {"a": "2"}})
    await home.until(CONFIG_MAP, "settings", lambda body: body["data"] == {"a": "1"})
    await home.merge(KUSTOMIZATION, home.name, {"spec": {"suspend": True}})


async def test_a_suspended_kustomization_applies_nothing_until_it_is_resumed(gitops: GitOps) -> None:
    await gitops.until_applied()
    home = gitops.home
    await home.merge(KUSTOMIZATION, home.name, {"spec": {"suspend": True}})
    await gitops.objects(config_map("a"))
    await gitops.ask()
    await gitops.stays_still()
    assert await home.list(CONFIG_MAP) == []
    await home.merge(KUSTOMIZATION, home.name, {"spec": {"suspend": False}})
    await gitops.until_applied()
    await home.get(CONFIG_MAP, "a")


async def test_a_deleted_kustomization_takes_along_what_it_applied(gitops: GitOps) -> None:
    await gitops.objects(service(), config_map("a"))
    await gitops.reconciled()
    await gitops.home.call("DELETE", KUSTOMIZATION, gitops.home.name)
    await gitops.home.until_gone(KUSTOMIZATION, gitops.home.name)
    assert await gitops.home.list(SERVICE) == await gitops.home.list(CONFIG_MAP) == []


async def test_a_kustomization_waits_for_what_it_depends_on(gitops: GitOps) -> None:
    home = gitops.home
    body = await home.get(KUSTOMIZATION, home.name)
    spec = {**body["spec"], "path": "./later", "dependsOn": [{"name": "first"}]}
    await home.create(KUSTOMIZATION, {"metadata": {"name": "second"}, "spec": spec})
    held = await home.until(
        KUSTOMIZATION, "second", lambda found: reason(found, "Ready") == "DependencyNotReady"
    )
    assert f"dependency '{home.name}/first' not found" in condition(held, "Ready")["message"]


async def test_bootstrapping_again_changes_nothing(gitops: GitOps) -> None:
    await gitops.until_applied()
    before = await gitops.home.get(KUSTOMIZATION, gitops.home.name)
    await gitops.connect()
    after = await gitops.home.get(KUSTOMIZATION, gitops.home.name)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["metadata"]["managedFields"] == before["metadata"]["managedFields"]


async def test_a_repository_over_http_needs_the_right_login(home: Home, tmp_path: Path) -> None:
    """From the local Azure DevOps, as in the demo."""
    azure_devops = await Running.start(tmp_path / "azure-devops")
    try:
        repository = await (await azure_devops.project()).repository("gitops")
        await repository.commit(
            "main", ZERO, {"/env/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}"}
        )
        gitops = GitOps(home, tmp_path)
        await gitops.connect(repository.body["remoteUrl"], user="", password="wrong")
        failed = await home.until(
            GIT_REPOSITORY, SOURCE, lambda body: reason(body, "Ready") == "GitOperationFailed"
        )
        assert "Authentication failed" in condition(failed, "Ready")["message"]
        await gitops.connect(repository.body["remoteUrl"], user="", password=azure_devops.pat)
        await home.until(CONFIG_MAP, "a", lambda body: True)
    finally:
        await azure_devops.stop()
