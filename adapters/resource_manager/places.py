"""Whose subscription is whose: a project reaches into its own, and into no other."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.provided import StackHandle

_GROUP = re.compile(r"[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]")
_SUBSCRIPTION = re.compile(r"[0-9A-Fa-f-]{36}")


class Subscriptions:
    """`by_project`: `tenantId/projectId` -> the id of its subscription, which no other project has. Raises
    ValueError."""

    def __init__(self, by_project: Mapping[str, str]) -> None:
        for project, subscription in by_project.items():
            if project.count("/") != 1 or _SUBSCRIPTION.fullmatch(subscription) is None:
                raise ValueError(f"{project}: {subscription} must be tenantId/projectId: subscriptionId")
        if len({one.lower() for one in by_project.values()}) != len(by_project):
            raise ValueError("projects never share a subscription")
        self._by_project = dict(by_project)

    def of(self, partition: Partition) -> str:
        """The subscription's path. Raises `Rejected` where the project has none."""
        found = self._by_project.get(f"{partition.tenant_id}/{partition.project_id}")
        if found is None:
            raise Rejected(f"project {partition.project_id} has no subscription for stacks from before")
        return f"/subscriptions/{found}"

    def group(self, stack: StackHandle) -> str:
        """The resource group's path. Raises `Rejected` for what is not the name of one."""
        good = _GROUP.fullmatch(stack.name) is not None
        require(good, f"stack {stack.name} must be the name of a resource group")
        return f"{self.of(stack.partition)}/resourceGroups/{quote(stack.name, safe='')}"
