"""Every door to the outside. Adapters implement them; `adapters/memory/` does in memory.

Every method may be called again with the same arguments after a crash, a timeout or an unknown answer, and
then finds its own effect instead of making a second one. What is away raises `Unavailable`; what the other
side refuses for good raises `Rejected` with the sentence to show.
"""

from domain.ports.infrastructure import InfrastructureEngine
from domain.ports.packaging import ContainerRegistry, ImageScanner, PackageFeed
from domain.ports.pipelines import PipelineProvider
from domain.ports.platform import BlobStore, Broker, Store
from domain.ports.runtime import GitOpsAgent, HealthProbe, ManifestRenderer, MetricSource, Workloads
from domain.ports.source_control import GitProvider

__all__ = [
    "BlobStore",
    "Broker",
    "ContainerRegistry",
    "GitOpsAgent",
    "GitProvider",
    "HealthProbe",
    "ImageScanner",
    "InfrastructureEngine",
    "ManifestRenderer",
    "MetricSource",
    "PackageFeed",
    "PipelineProvider",
    "Store",
    "Workloads",
]
