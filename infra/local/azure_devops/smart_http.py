"""Clone, fetch and push over HTTP through git's own http-backend."""

from __future__ import annotations

import asyncio

from aiohttp import web

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.git_store import GitFailed
from infra.local.azure_devops.policy_scopes import protects
from infra.local.azure_devops.ref_log import record_push
from infra.local.azure_devops.repositories import repository_of
from infra.local.azure_devops.routing import Call, Route
from infra.local.emulation.state import Json

_CHUNK = 64 * 1024


async def info_refs(call: Call) -> web.StreamResponse:
    return await _serve(call, repository_of(call), "info/refs", {})


async def upload_pack(call: Call) -> web.StreamResponse:
    return await _serve(call, repository_of(call), "git-upload-pack", {})


async def receive_pack(call: Call) -> web.StreamResponse:
    """A push: protected branches are refused by the update hook, the rest is recorded before the answer."""
    emulator, repository = call.emulator, repository_of(call)
    async with emulator.git.lock(repository["id"]):
        protected = await _protected_refs(emulator, repository)
        answer = await _serve(
            call,
            repository,
            "git-receive-pack",
            {"AZURE_DEVOPS_PROTECTED_REFS": "\n".join(protected)},
            buffered=True,
        )
        await record_push(emulator, repository, call.identity)
    return answer


async def _protected_refs(emulator: Emulator, repository: Json) -> list[str]:
    existing = await emulator.git.refs(repository["id"], "refs/heads")
    return [name for name in existing if protects(emulator, repository, name)]


async def _serve(
    call: Call, repository: Json, service: str, environment: dict[str, str], *, buffered: bool = False
) -> web.StreamResponse:
    git, request = call.emulator.git, call.request
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={
            **git.environment(),
            "GIT_PROJECT_ROOT": str(git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "PATH_INFO": f"/{repository['id']}.git/{service}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(call.raw)),
            "REMOTE_USER": call.identity.email,
            "REMOTE_ADDR": request.remote or "",
            **environment,
        },
    )
    assert process.stdin is not None and process.stdout is not None
    # git starts to answer before it has read everything, so both directions run at once.
    feeding = asyncio.create_task(_feed(process.stdin, call.raw))
    try:
        head = await process.stdout.readuntil(b"\r\n\r\n")
        status, headers = _head(head)
        if buffered:
            body = await process.stdout.read()
            return web.Response(status=status, headers=headers, body=body)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        while chunk := await process.stdout.read(_CHUNK):
            await response.write(chunk)
        await response.write_eof()
        return response
    except asyncio.IncompleteReadError as error:
        raise GitFailed("git http-backend ended without an answer") from error
    finally:
        await feeding
        if process.returncode is None:
            process.stdout.feed_eof()
            await process.wait()


async def _feed(stdin: asyncio.StreamWriter, body: bytes) -> None:
    try:
        stdin.write(body)
        await stdin.drain()
    except ConnectionError:
        pass  # git has seen enough and closed its side
    finally:
        stdin.close()


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    status, headers = 200, {}
    for line in head.decode("latin-1").splitlines():
        name, separator, value = line.partition(":")
        if not separator:
            continue
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    return status, headers


_GIT = "/{org}/{project}/_git/{repo}"

ROUTES = [
    Route("GET", _GIT + "/info/refs", info_refs),
    Route("POST", _GIT + "/git-upload-pack", upload_pack),
    Route("POST", _GIT + "/git-receive-pack", receive_pack),
]
