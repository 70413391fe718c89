"""What can be read: lists with paging, single ones, outcomes, traces, health."""

import asyncio
import hashlib
import re
from typing import Any

import pytest

from domain.kernel.values import derived_id
from tests.end_to_end.delivery import Delivery
from tests.end_to_end.doors import Answer, Doors, Project
from tests.end_to_end.laptop import AuditedCloud
from tests.end_to_end.promotions import Promotions
from tests.end_to_end.waiting import eventually

MANY = 7


async def test_a_list_comes_in_pages_without_gap_or_repeat(project: Project) -> None:
    answers = await asyncio.gather(
        *(project.post("ProvisionRepository", {"name": f"booking-{number}"}) for number in range(MANY))
    )
    ids = sorted(answer.reply["aggregate"]["id"] for answer in answers)
    for size in (1, 2, 3, MANY - 1, MANY, MANY + 1):
        found: list[str] = []
        after = ""
        while True:
            page = (await project.get(f"repositories?size={size}{after}")).json
            found += [item["repositoryId"] for item in page["items"]]
            if page["next"] is None:
                break
            assert len(page["items"]) == size
            after = f"&after={page['next']}"
        assert found == ids
    whole = (await project.get("repositories")).json
    assert (len(whole["items"]), whole["next"]) == (MANY, None)


async def test_an_empty_list_is_an_empty_page(project: Project) -> None:
    assert (await project.get("pull-requests")).json == {"items": [], "next": None}


async def test_a_page_token_of_another_list_is_refused_by_name(doors: Doors, project: Project) -> None:
    for number in range(2):
        await project.post("ProvisionRepository", {"name": f"booking-{number}"})
    token = (await project.get("repositories?size=1")).json["next"]
    stranger = doors.project()
    for answer in (
        await project.get(f"branches?after={token}"),
        await stranger.get(f"repositories?after={token}"),
    ):
        assert (answer.status, answer.fields) == (422, {"after"})


async def test_an_aggregate_is_shown_with_its_version_and_who_made_it(project: Project) -> None:
    provisioned = await project.post(
        "ProvisionRepository", {"name": "booking"}, headers={"X-Module-Id": "module-7"}
    )
    id = provisioned.reply["aggregate"]["id"]
    view = await project.view("repositories", id)
    assert view["repositoryId"] == id
    assert (view["tenantId"], view["projectId"]) == (project.tenant, project.name)
    assert (view["name"], view["status"], view["aggregateVersion"]) == ("booking", "Ready", 1)
    assert (view["moduleId"], view["createdBy"]) == ("module-7", "ada@connectsoft.example")
    assert view["lineage"]["eventId"] == provisioned.fact["eventId"]
    assert len(view["webhooks"]) == 4


async def test_the_outcome_of_a_command_is_kept_whether_yes_or_no(project: Project) -> None:
    accepted = await project.post("ProvisionRepository", {"name": "booking"})
    refused = await project.post("ProvisionRepository", {"name": "Booking"}, key="again")
    yes = await project.outcome(accepted.reply["commandId"])
    assert (yes["command"], yes["outcome"]) == ("ProvisionRepository", "accepted")
    assert yes["events"] == accepted.reply["events"]
    no = await project.outcome(refused.json["commandId"])
    assert (no["command"], no["outcome"], no["events"]) == ("ProvisionRepository", "rejected", [])
    assert no["reason"] == refused.json["detail"] == "a repository named Booking already exists"


@pytest.mark.parametrize("over", ["http", "queue"])
async def test_a_trace_shows_the_whole_delivery(doors: Doors, project: Project, over: str) -> None:
    delivery = Delivery(doors, project, over=(over,))
    await delivery.run()
    path = f"api/tenants/{project.tenant}/traces/{delivery.trace_id}"
    expected = {
        *("ProvisionRepository", "RepositoryProvisioned", "CreateBranch", "BranchCreated", "CreateCommit"),
        *("CommitCreated", "OpenPullRequest", "PullRequestOpened", "MergePullRequest", "PullRequestMerged"),
        "ObserveBranch",
    }

    def whole(answer: Answer) -> bool:
        return answer.status == 200 and expected <= {node["type"] for node in answer.json["nodes"]}

    graph = (await eventually(lambda: doors.request("GET", path), whole)).json
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert graph["missing"] == []
    assert [nodes[id]["type"] for id in graph["roots"]] == ["ProvisionRepository"]
    edges = {(nodes[edge["from"]]["type"], nodes[edge["to"]]["type"]) for edge in graph["edges"]}
    assert {
        ("ProvisionRepository", "RepositoryProvisioned"),
        ("RepositoryProvisioned", "ObserveBranch"),
        ("RepositoryProvisioned", "CreateBranch"),
        ("CreateBranch", "BranchCreated"),
        ("CommitCreated", "OpenPullRequest"),
        ("PullRequestOpened", "MergePullRequest"),
        ("MergePullRequest", "PullRequestMerged"),
    } <= edges
    assert {node["correlationId"] for node in graph["nodes"]} == {"corr-1"}
    drawn = await doors.request("GET", f"{path}?format=mermaid")
    assert drawn.status == 200
    assert drawn.headers["Content-Type"].startswith("text/plain")
    lines = drawn.text.splitlines()
    assert lines[0] == "flowchart LR"
    assert all(any(f'"{kind}<br/>' in line for line in lines) for kind in expected)
    assert sum(bool(re.fullmatch(r"    n\d+ --> n\d+", line)) for line in lines) >= len(graph["edges"])


async def test_a_refused_command_is_in_its_trace_with_the_reason(doors: Doors, project: Project) -> None:
    await project.post("ProvisionRepository", {"name": "booking"})
    trace = f"trace-{project.tenant}"
    await project.post("ProvisionRepository", {"name": "booking"}, headers={"X-Trace-Id": trace})
    path = f"api/tenants/{project.tenant}/traces/{trace}"
    found = await eventually(lambda: doors.request("GET", path), lambda answer: answer.status == 200)
    (node,) = found.json["nodes"]
    assert (node["type"], node["outcome"]) == ("ProvisionRepository", "rejected")
    drawn = await doors.request("GET", f"{path}?format=mermaid")
    assert "rejected: a repository named booking already exists" in drawn.text


async def test_a_promotion_is_followed_at_the_place_that_its_answer_names(doors: Doors) -> None:
    async with Promotions(doors) as promotions:
        project = promotions.project
        release = await promotions.release("followed", "1.0.0")
        accepted = await project.post("PromoteDeployment", {"releaseId": release.id}, key="follow")
        place = accepted.headers["Location"].removeprefix(f"{doors.cloud.url}/")
        assert (accepted.status, accepted.json["statusUrl"]) == (202, accepted.headers["Location"])
        found = await eventually(
            lambda: doors.request("GET", place), lambda answer: answer.json["status"] == "Completed", 60, 0.1
        )
        again = await project.post("PromoteDeployment", {"releaseId": release.id}, key="follow")
        assert (again.status, again.text) == (202, accepted.text)
        listed = (await project.get("promotions")).json["items"]
        assert [one["promotionId"] for one in listed] == [found.json["promotionId"]]
        await shown_in_its_environment(project, found.json)
        await traced(doors, project, accepted.json["commandId"])


async def shown_in_its_environment(project: Project, promotion: dict[str, Any]) -> None:
    environment = (await project.get(f"environments/{promotion['toEnvironment']}")).json
    (module,) = environment["modules"]
    assert module["verified"]["promotionId"] == promotion["promotionId"]
    assert (module["moduleId"], module["commitSha"]) == (
        promotion["moduleId"],
        promotion["steps"][-1]["commitSha"],
    )
    assert (environment["stops"], environment["freezes"], module["queue"]) == ([], [], [])
    manifest = await project.view("manifests", promotion["manifestId"])
    content = await project.get(f"manifests/{promotion['manifestId']}/content")
    assert (content.status, content.headers["Content-Type"].partition(";")[0]) == (200, "application/yaml")
    assert hashlib.sha256(content.text.encode()).hexdigest() == manifest["checksum"]
    assert content.headers["ETag"] == f'"{manifest["checksum"]}"'


async def traced(doors: Doors, project: Project, command_id: str) -> None:
    """The command's trace holds what its orchestration came to, all of it from the command."""
    wanted = {"PromoteDeployment", "DeploymentManifestRendered", "DeploymentPromoted"}

    def whole(answer: Answer) -> bool:
        return answer.status == 200 and wanted <= {node["type"] for node in answer.json["nodes"]}

    path = f"api/tenants/{project.tenant}/traces/{derived_id('trace', command_id)}"
    graph = (await eventually(lambda: doors.request("GET", path), whole)).json
    assert (graph["roots"], graph["missing"]) == ([command_id], [])


async def health(doors: Doors) -> Answer:
    return await doors.request("GET", "api/health", headers={"x-functions-key": ""})


async def test_health_is_anonymous_and_names_every_dependency(doors: Doors) -> None:
    answer = await eventually(lambda: health(doors), lambda answer: answer.status == 200)
    assert (answer.json["status"], answer.json["away"]) == ("ok", [])
    assert set(answer.json["dependencies"]) == {
        "tableStorage",
        "serviceBus",
        "azureDevOps",
        "blobStorage",
        "containerRegistry",
    }


async def test_health_says_that_the_broker_is_away_and_when_it_is_back(
    cloud: AuditedCloud, doors: Doors
) -> None:
    async with cloud.without_broker():
        answer = await eventually(lambda: health(doors), lambda answer: answer.status == 503)
        assert (answer.json["status"], answer.json["away"]) == ("degraded", ["serviceBus"])
        assert answer.json["dependencies"]["serviceBus"]["reason"]
    await eventually(lambda: health(doors), lambda answer: answer.status == 200)


async def test_health_says_that_azure_devops_is_away_and_when_it_is_back(
    doors: Doors,
) -> None:
    rule = {"mode": "503", "times": -1, "match": {"pathRegex": "^(?!/_local)"}}
    await doors.provider.faults(rule)
    try:
        answer = await eventually(lambda: health(doors), lambda answer: answer.status == 503)
        assert answer.json["away"] == ["azureDevOps"]
    finally:
        await doors.provider.no_faults()
    await eventually(lambda: health(doors), lambda answer: answer.status == 200)
