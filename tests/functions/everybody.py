"""Everybody who could call: each role as a person, an application and a machine."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import azure.functions as func

from domain.catalogue import catalogue
from domain.kernel.context import snake
from functions.roles import Role
from infra.local.issuer.people import Subject
from infra.local.issuer.server import Issuer
from tests.functions.conftest import ACME, SETTINGS, MemoryPlatform
from tests.functions.gate import identity_of, settings_of
from tests.functions.requests import request

WRITES = sorted(handler.name for handler in (*catalogue().commands, *catalogue().settings))
QUEUED = sorted(handler.name for handler in catalogue().commands)
OPEN = {"azure_devops_hook", "container_registry_hook", "health"}
OWN, SISTER, OTHER, NOWHERE = "acme", "acme-labs", "other", "nowhere"
# Said once more: a mistake in the table of roles must not be one here.
OF_PERSONS = frozenset({"approver", "incident-commander"})


@dataclass(frozen=True)
class Someone:
    """A caller: the headers they come with, and which roles count for them in `acme`."""

    name: str
    headers: dict[str, str]
    roles: frozenset[str]
    is_known: bool = True


class Watched:
    """A store that notices whatever is asked of it."""

    def __init__(self, store: Any) -> None:
        self.asked: list[str] = []
        self._store = store

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._store, name)


def with_machines(memory: MemoryPlatform, issuer: Issuer) -> MemoryPlatform:
    """The platform with a machine's key for each role, in `acme` alone."""
    keys = [
        {"name": role, "sha256": _digest(role), "roles": [role], "tenants": [OWN]}
        for role in Role
        if role not in OF_PERSONS
    ]
    environment = SETTINGS | {"Identity__machineKeys": json.dumps(keys)}
    memory.identity = identity_of(settings_of(issuer, environment))
    return memory


def _digest(role: str) -> str:
    return hashlib.sha256(f"the key of {role}".encode()).hexdigest()


def everybody(issuer: Issuer) -> Iterator[Someone]:
    """Persons, applications and machines with one role each, with all, with none, and with one elsewhere."""

    def bearer(*roles: str, is_application: bool = False) -> dict[str, str]:
        token = issuer.token(Subject("somebody", is_application, roles, tid=ACME))
        return {"Authorization": f"Bearer {token}"}

    nobody = frozenset[str]()
    yield Someone("nobody", {}, nobody, is_known=False)
    yield Someone("a forged token", {"Authorization": bearer(*Role)["Authorization"][:-9]}, nobody, False)
    yield Someone("a wrong key", {"x-functions-key": "the key of approver"}, nobody, False)
    yield Someone("a person without a role", bearer(), nobody)
    yield Someone("a person with roles elsewhere", bearer(*(f"{role}@{SISTER}" for role in Role)), nobody)
    yield Someone("a person with another's roles", bearer(*(f"{role}@{OTHER}" for role in Role)), nobody)
    yield Someone("a person with every role", bearer(*Role), frozenset(Role))
    yield Someone("an application with every role", bearer(*Role, is_application=True), machine(*Role))
    for role in Role:
        yield Someone(f"a person, {role}", bearer(role), frozenset({role}))
        yield Someone(f"a person, {role} here", bearer(f"{role}@{OWN}"), frozenset({role}))
        yield Someone(f"an application, {role}", bearer(role, is_application=True), machine(role))
        if role not in OF_PERSONS:
            yield Someone(f"a machine, {role}", {"x-functions-key": f"the key of {role}"}, machine(role))


def machine(*roles: str) -> frozenset[str]:
    return frozenset(roles) - OF_PERSONS


def http_functions(app: ModuleType) -> dict[str, Any]:
    """Every write by its name, and whatever else is read over HTTP by its function's name, as the Functions
    platform calls them."""
    found = {function.get_function_name(): function for function in app.app.get_functions()}
    methods = {name: json.loads(str(each))["bindings"][0].get("methods") for name, each in found.items()}
    views = {name: each for name, each in found.items() if methods[name] == ["GET"] and name not in OPEN}
    writes = {name: found[f"{snake(name)}_http"] for name in WRITES}
    return {name: each.get_user_function() for name, each in (writes | views).items()}


# No command is so: whoever gets as far as the body is answered 422, and nothing is done.
BODY = b"[]"
# There is nothing under these in any tenant, unless a test puts it there.
ROUTE = {"projectId": "booking", "collection": "repositories", "id": "repo-1", "environment": "nowhere"}


async def ask(function: Any, tenant: str, someone: Someone, **route: str) -> func.HttpResponse:
    made = request(body=BODY, headers=someone.headers, route={**ROUTE, "tenantId": tenant, **route}, key=None)
    answer: func.HttpResponse = await function(made)
    return answer
