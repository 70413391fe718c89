"""Branch policies: status checks by name and a number of approvers, each exactly once."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.azure_devops.branches import ref_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.convergence import Collection, Existing, converge
from adapters.azure_devops.paging import Json, continuing
from domain.provided import ProvidedPolicy

STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"
APPROVERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
_APPROVERS_KEY = "minimumApprovers"
_CHECK_KEY = "statusCheck "


async def protect_branch(
    api: Api, repository_id: str, branch: str, required_checks: Sequence[str], approvers: int
) -> list[ProvidedPolicy]:
    scope = {"repositoryId": repository_id, "refName": ref_of(branch), "matchKind": "exact"}
    wanted = {_CHECK_KEY + name: _status_policy(name, scope) for name in required_checks}
    if approvers > 0:
        wanted[_APPROVERS_KEY] = _approvers_policy(approvers, scope)
    kept = await converge(api, _BranchPolicies(api, scope, wanted), list(wanted))
    return [_provided(existing, wanted[existing.key]) for existing in kept]


async def policies_on(api: Api, repository_id: str, branch: str) -> list[Json]:
    """The enabled policies whose scope takes in the branch."""
    return [
        policy
        for policy in await _configurations(api)
        if policy.get("isEnabled")
        and any(_covers(scope, repository_id, ref_of(branch)) for scope in _scopes(policy))
    ]


def check_name(settings: Mapping[str, Any]) -> str:
    """The `genre/name` that a status policy asks for."""
    return context_name({"genre": settings.get("statusGenre"), "name": settings.get("statusName")})


def context_name(context: Mapping[str, Any]) -> str:
    genre, name = context.get("genre"), str(context.get("name") or "")
    return f"{genre}/{name}" if genre else name


class _BranchPolicies(Collection):
    """The status and approver policies that are on this one branch and on nothing else."""

    def __init__(self, api: Api, scope: Mapping[str, str], wanted: Mapping[str, Json]) -> None:
        self._api, self._scope, self._wanted = api, scope, wanted

    async def list(self) -> list[Existing]:
        found = [self._existing(policy) for policy in await _configurations(self._api)]
        return [existing for existing in found if existing is not None]

    async def create(self, key: str) -> Existing:
        policy = await self._api.send("POST", "policy/configurations", self._wanted[key])
        return Existing(key, str(policy["id"]), (int(policy["id"]),), right=True, body=policy)

    async def repair(self, existing: Existing) -> None:
        await self._api.send("PUT", f"policy/configurations/{existing.id}", self._wanted[existing.key])

    async def delete(self, existing: Existing) -> None:
        await self._api.request("DELETE", f"policy/configurations/{existing.id}")

    def _existing(self, policy: Json) -> Existing | None:
        scopes = _scopes(policy)
        if len(scopes) != 1 or not _same(self._scope, scopes[0]):
            return None
        type_id = policy["type"]["id"]
        if type_id == STATUS:
            key = _CHECK_KEY + check_name(policy["settings"])
        elif type_id == APPROVERS:
            key = _APPROVERS_KEY
        else:
            return None
        right = key not in self._wanted or _same(self._wanted[key], policy)
        return Existing(key, str(policy["id"]), (int(policy["id"]),), right, policy)


async def _configurations(api: Api) -> list[Json]:
    found = await continuing(api, "policy/configurations", {"$top": "100"})
    return [policy for policy in found if not policy.get("isDeleted")]


def _scopes(policy: Json) -> list[Json]:
    return list((policy.get("settings") or {}).get("scope") or [])


def _covers(scope: Json, repository_id: str, ref: str) -> bool:
    if scope.get("repositoryId") not in (None, repository_id):
        return False
    name, kind = scope.get("refName"), str(scope.get("matchKind") or "exact").lower()
    if kind == "prefix" and name is not None:
        return ref == name or ref.startswith(name.rstrip("/") + "/")
    return name in (None, ref)


def _same(wanted: Any, found: Any) -> bool:
    """Whether everything that is wanted is found; the service adds fields of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _same(value, found.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(_same, wanted, found))
    if isinstance(wanted, str) and isinstance(found, str):
        return wanted.casefold() == found.casefold()
    return bool(wanted == found)


def _status_policy(check: str, scope: Mapping[str, str]) -> Json:
    genre, _, name = check.rpartition("/")
    context = {"statusGenre": genre, "statusName": name} if genre else {"statusName": name}
    settings = {**context, "invalidateOnSourceUpdate": True, "scope": [scope]}
    return {"isEnabled": True, "isBlocking": True, "type": {"id": STATUS}, "settings": settings}


def _approvers_policy(approvers: int, scope: Mapping[str, str]) -> Json:
    settings = {"minimumApproverCount": approvers, "creatorVoteCounts": False, "scope": [scope]}
    return {"isEnabled": True, "isBlocking": True, "type": {"id": APPROVERS}, "settings": settings}


def _provided(existing: Existing, wanted: Json) -> ProvidedPolicy:
    settings = wanted["settings"]
    if existing.key == _APPROVERS_KEY:
        return ProvidedPolicy(existing.id, "minimumApprovers", str(settings["minimumApproverCount"]))
    return ProvidedPolicy(existing.id, "statusCheck", existing.key.removeprefix(_CHECK_KEY))
