"""What the reconciler looks at: everything that a lost service hook or webhook may have hidden."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.gitops.reconciliation import sync_observations_due
from domain.devops.packaging.container_image import ObserveImage
from domain.devops.pipelines.pipeline_definition import PipelineDefinition
from domain.devops.pipelines.reconciliation import pipeline_observations_due
from domain.devops.source_control.reconciliation import observations_due
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Observation
from domain.kernel.errors import Rejected
from domain.kernel.work import Lookup, Partition
from domain.ports import GitProvider, ImageScanner, PipelineProvider, Store

log = logging.getLogger(__name__)

PAGE = 100


async def rounds(
    partition: Partition, store: Store, port: Callable[[type], Any], since: datetime
) -> AsyncIterator[Sequence[Observation]]:
    """One project's observations, a batch for each thing that was looked at.

    What one of them refuses must not keep the others from being looked at. Raises `Unavailable`.
    """
    git: GitProvider = port(GitProvider)
    pipelines: PipelineProvider = port(PipelineProvider)
    scanner: ImageScanner = port(ImageScanner)
    async for repositories in _pages(store, partition, Repository):
        for repository in repositories:
            try:
                yield await observations_due(repository, since, git)
            except Rejected as refused:
                log.warning("%s: %s", repository.name, refused)
    async for definitions in _pages(store, partition, PipelineDefinition):
        try:
            yield await pipeline_observations_due(partition, definitions, since, pipelines)
        except Rejected as refused:
            log.warning("%s/%s: %s", partition.tenant_id, partition.project_id, refused)
    yield await sync_observations_due(partition, await DeliveryPolicy.of(Lookup(store, partition)))
    yield [
        ObserveImage(registry=registry, repository=repository, digest=digest)
        for registry, repository, digest in await scanner.scanned_since(partition, since)
    ]


async def _pages[A: Aggregate](store: Store, partition: Partition, kind: type[A]) -> AsyncIterator[list[A]]:
    after: str | None = None
    while True:
        page = await store.page(partition, kind, PAGE, after)
        yield [loaded.aggregate for loaded in page.items]
        if page.next is None:
            return
        after = page.next
