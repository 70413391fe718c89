"""Authentication, versions, repositories and refs."""

from __future__ import annotations

import uuid

import pytest

from tests.infra.test_azure_devops.client import ORG, ZERO, Project, Repository, Running, add


@pytest.mark.parametrize("authorization", [None, "Basic Ondyb25n", "Bearer wrong", "Basic %%%"])
async def test_a_caller_without_a_valid_credential_gets_tf400813(
    server: Running, authorization: str | None
) -> None:
    reply = await server.call("GET", f"/{ORG}/_apis/projects/x", authorization=authorization)
    assert reply.status == 401
    assert "TF400813" in reply.body["message"]


async def test_the_configured_bearer_token_is_another_identity_than_the_pat(server: Running) -> None:
    path, preview = f"/{ORG}/_apis/connectionData", "7.1-preview.1"
    by_pat = await server.call("GET", path, version=preview)
    by_token = await server.call("GET", path, version=preview, authorization="Bearer local-token")
    assert by_token.status == 200
    assert by_pat.body["authenticatedUser"]["id"] != by_token.body["authenticatedUser"]["id"]


@pytest.mark.parametrize(
    ("version", "type_key"),
    [
        (None, "VssVersionNotSpecifiedException"),
        ("9.0", "VssVersionOutOfRangeException"),
        ("new", "VssInvalidApiVersionException"),
    ],
)
async def test_an_api_version_that_is_missing_or_unknown_is_refused(
    server: Running, version: str | None, type_key: str
) -> None:
    reply = await server.call("GET", f"/{ORG}/_apis/projects/x", version=version)
    assert (reply.status, reply.type_key) == (400, type_key)


async def test_preview_resources_refuse_the_plain_version(server: Running, project: Project) -> None:
    for path in (f"/{ORG}/_apis/connectionData", f"/{ORG}/{project.name}/_apis/policy/evaluations"):
        reply = await server.call("GET", path)
        assert (reply.status, reply.type_key) == (400, "VssInvalidPreviewVersionException")


async def test_a_project_exists_from_its_first_use_and_answers_to_its_id(
    server: Running, project: Project
) -> None:
    by_id = await server.call("GET", f"/{ORG}/_apis/projects/{project.id}")
    assert by_id.body["name"] == project.name
    unknown = await server.call("GET", f"/{ORG}/_apis/projects/{uuid.uuid4()}")
    assert (unknown.status, unknown.type_key) == (404, "ProjectDoesNotExistException")


async def test_a_repository_name_is_taken_whatever_its_case(project: Project, repository: Repository) -> None:
    again = await project.call("POST", "git/repositories", {"name": "API", "project": {"id": project.id}})
    assert again.status == 409
    assert "TF400948" in again.body["message"]
    by_name = await project.call("GET", "git/repositories/Api")
    assert by_name.body["id"] == repository.id


async def test_a_missing_a_disabled_and_a_foreign_repository_look_the_same(
    server: Running, project: Project, repository: Repository
) -> None:
    other = await server.project()
    replies = [
        await project.call("GET", "git/repositories/nothing"),
        await other.call("GET", f"git/repositories/{repository.id}"),
    ]
    await repository.call("PATCH", "", {"isDisabled": True})
    replies.append(await repository.call("GET", ""))
    for reply in replies:
        assert (reply.status, reply.type_key) == (404, "GitRepositoryNotFoundException")
        assert "TF401019" in reply.body["message"]


async def test_the_default_branch_appears_with_the_first_push(repository: Repository) -> None:
    assert "defaultBranch" not in (await repository.call("GET", "")).body
    await repository.commit("trunk", ZERO, {"/a": "1"})
    assert (await repository.call("GET", "")).body["defaultBranch"] == "refs/heads/trunk"


async def test_a_deleted_repository_is_gone_and_its_name_is_free(
    project: Project, repository: Repository
) -> None:
    assert (await repository.call("DELETE", "")).status == 204
    assert (await repository.call("GET", "")).status == 404
    assert (await project.call("GET", "git/repositories")).value == []
    await project.repository()


async def test_the_ref_filter_is_a_prefix_so_names_must_be_compared(repository: Repository) -> None:
    base = await repository.commit("x", ZERO, {"/a": "1"})
    await _update(repository, "refs/heads/xy", ZERO, base)
    found = await repository.call("GET", "refs?filter=heads/x")
    assert [ref["name"] for ref in found.value] == ["refs/heads/x", "refs/heads/xy"]


async def test_refs_come_in_pages_with_a_continuation_token(repository: Repository) -> None:
    base = await repository.commit("a", ZERO, {"/a": "1"})
    for name in "bcde":
        await _update(repository, f"refs/heads/{name}", ZERO, base)
    names, token = [], ""
    while True:
        found = await repository.call("GET", f"refs?filter=heads&$top=2&continuationToken={token}")
        names += [ref["name"][-1] for ref in found.value]
        token = found.headers.get("x-ms-continuationtoken", "")
        if not token:
            break
    assert names == list("abcde")


async def _update(repository: Repository, name: str, old: str, new: str) -> tuple[bool, str]:
    reply = await repository.call("POST", "refs", [{"name": name, "oldObjectId": old, "newObjectId": new}])
    assert reply.status == 200, "ref updates answer 200 even when they fail"
    return reply.value[0]["success"], reply.value[0]["updateStatus"]


async def test_failed_ref_updates_answer_200_and_say_why(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    unknown = "1" * 40
    assert await _update(repository, "refs/heads/dev", ZERO, base) == (True, "succeeded")
    assert await _update(repository, "refs/heads/dev", ZERO, base) == (False, "staleOldObjectId")
    assert await _update(repository, "refs/heads/dev", unknown, ZERO) == (False, "staleOldObjectId")
    assert await _update(repository, "refs/heads/other", ZERO, unknown) == (False, "unresolvableToCommit")
    assert await _update(repository, "refs/heads/a..b", ZERO, base) == (False, "invalidRefName")
    assert await _update(repository, "refs/heads/dev/x", ZERO, base) == (False, "refNameConflict")
    assert await _update(repository, "refs/heads/dev", base, ZERO) == (True, "succeeded")
    assert await repository.tip("dev") is None


async def test_a_new_branch_next_to_a_branch_of_the_same_folder_name_conflicts(
    repository: Repository,
) -> None:
    base = await repository.commit("release", ZERO, {"/a": "1"})
    reply = await repository.push("release/1", base, add("/b", "1"))
    assert (reply.status, reply.type_key) == (400, "GitRefNameConflictException")
