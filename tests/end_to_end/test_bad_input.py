"""Bad input over HTTP, for every command and every view: always a 4xx that names the field."""

from collections import Counter

import pytest

from domain.catalogue import catalogue
from domain.kernel.context import kebab
from tests.domain.scenarios import SCENARIOS
from tests.end_to_end import bad_input
from tests.end_to_end.doors import Answer, Doors, Project, sender_of
from tests.end_to_end.stages import HttpStage
from tests.end_to_end.waiting import eventually

HANDLERS = sorted((*catalogue().commands, *catalogue().settings), key=lambda handler: handler.name)
NAMES = [handler.name for handler in HANDLERS]
BODY_LIMIT = 16 * 1024 * 1024

# Held against the registry: these must not stop being identifiers unnoticed.
ID_FIELDS = {"repositoryId", "pullRequestId", "releaseId", "promotionId", "moduleId"}
# Names that callers give: nothing of ours is looked up by them alone.
NAMES_OF_CALLERS = {"artifactId", "moduleId"}

every_command = pytest.mark.parametrize("name", NAMES)


def assert_names(answer: Answer, field: str, what: str) -> None:
    """A problem that names the field, or what is inside it."""
    assert answer.status == 422, f"{what}: {answer.status} {answer.text:.300}"
    assert any(named == field or named.startswith(f"{field}.") for named in answer.fields), (
        f"{what} should name {field}: {answer.text:.300}"
    )
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["status"] == answer.status


def command_path(project: Project, name: str) -> str:
    return f"{project.path}/{kebab(name)}"


@every_command
async def test_a_body_that_is_no_json_object_is_refused(
    doors: Doors, project: Project, tried: Counter[str], name: str
) -> None:
    who = await doors.bearer(sender_of(name), project.tenant)
    for what, body in bad_input.unreadable():
        answer = await doors.request("POST", command_path(project, name), body=body, headers=who)
        assert_names(answer, "body", what)
        tried["http command"] += 1


@every_command
async def test_each_field_that_is_wrong_is_named(
    doors: Doors, project: Project, tried: Counter[str], name: str
) -> None:
    payload = await SCENARIOS[name].prepare(HttpStage(project))
    unsuitable = list(bad_input.unsuitable(catalogue().handlers[name], payload))
    for field in ID_FIELDS & payload.keys():
        assert len([name for name, _ in unsuitable if name == field]) > len(bad_input.KEY_CHARACTERS)
    assert len(unsuitable) >= len(bad_input.KEY_CHARACTERS), "the registry no longer gives any cases"
    who = await doors.bearer(sender_of(name), project.tenant)
    for case in bad_input.mutated(catalogue().handlers[name], payload):
        answer = await doors.request("POST", command_path(project, name), body=case.body, headers=who)
        assert_names(answer, case.field, case.what)
        tried["http command"] += 1
    unbroken = await project.post(name, payload)
    assert unbroken.status in (200, 202), f"the unbroken payload is good: {unbroken.text}"


@every_command
async def test_each_header_that_is_wrong_is_named(
    doors: Doors, project: Project, tried: Counter[str], name: str
) -> None:
    who = await doors.bearer(sender_of(name), project.tenant)
    for headers, field in bad_input.headers():
        path = command_path(project, name)
        answer = await doors.request("POST", path, body=b"{}", headers=who | headers)
        assert_names(answer, field, str(headers))
        tried["http command"] += 1


@every_command
async def test_an_address_that_is_wrong_is_named(
    doors: Doors, project: Project, tried: Counter[str], name: str
) -> None:
    for bad in bad_input.addresses():
        for tenant, proj, field in ((bad, "proj", "tenantId"), ("tenant", bad, "projectId")):
            path = f"api/tenants/{tenant}/projects/{proj}/{kebab(name)}"
            assert_names(await doors.request("POST", path, body=b"{}"), field, path)
            tried["http command"] += 1


async def test_a_body_that_is_too_large_is_refused(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    body = b'{"name": "' + b"x" * BODY_LIMIT + b'"}'
    answer = await doors.request("POST", command_path(project, "ProvisionRepository"), body=body)
    assert (answer.status, answer.fields) == (413, {"body"})
    tried["http command"] += 1


async def test_what_is_not_there_is_404(doors: Doors, project: Project, tried: Counter[str]) -> None:
    for method, path in (
        ("POST", f"{project.path}/demolish-repository"),
        ("PUT", f"{project.path}/provision-repository"),
        ("DELETE", f"{project.path}/repositories/x"),
        ("GET", f"{project.path}/provision-repository"),
        ("GET", f"{project.path}/unicorns"),
        ("GET", f"{project.path}/unicorns/one"),
        ("GET", f"{project.path}/repositories/repo-none"),
        ("GET", f"{project.path}/commands/cmd-none"),
        ("GET", f"{project.path}/environments/nowhere"),
        ("GET", f"{project.path}/manifests/man-none/content"),
        ("POST", f"{project.path}/begin-promotion"),
        ("GET", f"api/tenants/{project.tenant}/traces/trace-none"),
        ("GET", "api/no/such/route"),
    ):
        answer = await doors.request(method, path, body=b"{}" if method != "GET" else None)
        assert answer.status == 404, f"{method} {path}: {answer.status} {answer.text}"
        tried["http view" if method == "GET" else "http command"] += 1


async def test_without_the_key_nothing_is_answered(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    for key in ("", "wrong"):
        for method, path in (("POST", "provision-repository"), ("GET", "repositories")):
            answer = await doors.request(method, f"{project.path}/{path}", headers={"x-functions-key": key})
            assert answer.status == 401
            tried["http command" if method == "POST" else "http view"] += 1


async def test_views_name_what_is_wrong(doors: Doors, project: Project, tried: Counter[str]) -> None:
    async def refused(path: str, field: str) -> None:
        assert_names(await doors.request("GET", path), field, path)
        tried["http view"] += 1

    for bad in bad_input.addresses():
        await refused(f"api/tenants/{bad}/projects/p/repositories", "tenantId")
        await refused(f"api/tenants/t/projects/{bad}/repositories", "projectId")
        await refused(f"api/tenants/{bad}/traces/trace-1", "tenantId")
        await refused(f"api/tenants/{bad}/projects/p/environments/dev", "tenantId")
        await refused(f"{project.path}/environments/{bad}", "environment")
        if len(bad) < 64:
            await refused(f"{project.path}/repositories/{bad}", "id")
            await refused(f"{project.path}/commands/{bad}", "id")
            await refused(f"{project.path}/manifests/{bad}/content", "id")
            await refused(f"api/tenants/{project.tenant}/traces/{bad}", "id")
    for size in ("0", "-1", "201", "ten", "1.5", "9" * 5000, "%EF%BC%91", "%00"):
        await refused(f"{project.path}/repositories?size={size}", "size")
    for token in ("x", "%00", "%C3%A9", "AAAA", "e30", "bnVsbA", "W10", "%2F%2F", "x" * 5000):
        await refused(f"{project.path}/repositories?after={token}", "after")


async def test_a_format_that_is_not_known_is_named(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    provisioned = (await project.post("ProvisionRepository", {"name": "traced"})).fact
    trace = f"api/tenants/{project.tenant}/traces/{provisioned['traceId']}"
    await eventually(lambda: doors.request("GET", trace), lambda answer: answer.status == 200)
    assert_names(await doors.request("GET", f"{trace}?format=xml"), "format", "format=xml")
    tried["http view"] += 1


@every_command
async def test_ids_of_another_tenant_look_as_if_they_did_not_exist(
    doors: Doors, project: Project, tried: Counter[str], name: str
) -> None:
    payload = await SCENARIOS[name].prepare(HttpStage(project))
    ids = [field for field in payload if field.endswith("Id") and field not in NAMES_OF_CALLERS]
    strangers = (doors.project(), doors.project(project.tenant))
    for field in ids:
        for stranger in strangers:
            theirs = await stranger.post(name, payload)
            made_up = await stranger.post(name, payload | {field: "none-0"})
            assert theirs.status == made_up.status == 404
            assert theirs.text.replace(str(payload[field]), "none-0") == made_up.text
            tried["http command"] += 1


async def test_views_show_nothing_of_another_tenant(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    answer = await project.post("ProvisionRepository", {"name": "mine"}, key="mine")
    reply = answer.reply
    stranger = doors.project()
    await project.outcome(reply["commandId"])
    for path, id in (("repositories", reply["aggregate"]["id"]), ("commands", reply["commandId"])):
        theirs, made_up = await stranger.get(f"{path}/{id}"), await stranger.get(f"{path}/none-0")
        assert theirs.status == made_up.status == 404
        assert theirs.text.replace(id, "none-0") == made_up.text
        tried["http view"] += 1
    trace = answer.fact["traceId"]
    mine = f"api/tenants/{project.tenant}/traces/{trace}"
    await eventually(lambda: doors.request("GET", mine), lambda found: found.status == 200)
    theirs = await doors.request("GET", f"api/tenants/{stranger.tenant}/traces/{trace}")
    assert theirs.status == 404
    assert (await stranger.get("repositories")).json == {"items": [], "next": None}
    tried["http view"] += 2
