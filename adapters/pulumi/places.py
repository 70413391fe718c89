"""Where a project's stacks are: each project has an organization of its own; no name leads out of it."""

import hashlib
import re
from urllib.parse import quote

from domain.kernel.errors import require
from domain.kernel.work import Partition
from domain.provided import StackHandle

_TENANT, _PROJECT = "{tenantId}", "{projectId}"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Organizations:
    """`template` holds `{tenantId}` and `{projectId}`, with something between them that is no letter and no
    digit: `{tenantId}-{projectId}`."""

    def __init__(self, template: str) -> None:
        parts = re.split(r"(\{tenantId\}|\{projectId\})", template)
        if sorted(parts[1::2]) != sorted((_TENANT, _PROJECT)):
            raise ValueError("the organization must name {tenantId} and {projectId}: tenants never share one")
        if not parts[2] or parts[2][0].isalnum():
            raise ValueError("the organization must keep {tenantId} and {projectId} apart")
        self._parts = parts

    def of(self, partition: Partition) -> str:
        """As the template says where that could be no other project's, else with a digest behind it."""
        values = {_TENANT: partition.tenant_id, _PROJECT: partition.project_id}
        first, last = (values[part] for part in self._parts[1::2])
        name = "".join(values.get(part, part) for part in self._parts)
        # The first value ends where the separator begins; letter case does not count in the name.
        plain = re.fullmatch(r"[a-z0-9]+", first) and re.fullmatch(r"[a-z0-9-]+", last)
        if plain and not re.search(r"-[0-9a-f]{10}$", name):
            return name
        whole = f"{partition.tenant_id}|{partition.project_id}"
        readable = re.sub(r"[^A-Za-z0-9-]+", "-", name)
        return f"{readable}-{hashlib.sha256(whole.encode()).hexdigest()[:10]}"

    def project(self, stack: StackHandle) -> str:
        """The path of the stack's project. Raises `Rejected` as `stack_name` does."""
        return f"/api/stacks/{quote(self.of(stack.partition), safe='')}/{quote(_parts(stack)[0], safe='')}"

    def stack(self, stack: StackHandle) -> str:
        """The path of the stack."""
        return f"{self.project(stack)}/{quote(stack_name(stack), safe='')}"


def stack_name(stack: StackHandle) -> str:
    """Its name in its project. Raises `Rejected` where it is not project/stack."""
    return _parts(stack)[1]


def _parts(stack: StackHandle) -> tuple[str, str]:
    parts = stack.name.split("/")
    # A part of dots would lead out of the organization.
    good = len(parts) == 2 and all(_NAME.fullmatch(part) and part.strip(".") for part in parts)
    require(good, f"stack {stack.name} must be named project/stack for Pulumi")
    return parts[0], parts[1]
