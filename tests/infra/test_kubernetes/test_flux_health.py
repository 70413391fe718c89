"""A kustomization that waits: healthy, failed, overtaken and rolled back."""

from __future__ import annotations

from infra.local.kubernetes.resources import DEPLOYMENT
from tests.infra.test_kubernetes.client import Json
from tests.infra.test_kubernetes.gitops import GitOps
from tests.infra.test_kubernetes.manifests import condition, deployment, is_rolled_out, reason


def _app(gitops: GitOps, tag: str) -> Json:
    """What is bad fails within 300 ms; what is good has 6 s, however busy the machine is."""
    seconds = 30 if tag == "bad" else 600
    return deployment(f"registry.local/{gitops.home.name}:{tag}", progressDeadlineSeconds=seconds)


async def _run_badly(gitops: GitOps) -> tuple[str, str]:
    """The good revision and the bad one that came after it."""
    await gitops.home.cluster.mark(f"{gitops.home.name}:bad", broken=True)
    good = await gitops.objects(_app(gitops, "good"))
    await gitops.reconciled()
    return good, await gitops.objects(_app(gitops, "bad"))


async def test_a_rollout_that_fails_leaves_the_revision_attempted_not_applied(gitops: GitOps) -> None:
    good, bad = await _run_badly(gitops)
    failed = await gitops.reconciled()
    assert (failed["status"]["lastAppliedRevision"], failed["status"]["lastAttemptedRevision"]) == (good, bad)
    assert reason(failed, "Ready") == reason(failed, "Healthy") == "HealthCheckFailed"
    assert f"Deployment/{gitops.home.name}/web status: 'Failed'" in condition(failed, "Ready")["message"]
    assert (await gitops.home.get(DEPLOYMENT, "web"))["status"]["availableReplicas"] == 2


async def test_a_revert_rolls_back(gitops: GitOps) -> None:
    await _run_badly(gitops)
    await gitops.reconciled()
    await gitops.git("revert", "--no-edit", "HEAD")
    done = await gitops.reconciled()
    assert done["status"]["lastAppliedRevision"] == await gitops.revision()
    assert (condition(done, "Ready")["status"], condition(done, "Healthy")["status"]) == ("True", "True")
    live = await gitops.home.get(DEPLOYMENT, "web")
    assert is_rolled_out(live)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":good")


async def test_while_it_waits_it_says_so_and_the_revision_is_not_applied(gitops: GitOps) -> None:
    await gitops.home.cluster.mark(f"{gitops.home.name}:bad", broken=True)
    body = _app(gitops, "bad")
    body["spec"]["progressDeadlineSeconds"] = 6000
    revision = await gitops.objects(body)
    await gitops.ask()
    waiting = await gitops.until(lambda found: "Running health checks" in _message(found))
    assert (reason(waiting, "Ready"), condition(waiting, "Ready")["status"]) == ("Progressing", "Unknown")
    assert waiting["status"].get("lastAppliedRevision") != revision
    next_revision = await gitops.objects(_app(gitops, "good"))
    await gitops.ask()
    done = await gitops.until(lambda found: found["status"].get("lastAppliedRevision") == next_revision)
    assert condition(done, "Reconciling") == {}


def _message(body: Json) -> str:
    return str(condition(body, "Ready").get("message"))


async def test_without_waiting_applied_is_enough(gitops: GitOps) -> None:
    home = gitops.home
    await home.cluster.mark(f"{home.name}:bad", broken=True)
    from_git = await gitops.objects(_app(gitops, "bad"))
    await home.kubectl("patch", f"ks/{home.name}", "--type=merge", "-p", '{"spec":{"wait":false}}')
    done = await gitops.reconciled()
    assert done["status"]["lastAppliedRevision"] == from_git
    assert condition(done, "Healthy") == {}


async def test_a_time_out_names_what_was_waited_for(gitops: GitOps) -> None:
    home = gitops.home
    await home.cluster.mark(f"{home.name}:bad", broken=True)
    await home.kubectl("patch", f"ks/{home.name}", "--type=merge", "-p", '{"spec":{"timeout":"300ms"}}')
    body = _app(gitops, "bad")
    body["spec"]["progressDeadlineSeconds"] = 6000
    await gitops.objects(body)
    failed = await gitops.reconciled()
    said = condition(failed, "Ready")["message"]
    assert "timeout waiting for" in said and f"Deployment/{home.name}/web status: 'InProgress'" in said
