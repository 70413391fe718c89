"""Files and folders at a version."""

from __future__ import annotations

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.commits import resolve_version
from infra.local.azure_devops.errors import invalid_argument, item_not_found
from infra.local.azure_devops.git_objects import Entry
from infra.local.azure_devops.repositories import api_url, repository_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


async def get_items(call: Call) -> Answer:
    repository = repository_of(call)
    version = call.query.get("versiondescriptor.version") or call.query.get("version")
    kind = call.query.get("versiondescriptor.versiontype") or call.query.get("versiontype")
    commit = await resolve_version(call, repository, version, kind)
    recursion = call.query.get("recursionlevel", "none").lower()
    path = call.query.get("path")
    if path is not None and recursion == "none":
        return await _one(call, repository, commit, path.strip("/"))
    scope = (call.query.get("scopepath") or path or "/").strip("/")
    return await _many(call, repository, commit, scope, recursion)


async def _one(call: Call, repository: Json, commit: str, path: str) -> Answer:
    git = call.emulator.git
    if not path:
        raise invalid_argument("A file path is required.")
    entry = await _entry(call, repository, commit, path)
    if entry.kind != "blob":
        return Answer(200, _render(call, repository, entry, commit))
    content = await git_objects.blob(git, repository["id"], entry.object_id)
    wants_json = call.query.get("$format") == "json" or "json" in call.request.headers.get("Accept", "")
    if not wants_json:
        return Answer(200, content)
    body = _render(call, repository, entry, commit)
    if call.flag("includeContent"):
        body["content"] = content.decode("utf-8", "replace")
    return Answer(200, body)


async def _many(call: Call, repository: Json, commit: str, scope: str, recursion: str) -> Answer:
    git = call.emulator.git
    found: list[Entry] = []
    if scope:
        found.append(await _entry(call, repository, commit, scope))
    else:
        root = await git.run(repository["id"], "rev-parse", f"{commit}^{{tree}}")
        found.append(Entry("", "040000", "tree", root.text))
    if recursion != "none" and found[0].kind == "tree":
        options = ("-r", "-t") if recursion == "full" else ()
        found += await git_objects.tree(
            git, repository["id"], commit, *options, path=scope + "/" if scope else ""
        )
    unique = {entry.path: entry for entry in found}
    return listing([_render(call, repository, entry, commit) for entry in unique.values()])


async def _entry(call: Call, repository: Json, commit: str, path: str) -> Entry:
    found = await git_objects.tree(call.emulator.git, repository["id"], commit, path=path)
    if not found:
        raise item_not_found("/" + path, repository["name"], f"<Commit: {commit}>")
    return found[0]


def _render(call: Call, repository: Json, entry: Entry, commit: str) -> Json:
    path = "/" + entry.path
    body: Json = {
        "objectId": entry.object_id,
        "gitObjectType": entry.kind,
        "commitId": commit,
        "path": path,
        "url": f"{api_url(call.emulator, repository)}/items{path}?versionType=Commit&version={commit}",
    }
    if entry.kind == "tree":
        body["isFolder"] = True
    return body


ROUTES = [Route("GET", "/{org}[/{project}]/_apis/git/repositories/{repo}/items", get_items)]
