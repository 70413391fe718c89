"""ContainerImage: an image built from a module and pushed to the registry."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.devops.delivery.delivery_policy import DeliveryPolicy, Severity
from domain.devops.packaging import packaging
from domain.devops.pipelines.build_artifacts import ImageDigest, ImageTag
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Observation
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Line, Model, Timestamp, derived_id
from domain.kernel.work import Partition, Work
from domain.ports import ContainerRegistry, ImageScanner
from domain.provided import ProvidedManifest, ProvidedScan

RegistryReference = Annotated[Line, Field(max_length=255)]


class ImageStatus(StrEnum):
    """`Refused`: the registry does not have what the build named."""

    BUILT = "Built"
    REFUSED = "Refused"


class ScanState(StrEnum):
    """That nothing is known of an image does not make it clean: it was not scanned."""

    NOT_SEEN = "NotSeen"
    PASSED = "Passed"
    FAILED = "Failed"


class ImageLayer(Model):
    digest: str
    media_type: str
    size: int
    """bytes"""


class ScanFinding(Model):
    finding_id: str
    severity: Severity
    exempt: bool


class ImageScanResult(Model):
    """`failing_severity` is the policy's at the time: from it on, a finding that is not exempt fails."""

    scanned_at: Timestamp
    state: ScanState
    failing_severity: Severity
    findings: tuple[ScanFinding, ...] = ()

    @property
    def failing(self) -> tuple[ScanFinding, ...]:
        return tuple(
            finding
            for finding in self.findings
            if not finding.exempt and finding.severity.is_at_least(self.failing_severity)
        )


class ObserveImage(Observation):
    """An image was pushed, deleted or scanned: look at registry and scanner again."""

    registry: RegistryReference
    repository: Line
    digest: ImageDigest


@packaging.event()
class ContainerImageBuilt(Event):
    """A container image was pushed to the registry."""

    image_id: Identifier
    build_result_id: Identifier
    registry: str
    repository_name: str
    tag: str
    digest: str
    built_at: Timestamp


@packaging.aggregate(prefix="img", collection="images", id_field="image_id")
class ContainerImage(Aggregate):
    image_id: Identifier
    build_result_id: Identifier
    repository_name: str
    tag: ImageTag
    digest: ImageDigest
    registry: RegistryReference
    status: ImageStatus = ImageStatus.REFUSED
    problem: str | None = None
    built_at: Timestamp | None = None
    names: tuple[str, ...] = ()
    """`repository:tag` under which builds have named it and the registry had it."""
    missing_since: Timestamp | None = None
    layers: tuple[ImageLayer, ...] = ()
    scan_result: ImageScanResult | None = None

    @staticmethod
    def id_for(partition: Partition, registry: str, digest: str) -> str:
        """Follows from registry and digest: that is what makes the digest unique per registry."""
        return derived_id(
            "img", partition.tenant_id, partition.project_id, registry.casefold(), digest.casefold()
        )

    @property
    def scan_state(self) -> ScanState:
        return ScanState.NOT_SEEN if self.scan_result is None else self.scan_result.state

    def observe(self, manifest: ProvidedManifest | None, at: Timestamp) -> None:
        """Take over whether the registry has it. What was built once stays built, and may be missing."""
        if manifest is not None:
            self.missing_since = None
        elif self.status is ImageStatus.BUILT:
            self.missing_since = self.missing_since or at
        else:
            self.problem = f"registry {self.registry} has no {self.digest} in {self.repository_name}"

    def observe_name(
        self, manifest: ProvidedManifest, repository: str, tag: str, tagged: str | None, at: Timestamp
    ) -> None:
        """Take over the digest that a tag maps to at the time of publishing; where it goes later is another
        image's matter."""
        if tagged != self.digest:
            if self.status is not ImageStatus.BUILT:
                there = tagged or "nothing"
                self.problem = f"tag {tag} maps to {there} in the registry, not to {self.digest}"
            return
        self.names = (*self.names, f"{repository}:{tag}")
        if self.status is not ImageStatus.BUILT:
            self.status, self.problem, self.built_at = ImageStatus.BUILT, None, at
            self.layers = tuple(
                ImageLayer(digest=layer.digest, media_type=layer.media_type, size=layer.size)
                for layer in manifest.layers
            )
            self._record_built(at)

    def _record_built(self, at: Timestamp) -> None:
        self.record(
            ContainerImageBuilt(
                image_id=self.image_id,
                build_result_id=self.build_result_id,
                registry=self.registry,
                repository_name=self.repository_name,
                tag=self.tag,
                digest=self.digest,
                built_at=at,
            )
        )

    def observe_scan(self, scan: ProvidedScan | None, failing_severity: Severity) -> None:
        """Take over the newest scan; a scan once seen is not unseen again."""
        if scan is None:
            return
        found = ImageScanResult(
            scanned_at=scan.scanned_at,
            state=ScanState.PASSED,
            failing_severity=failing_severity,
            findings=tuple(
                ScanFinding(
                    finding_id=one.finding_id, severity=Severity.read(one.severity), exempt=one.exempt
                )
                for one in scan.findings
            ),
        )
        state = ScanState.FAILED if found.failing else ScanState.PASSED
        self.scan_result = found.model_copy(update={"state": state})

    def promotion_problem(self, named: str | None = None) -> str | None:
        """Why it may not be promoted under this name, by default its own; None: it may."""
        named = named or f"{self.repository_name}:{self.tag}"
        name = f"image {named}"
        if self.status is not ImageStatus.BUILT:
            return f"{name} is not in the registry as built: {self.problem}"
        if named not in self.names:
            return f"{name} did not map to {self.digest} in the registry when its build was recorded"
        if self.missing_since is not None:
            return f"{name} is no longer in the registry"
        if self.scan_result is None:
            return f"{name} has not been scanned for vulnerabilities yet"
        if self.scan_state is ScanState.FAILED:
            return f"{name} has not passed its vulnerability scan: {_named(self.scan_result.failing)}"
        return None


def _named(findings: Sequence[ScanFinding]) -> str:
    shown = ", ".join(f"{finding.finding_id} ({finding.severity})" for finding in findings[:5])
    return shown if len(findings) <= 5 else f"{shown} and {len(findings) - 5} more"


async def look_at(
    image: ContainerImage,
    work: Work,
    policy: DeliveryPolicy,
    registry: ContainerRegistry,
    scanner: ImageScanner,
    named: tuple[str, str] | None = None,
) -> None:
    """Read registry and scanner again, whatever a webhook said; `named` is how a build names the image.

    Raises `Rejected` where it is not in the platform's registry, or not in the project's part of it.
    """
    ours = image.registry.casefold() == registry.registry.casefold()
    require(ours, f"registry {image.registry} is not the platform's {registry.registry}")
    name, digest = image.repository_name, image.digest
    manifest = await registry.manifest(work.partition, name, digest)
    image.observe(manifest, work.now)
    repository, tag = named or (name, image.tag)
    if manifest is not None and f"{repository}:{tag}" not in image.names:
        tagged = await registry.manifest(work.partition, repository, tag)
        image.observe_name(manifest, repository, tag, None if tagged is None else tagged.digest, work.now)
    scan = await scanner.scan(work.partition, image.registry, name, digest)
    image.observe_scan(scan, policy.failing_severity)


@packaging.handler
async def observe_image(
    command: ObserveImage, work: Work, registry: ContainerRegistry, scanner: ImageScanner
) -> None:
    image = await work.find(
        ContainerImage, ContainerImage.id_for(work.partition, command.registry, command.digest)
    )
    if image is None:
        return  # no build has named it yet; the one that does will look itself
    await look_at(image, work, await DeliveryPolicy.of(work), registry, scanner)
