"""Callers: an actor with the tenants it belongs to and the roles it holds there, and how it is refused."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.kernel.actor import Actor
from domain.kernel.errors import NotFound
from functions.roles import MACHINE_ROLES, Permission, Role

EVERY_TENANT = "*"


class NotAuthenticated(Exception):
    """No credential, or one that proves nothing. `reason` is for the log: the caller is told nothing."""

    def __init__(self, reason: str, *, credential: bool = True) -> None:
        super().__init__(reason)
        self.credential = credential
        """Whether there was one."""


class Forbidden(Exception):
    """Known, but not allowed; the sentence names the role that is missing."""


@dataclass(frozen=True)
class Caller:
    """`is_platform` is true of the app's own messages alone, which need no role."""

    actor: Actor
    tenants: frozenset[str]
    grants: frozenset[tuple[Role, str]]
    is_platform: bool = False

    def belongs_to(self, tenant_id: str) -> bool:
        return self.is_platform or not self.tenants.isdisjoint({tenant_id, EVERY_TENANT})

    def may(self, permission: Permission, tenant_id: str) -> bool:
        if self.is_platform:
            return True
        wanted = {(role, where) for role in permission.roles for where in (tenant_id, EVERY_TENANT)}
        return self.belongs_to(tenant_id) and not self.grants.isdisjoint(wanted)

    def require(self, permission: Permission, tenant_id: str, missing: NotFound | None = None) -> None:
        """Raises `Forbidden` in an own tenant and `missing` in any other, whether that one exists or not:
        nothing has been read. `missing` is what the view says of its own ids; a tenant's absence else."""
        if not self.belongs_to(tenant_id):
            raise missing or NotFound("tenant", tenant_id)
        if not self.may(permission, tenant_id):
            raise Forbidden(f"{permission} in tenant {tenant_id}")


def caller(actor: Actor, tenants: frozenset[str], values: Iterable[str]) -> Caller:
    """The caller whom `values` give their roles: `<role>` in every one of `tenants`, `<role>@<tenantId>` in
    that one of them alone. What is no role of ours, or reaches beyond `tenants`, gives nothing.

    Where `tenants` is every tenant, one belongs to those in which one holds a role.
    """
    grants: set[tuple[Role, str]] = set()
    for value in values:
        name, scoped, tenant = value.partition("@")
        if name not in Role or (actor.is_service and name not in MACHINE_ROLES):
            continue
        wanted = {tenant} if scoped else tenants
        grants |= {
            (Role(name), each) for each in wanted if each and (each in tenants or EVERY_TENANT in tenants)
        }
    if EVERY_TENANT in tenants:
        tenants = frozenset(tenant for _, tenant in grants)
    return Caller(actor, tenants, frozenset(grants))


def platform_caller(actor: Actor) -> Caller:
    """The app itself."""
    return Caller(actor, frozenset({EVERY_TENANT}), frozenset(), is_platform=True)
