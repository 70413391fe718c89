"""Which branch policies apply to a branch."""

from __future__ import annotations

from infra.local.azure_devops.emulator import Emulator
from infra.local.emulation.state import Json


def applicable(emulator: Emulator, repository: Json, ref_name: str) -> list[Json]:
    """Enabled configurations whose scope covers the branch."""
    return [
        policy
        for policy in emulator.state.list("policy", repository["projectId"])
        if policy["isEnabled"]
        and any(_covers(scope, repository, ref_name) for scope in policy["settings"]["scope"])
    ]


def protects(emulator: Emulator, repository: Json, ref_name: str) -> bool:
    """Whether the branch takes changes only through pull requests."""
    return any(policy["isBlocking"] for policy in applicable(emulator, repository, ref_name))


def _covers(scope: Json, repository: Json, ref_name: str) -> bool:
    if scope.get("repositoryId") not in (None, repository["id"]):
        return False
    kind = str(scope.get("matchKind") or "exact").lower()
    if kind == "defaultbranch":
        return bool(repository.get("defaultBranch") == ref_name)
    wanted = scope.get("refName")
    if wanted is None:
        return True
    if kind == "prefix":
        return ref_name == wanted or ref_name.startswith(str(wanted).rstrip("/") + "/")
    return bool(ref_name == wanted)
