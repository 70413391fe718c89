"""The `InfrastructureEngine` port on Azure Resource Manager, for stacks from before; counterpart:
`adapters.memory.infrastructure_engine`.

An update is a deployment named after its operation, so that a repeat finds it. A preview and a look for
drift are what-ifs, which leave nothing behind but their result: a repeat asks anew. What an update does is
told by a what-if just before it, for the deployment itself only says which resources it went through.
"""

import json
from collections.abc import Mapping
from typing import Any, override
from urllib.parse import quote, urlsplit

from adapters.entra import Authorization
from adapters.http import Answer, Call, Http, reason
from adapters.resource_manager import documents
from adapters.resource_manager.documents import part
from adapters.resource_manager.places import Subscriptions
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected, require
from domain.ports import InfrastructureEngine
from domain.provided import ProvidedInfrastructureRun, ProvidedProgram, ProvidedStack, StackHandle

SERVICE = "Azure Resource Manager"
AZURE = "https://management.azure.com"
ENTRA_SCOPE = "https://management.azure.com/.default"

_VERSION = "api-version=2024-03-01"
_BASE, _RESULT = "cs-base-version", "cs-what-if-"
_LONGEST_TAG = 256

type _Json = dict[str, Any]


class ResourceManagerDeployments(InfrastructureEngine):
    """`authorization`: a `BearerToken` for `ENTRA_SCOPE`, its maker's to close, or a fixed header.
    `subscriptions`: tenantId/projectId -> subscription id, for each project that has stacks from before.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        authorization: Authorization,
        subscriptions: Mapping[str, str],
        *,
        management_url: str = AZURE,
        deadline: float = 120.0,
        call_timeout: float = 30.0,
    ) -> None:
        self._authorization, self._places = authorization, Subscriptions(subscriptions)
        self._url = management_url.rstrip("/")
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout, longest_body=2**26)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    @override
    async def stack(self, stack: StackHandle) -> ProvidedStack:
        found = await self._deployments(self._http.call(), stack)
        succeeded = (one for one in found if documents.state(one) == "Succeeded" and documents.outputs(one))
        newest = max(succeeded, key=documents.milliseconds, default={})
        return ProvidedStack(documents.version(found), documents.outputs(newest))

    @override
    async def begin(
        self, stack: StackHandle, operation: str, program: ProvidedProgram, *, operation_id: str
    ) -> str:
        call, path = self._http.call(), self._path(stack, operation_id)
        if operation == "update" and await self._get(call, path) is not None:
            return operation_id
        version = documents.version(await self._deployments(call, stack))
        properties = {"mode": "Incremental", "template": _template(program)}
        result = await self._what_if(call, path, properties)
        if operation != "update":
            return f"{operation}:{version}:{result}"
        foreseen = await self._result(call, result)
        if foreseen.get("status") == "Failed":
            said = documents.trouble(foreseen.get("error"))
            raise Rejected(f"Resource Manager takes no such program: {said}")
        pieces = [result[at : at + _LONGEST_TAG] for at in range(0, len(result), _LONGEST_TAG)]
        tags = {f"{_RESULT}{index}": piece for index, piece in enumerate(pieces)}
        body = {"properties": properties, "tags": {_BASE: str(version), **tags}}
        await self._put(call, path, body)
        return operation_id

    @override
    async def find(self, stack: StackHandle, operation_id: str) -> str | None:
        found = await self._get(self._http.call(), self._path(stack, operation_id))
        return None if found is None else operation_id

    @override
    async def run(self, stack: StackHandle, run_id: str) -> ProvidedInfrastructureRun | None:
        call = self._http.call()
        operation, is_look, rest = run_id.partition(":")
        if not is_look:
            return await self._update(call, stack, run_id)
        version, _, path = rest.partition(":")
        if not path.startswith(f"{self._places.of(stack.partition)}/"):
            return None
        answer = await self._send(call, "GET", path)
        if answer.status == 202:
            return ProvidedInfrastructureRun(run_id, operation, "running", "", int(version))
        if answer.status == 404:
            return None
        found = self._document(answer, "a what-if")
        status = "succeeded" if found.get("status") == "Succeeded" else "failed"
        message = documents.trouble(found.get("error"))
        changes = documents.changes(found)
        return ProvidedInfrastructureRun(run_id, operation, status, message, int(version), changes)

    @override
    async def cancel(self, stack: StackHandle, run_id: str) -> None:
        if ":" in run_id:
            return  # a what-if ends by itself
        path = f"{self._path(stack, run_id)}/cancel"
        answer = await self._send(self._http.call(), "POST", path)
        if answer.status >= 300 and answer.status not in (404, 409):
            raise self._http.unavailable(f"it answered {answer.status} to a cancel: {reason(answer)}")

    async def _update(self, call: Call, stack: StackHandle, name: str) -> ProvidedInfrastructureRun | None:
        path = self._path(stack, name)
        deployment = await self._get(call, path)
        if deployment is None:
            return None
        tags = part(deployment, "tags")
        base = str(tags.get(_BASE))
        base_version = int(base) if base.isdecimal() else None
        status = {"Succeeded": "succeeded", "Failed": "failed", "Canceled": "canceled"}.get(
            documents.state(deployment), "running"
        )
        if status == "running":
            return ProvidedInfrastructureRun(name, "update", status, "", base_version)
        result = "".join(str(tags[key]) for key in sorted(tags, key=_piece) if key.startswith(_RESULT))
        own = result.startswith(f"{self._places.of(stack.partition)}/")
        expected = documents.changes(await self._result(call, result)) if own else ()
        operations = await self._get(call, f"{path}/operations") or {}
        message = documents.trouble(part(deployment, "properties").get("error"))
        changes = documents.done(expected, operations)
        return ProvidedInfrastructureRun(name, "update", status, message, base_version, changes)

    async def _put(self, call: Call, path: str, body: _Json) -> None:
        """Once: a second time it would be done again, if to the same end."""
        while True:
            try:
                answer = await self._send(call, "PUT", path, body, safe=False)
            except OutcomeUnknown as unknown:
                call.trouble(str(unknown))
                await call.pause(unknown.retry_after)
                if await self._get(call, path) is not None:
                    return
                continue
            if answer.status != 409 or documents.code(answer.json()) != "DeploymentActive":
                self._document(answer, "a deployment")
            return

    async def _what_if(self, call: Call, path: str, properties: _Json) -> str:
        """Ask what would change; the path of the result. Raises `Rejected`."""
        given = {**properties, "whatIfSettings": {"resultFormat": "FullResourcePayloads"}}
        answer = await self._send(call, "POST", f"{path}/whatIf", {"properties": given})
        if answer.status != 202:
            self._document(answer, "a what-if")
        place = urlsplit(answer.headers.get("location", ""))
        if f"{place.scheme}://{place.netloc}" != self._url:
            # It would be sent our credential.
            raise self._http.unavailable("it does not say where its what-if is")
        return f"{place.path}?{place.query}"

    async def _result(self, call: Call, path: str) -> _Json:
        """Of a what-if, once it is there; empty where it is kept no longer."""
        while True:
            answer = await self._send(call, "GET", path)
            if answer.status == 404:
                return {}
            if answer.status != 202:
                found: _Json = self._document(answer, "a what-if")
                return found
            call.trouble("its what-if takes too long")
            await call.pause(answer.retry_after or None)

    async def _deployments(self, call: Call, stack: StackHandle) -> list[_Json]:
        path: str = self._path(stack, "")[:-1]
        found: list[_Json] = []
        while True:
            page = await self._get(call, path)
            if page is None:
                raise Rejected(f"resource group {stack.name} does not exist: new stacks are made by Pulumi")
            found += page.get("value") or []
            following = str(page.get("nextLink") or "")
            if not following.startswith(f"{self._url}/"):
                return found
            path = following.removeprefix(self._url)

    def _path(self, stack: StackHandle, name: str) -> str:
        group = self._places.group(stack)
        return f"{group}/providers/Microsoft.Resources/deployments/{quote(name, safe='')}"

    async def _get(self, call: Call, path: str) -> Any:
        """The document; None where there is none."""
        answer = await self._send(call, "GET", path)
        return None if answer.status == 404 else self._document(answer, path.partition("?")[0])

    def _document(self, answer: Answer, what: str) -> Any:
        if answer.status in (400, 404, 413):
            said = documents.trouble(answer.json()) or reason(answer)
            raise Rejected(f"Resource Manager takes no such program: {said}")
        document = answer.json() if answer.status in (200, 201) else None
        if not isinstance(document, dict):
            raise self._http.unavailable(f"it answered {answer.status} for {what}: {reason(answer)}")
        return document

    async def _send(
        self, call: Call, method: str, path: str, body: _Json | None = None, *, safe: bool = True
    ) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        url = self._url + path
        if "api-version=" not in path:
            url += f"{'&' if '?' in path else '?'}{_VERSION}"
        headers = {"Content-Type": "application/json"}
        return await call.authorized(
            self._authorization, method, url, headers=headers, body=content, safe=safe
        )


def _template(program: ProvidedProgram) -> Any:
    try:
        template = json.loads(program.template or b"")
    except ValueError:
        template = None
    require(isinstance(template, dict), f"the template in {program.directory} is not a JSON object")
    return template


def _piece(tag: str) -> int:
    number = tag.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0
