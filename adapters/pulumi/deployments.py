"""The `InfrastructureEngine` port on Pulumi Deployments' REST API; counterpart:
`adapters.memory.infrastructure_engine`.

The service knows no idempotency key: a deployment carries its operation's id in its environment, and is
looked for there before one is begun, and after an outcome that is unknown.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, override
from urllib.parse import quote

from adapters.entra import Authorization
from adapters.http import Answer, Call, Http, reason
from adapters.pulumi import events
from adapters.pulumi.places import Organizations, stack_name
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected
from domain.ports import InfrastructureEngine
from domain.provided import ProvidedInfrastructureRun, ProvidedProgram, ProvidedStack, StackHandle

SERVICE = "Pulumi Cloud"
PULUMI_CLOUD = "https://api.pulumi.com"

OPERATION_ID, BASE_VERSION = "CS_OPERATION_ID", "CS_BASE_VERSION"

# How many of a stack's deployments a repeat can be behind: only others' come between.
_LOOK_BACK = 20
_ENDED = ("succeeded", "failed", "skipped")

type _Json = dict[str, Any]


class PulumiDeployments(InfrastructureEngine):
    """`authorization`: a `FixedAuthorization` with "token ...". `organization_template` holds `{tenantId}`
    and `{projectId}`. What deployments fetch the program with is the stack's own settings', or these.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        authorization: Authorization,
        organization_template: str,
        *,
        url: str = PULUMI_CLOUD,
        git_user: str | None = None,
        git_password: str | None = None,
        deadline: float = 60.0,
        call_timeout: float = 20.0,
    ) -> None:
        self._authorization, self._places = authorization, Organizations(organization_template)
        self._url, self._git = url.rstrip("/"), (git_user, git_password)
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout, longest_body=2**26)
        self._operations: dict[str, str | None] = {}
        """Operation ids by the deployment's path: they never change."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    @override
    async def stack(self, stack: StackHandle) -> ProvidedStack:
        call, path = self._http.call(), self._places.stack(stack)
        version = await self._version(call, stack)
        state = await self._get(call, f"{path}/export")
        return ProvidedStack(version, events.outputs(state))

    @override
    async def begin(
        self, stack: StackHandle, operation: str, program: ProvidedProgram, *, operation_id: str
    ) -> str:
        call, path = self._http.call(), self._places.stack(stack)
        version = await self._version(call, stack)
        found = await self._find(call, path, operation_id)
        body = json.dumps(self._request(operation, program, operation_id, version)).encode()
        while found is None:
            try:
                answer = await self._send(call, "POST", f"{path}/deployments", body, safe=False)
            except OutcomeUnknown as unknown:
                call.trouble(str(unknown))
                await call.pause(unknown.retry_after)
                found = await self._find(call, path, operation_id)
                continue
            if answer.status in (400, 413, 422):
                raise Rejected(f"Pulumi takes no such program: {reason(answer)}")
            made = self._document(answer, "a deployment")
            found = str(made["id"])
        return found

    @override
    async def find(self, stack: StackHandle, operation_id: str) -> str | None:
        return await self._find(self._http.call(), self._places.stack(stack), operation_id)

    @override
    async def run(self, stack: StackHandle, run_id: str) -> ProvidedInfrastructureRun | None:
        call = self._http.call()
        path = f"{self._places.stack(stack)}/deployments/{quote(run_id, safe='')}"
        deployment = await self._get(call, path)
        if deployment is None:
            return None
        operation, status = str(deployment.get("pulumiOperation")), str(deployment.get("status"))
        environment = _environment(deployment)
        base = environment.get(BASE_VERSION, "")
        base_version = int(base) if base.isdecimal() else None
        if status not in _ENDED:
            return ProvidedInfrastructureRun(run_id, operation, "running", "", base_version)
        updates = await self._get(call, f"{path}/updates")
        update = updates[-1] if isinstance(updates, list) and updates else {}
        told = await self._events(call, self._places.stack(stack), operation, update)
        if operation == "update" and update.get("version"):
            # What an update is of is known only once it has its turn.
            base_version = int(update["version"]) - 1
        message = ""
        if status != "succeeded":
            log = await self._log(call, path)
            status, message = _verdict(status, log), events.trouble(told, log)
        found = events.changes(told, operation)
        return ProvidedInfrastructureRun(run_id, operation, status, message, base_version, found)

    @override
    async def cancel(self, stack: StackHandle, run_id: str) -> None:
        path = f"{self._places.stack(stack)}/deployments/{quote(run_id, safe='')}/cancel"
        answer = await self._send(self._http.call(), "POST", path, b"{}")
        # What is over, or was never there, needs no stopping.
        if answer.status >= 300 and answer.status not in (400, 404, 409):
            raise self._http.unavailable(f"it answered {answer.status} to a cancel: {reason(answer)}")

    def _request(self, operation: str, program: ProvidedProgram, operation_id: str, version: int) -> _Json:
        user, password = self._git
        source: _Json = {
            "repoURL": program.remote_url,
            "commit": program.commit_sha,
            "repoDir": program.directory,
        }
        if password is not None:
            login = {"userName": user or "", "password": {"secret": password}}
            source["gitAuth"] = {"basicAuth": login}
        environment = {OPERATION_ID: operation_id, BASE_VERSION: str(version)}
        if operation != "detect-drift":
            # What has drifted is seen, and mended, by the preview and by the update alike.
            environment["PULUMI_OPTION_REFRESH"] = "true"
        return {
            "operation": operation,
            "inheritSettings": True,
            "sourceContext": {"git": source},
            "operationContext": {
                "environmentVariables": environment,
                "options": {"skipIntermediateDeployments": False, "remediateIfDriftDetected": False},
            },
        }

    async def _version(self, call: Call, stack: StackHandle) -> int:
        """Of the stack's state; the stack is made where it is not there yet."""
        path = self._places.stack(stack)
        while (found := await self._get(call, path)) is None:
            body = json.dumps({"stackName": stack_name(stack)}).encode()
            # Made by an earlier try, or by somebody else: either way it is there.
            answer = await self._send(call, "POST", self._places.project(stack), body)
            if answer.status in (400, 403, 404):
                raise Rejected(f"Pulumi makes no stack {stack.name}: {reason(answer)}")
            if answer.status >= 300 and answer.status != 409:
                raise self._http.unavailable(f"it answered {answer.status} to a stack: {reason(answer)}")
            call.trouble(f"it has made stack {stack.name}, but does not show it yet")
            if answer.status == 409:
                await call.pause()
        return int(found.get("version") or 0)

    async def _find(self, call: Call, path: str, operation_id: str) -> str | None:
        listed = await self._get(call, f"{path}/deployments?page=1&pageSize={_LOOK_BACK}")
        newest = [str(one["id"]) for one in (listed or {}).get("deployments", ())]
        unknown = [id for id in newest if f"{path}/{id}" not in self._operations]
        if len(self._operations) > 10_000:
            self._operations.clear()
        # Only a deployment read alone tells its environment.
        read = await asyncio.gather(*(self._get(call, f"{path}/deployments/{quote(id)}") for id in unknown))
        for id, deployment in zip(unknown, read, strict=True):
            self._operations[f"{path}/{id}"] = _environment(deployment or {}).get(OPERATION_ID)
        # The oldest, should there be two after all.
        return next((id for id in newest[::-1] if self._operations.get(f"{path}/{id}") == operation_id), None)

    async def _events(self, call: Call, path: str, operation: str, update: _Json) -> list[_Json]:
        """Of all pages."""
        id = update.get("updateID")
        if not id:
            return []
        kind = "update" if operation == "update" else "preview"
        found: list[_Json] = []
        token: str | None = None
        while True:
            query = f"?continuationToken={quote(token)}" if token else ""
            page = await self._get(call, f"{path}/{kind}/{quote(str(id))}/events{query}") or {}
            found += page.get("events") or []
            following = page.get("continuationToken")
            if not following or following == token:
                return found
            token = str(following)

    async def _log(self, call: Call, path: str) -> list[str]:
        found: list[str] = []
        token: str | None = None
        while True:
            query = f"?continuationToken={quote(token)}" if token else ""
            page = await self._get(call, f"{path}/logs{query}") or {}
            found += [str(one["line"]) for one in page.get("lines") or [] if "line" in one]
            following = page.get("nextToken")
            if not following or following == token:
                return found
            token = str(following)

    async def _get(self, call: Call, path: str) -> Any:
        """The document; None where there is none."""
        answer = await self._send(call, "GET", path)
        return None if answer.status == 404 else self._document(answer, path.partition("?")[0])

    def _document(self, answer: Answer, what: str) -> Any:
        document = answer.json() if answer.status in (200, 201, 202) else None
        if document is None:
            raise self._http.unavailable(f"it answered {answer.status} for {what}: {reason(answer)}")
        return document

    async def _send(
        self, call: Call, method: str, path: str, body: bytes | None = None, *, safe: bool = True
    ) -> Answer:
        headers = {"Accept": "application/vnd.pulumi+8", "Content-Type": "application/json"}
        return await call.authorized(
            self._authorization, method, self._url + path, headers=headers, body=body, safe=safe
        )


def _environment(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The variables that are no secrets."""
    configuration = deployment.get("configuration")
    variables = configuration.get("environmentVariables") if isinstance(configuration, dict) else None
    return {str(one.get("name")): str(one.get("value")) for one in variables or () if "value" in one}


def _verdict(status: str, log: list[str]) -> str:
    # A skipped one had not begun.
    if status == "skipped" or events.is_busy(log):
        return "busy"
    return "canceled" if events.is_canceled(log) else "failed"
