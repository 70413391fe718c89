"""Many at once over HTTP: one wins, the others are told why, and nothing half-made is left."""

import asyncio
from collections import Counter

from tests import report
from tests.end_to_end.consumer import assert_repeats_are_identical
from tests.end_to_end.doors import Doors, Project

RIVALS = 32


async def test_of_32_that_provision_one_name_one_wins(doors: Doors, project: Project) -> None:
    answers = await asyncio.gather(
        *(project.post("ProvisionRepository", {"name": "contested"}, key=f"{n}") for n in range(RIVALS))
    )
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {200: 1, 409: RIVALS - 1}, [answer.text for answer in answers if answer.status > 409]
    for answer in answers:
        if answer.status == 409:
            assert answer.json["detail"] == "a repository named contested already exists"
            assert answer.json["outcome"] == "rejected"
    (winner,) = [answer for answer in answers if answer.status == 200]
    (only,) = (await project.get("repositories")).json["items"]
    assert only["repositoryId"] == winner.reply["aggregate"]["id"]
    assert only["aggregateVersion"] == 1
    (provided,) = await doors.provider.repositories(project.tenant, project.name)
    assert provided["id"] == only["externalId"]
    hooks = await doors.provider.call("GET", f"{project.tenant}/_apis/hooks/subscriptions")
    assert {hook["id"] for hook in hooks["value"]} == {hook["subscriptionId"] for hook in only["webhooks"]}
    await doors.consumer.ids(project.tenant, [winner.fact["eventId"]])
    facts = [m.message_id for m in doors.consumer.of(project.tenant, scope="domain")]
    assert set(facts) == {winner.fact["eventId"]}
    report.say(f"concurrency: {RIVALS} rivals for one name: {dict(statuses)}")


async def test_of_32_twins_with_one_key_all_are_told_the_same(doors: Doors, project: Project) -> None:
    answers = await asyncio.gather(
        *(project.post("ProvisionRepository", {"name": "twins"}, key="one key") for _ in range(RIVALS))
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(await doors.provider.repositories(project.tenant, project.name)) == 1
    await doors.consumer.ids(project.tenant, [answers[0].fact["eventId"]])
    assert_repeats_are_identical(doors.consumer.of(project.tenant))


async def test_commands_on_one_branch_at_once_all_come_through(doors: Doors, project: Project) -> None:
    repository = (await project.post("ProvisionRepository", {"name": "busy"})).fact
    await project.reacted([repository])
    repository_id = repository["payload"]["repositoryId"]
    answers = await asyncio.gather(
        *(
            project.post(
                "CreateCommit",
                {
                    "repositoryId": repository_id,
                    "branch": "main",
                    "message": f"Commit {number}",
                    "artifactId": f"artifact-{number}",
                    "files": [{"path": f"{number}.txt", "content": str(number)}],
                },
            )
            for number in range(8)
        )
    )
    assert {answer.status for answer in answers} == {200}, [answer.text for answer in answers]
    shas = {answer.fact["payload"]["sha"] for answer in answers}
    external_id = (await project.view("repositories", repository_id))["externalId"]
    at_provider = doors.provider.repository(project.tenant, project.name, external_id)
    commits = await at_provider.commits("main")
    assert shas == {commit["commitId"] for commit in commits[:-1]}
