"""Hooks of builds, runs, stages and jobs in all their ages, and of the registry: what is looked at again."""

import base64
from typing import Any

import pytest

from domain.devops.packaging.container_image import ObserveImage
from domain.devops.pipelines.pipeline_run import ObserveRun
from domain.kernel.command import Observation
from domain.kernel.work import Partition
from functions.bootstrap import registry_password
from functions.hook_payloads import azure_devops_observations, registry_observations
from functions.webhooks import REGISTRY, authenticated
from tests.functions.conftest import MemoryPlatform
from tests.functions.test_webhooks import basic

HERE = Partition("acme", "booking")
RUN_STATE = "ms.vss-pipelines.run-state-changed-event"
STAGE_STATE = "ms.vss-pipelines.stage-state-changed-event"
JOB_STATE = "ms.vss-pipelines.job-state-changed-event"
RUN = {"id": 42, "name": "1.0.1", "state": "completed", "result": "succeeded"}
STAGE = {"id": "b1", "name": "build", "attempt": 1, "state": "completed", "result": "succeeded"}
DIGEST = "sha256:" + "a" * 64


def seen(event: str, resource: Any) -> list[tuple[Observation, Any]]:
    hook = {"eventType": event, "resource": resource}
    return list(azure_devops_observations(hook, HERE))


def keys(event: str, resource: Any) -> list[Any]:
    return [key for _, key in seen(event, resource)]


@pytest.mark.parametrize(
    ("event", "resource"),
    [
        ("build.complete", {"id": 42, "result": "succeeded"}),
        ("build.complete", {"id": "42"}),
        # The shape of XAML builds, without an id and with one address or the other.
        ("build.complete", {"uri": "vstfs:///Build/Build/42", "status": "succeeded"}),
        ("build.complete", {"url": "https://dev.azure.com/acme/p/_apis/build/Builds/42"}),
        (
            "build.complete",
            {"_links": {"web": {"href": "https://dev.azure.com/x/_build/results?buildId=42"}}},
        ),
        (RUN_STATE, {"run": RUN}),
        (RUN_STATE, {"run": {"url": "https://dev.azure.com/acme/p/_apis/pipelines/7/runs/42"}}),
        (RUN_STATE, {"run": {"_links": {"self": {"href": "https://x/_apis/pipelines/7/runs/42"}}}}),
        (RUN_STATE, {"runId": 42, "state": "completed"}),
        (STAGE_STATE, {"stage": STAGE, "run": RUN}),
        (STAGE_STATE, {"stage": {**STAGE, "run": {"id": 42}}}),
        (JOB_STATE, {"job": {"id": "j", "state": "completed"}, "stage": STAGE, "run": RUN}),
        (JOB_STATE, {"job": {"id": "j", "run": {"id": 42}}}),
    ],
)
def test_whatever_age_a_payload_has_its_run_is_looked_at(event: str, resource: dict[str, Any]) -> None:
    assert [observation for observation, _ in seen(event, resource)] == [ObserveRun(run_id=42)]


@pytest.mark.parametrize("event", ["build.complete", RUN_STATE, STAGE_STATE, JOB_STATE])
@pytest.mark.parametrize(
    "resource",
    [
        *(None, [], "42", {}, {"id": None}, {"id": True}, {"id": -1.5}, {"run": 42}, {"run": {"url": 42}}),
        *({"run": {"url": "https://dev.azure.com/x/_apis/pipelines/7"}}, {"id": "9" * 40}, {"_links": []}),
    ],
)
def test_what_names_no_run_is_parked(event: str, resource: Any) -> None:
    assert seen(event, resource) == []


def test_hooks_that_say_the_same_of_the_same_stage_are_one() -> None:
    first, again = (
        keys(STAGE_STATE, {"stage": STAGE, "run": RUN}),
        keys(STAGE_STATE, {"stage": STAGE, "run": RUN}),
    )
    assert first == again != [None]


@pytest.mark.parametrize(
    "change", [{"attempt": 2}, {"state": "inProgress"}, {"result": "failed"}, {"id": "b2"}]
)
def test_hooks_that_say_something_else_are_two(change: dict[str, Any]) -> None:
    first = keys(STAGE_STATE, {"stage": STAGE, "run": RUN})
    assert first != keys(STAGE_STATE, {"stage": STAGE | change, "run": RUN})
    assert first != keys(STAGE_STATE, {"stage": STAGE, "run": RUN | {"id": 43}})


def test_a_hook_that_does_not_say_how_things_stand_is_like_no_other() -> None:
    assert keys(STAGE_STATE, {"stage": {"id": "b1"}, "run": RUN}) == [None]
    assert keys("build.complete", {"id": 42}) == [None]


def pushed(**target: Any) -> dict[str, Any]:
    about = {"repository": "acme/booking/api", "digest": DIGEST, "tag": "1.0.1"}
    return {"id": "1", "action": "push", "target": about | target, "request": {"host": "factory.azurecr.io"}}


def test_a_pushed_image_is_looked_at() -> None:
    expected = ObserveImage(registry="factory.azurecr.io", repository="acme/booking/api", digest=DIGEST)
    assert [observation for observation, _ in registry_observations(pushed(), HERE)] == [expected]
    deleted = pushed(tag=None) | {"action": "delete"}
    assert [observation for observation, _ in registry_observations(deleted, HERE)] == [expected]


@pytest.mark.parametrize(
    "hook",
    [
        {},
        {"target": None, "request": None},
        pushed(repository="acme/other/api"),
        pushed(repository="acme/bookings/api"),
        pushed(repository=7),
        pushed(digest=None),
        pushed() | {"request": {}},
    ],
)
def test_what_is_not_of_this_projects_images_is_parked(hook: dict[str, Any]) -> None:
    assert list(registry_observations(hook, HERE)) == []


def test_the_registry_signs_in_with_its_own_password(memory: MemoryPlatform) -> None:

    def header(user: str, password: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    right = registry_password(b"current")
    secrets = (b"current", b"previous")
    assert authenticated(header("container-registry", right), secrets, HERE, REGISTRY)
    previous = registry_password(b"previous")
    assert authenticated(header("container-registry", previous), secrets, HERE, REGISTRY)
    for wrong in (None, "", header("azure-devops", right), header("container-registry", "current")):
        assert not authenticated(wrong, secrets, HERE, REGISTRY)
    # Neither of the two opens the other's door.
    assert not authenticated(basic(b"current"), secrets, HERE, REGISTRY)
    assert not authenticated(header("container-registry", right), secrets, HERE)
