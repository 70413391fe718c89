"""Whether a release may be promoted, and what it lacks: one predicate, for deciding and for showing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.devops.delivery.delivery_policy import DeliveryPolicy, Finder
from domain.devops.delivery.identities import People
from domain.devops.packaging.container_image import ContainerImage
from domain.devops.packaging.package_publication import PackagePublication
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.release.approvals import count
from domain.devops.release.contents import ReleaseArtifact
from domain.devops.release.duties import segregated
from domain.devops.release.release_plan import ReleasePlan, ReleaseStatus
from domain.kernel.errors import Rejected


@dataclass(frozen=True)
class Condition:
    """One thing that must hold, and the sentence on how it stands."""

    name: str
    met: bool
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What the conditions are judged on: packages and images by their ids, as far as they are recorded."""

    plan: ReleasePlan
    build: BuildResult | None
    people: People
    publications: Mapping[str, PackagePublication] = field(default_factory=dict)
    images: Mapping[str, ContainerImage] = field(default_factory=dict)


def standing(plan: ReleasePlan, build: BuildResult | None, now: datetime) -> list[Condition]:
    """What must hold of a release from its planning on, whoever has decided what."""
    status = plan.status_at(now)
    expired, rejected = status is ReleaseStatus.EXPIRED, status is ReleaseStatus.REJECTED
    hours = plan.policy.approvals.expires_after_hours
    in_time = (
        f"release {plan.release_id} was not approved within {hours} hours and has expired"
        if expired
        else f"release {plan.release_id} has not expired"
    )
    said = "was rejected" if rejected else "has not been rejected"
    return [
        _build_successful(build, plan),
        Condition("notRejected", not rejected, f"release {plan.release_id} {said}"),
        Condition("notExpired", not expired, in_time),
    ]


def conditions(evidence: Evidence, now: datetime) -> list[Condition]:
    """Every condition of a promotion, met or not, in an order that is always the same."""
    plan = evidence.plan
    approved = plan.status is ReleaseStatus.APPROVED
    said = "is approved" if approved else "has not been approved"
    # Where it is over, no approval would help: none is asked for.
    is_over = plan.status_at(now) in (ReleaseStatus.REJECTED, ReleaseStatus.EXPIRED)
    return [
        *standing(plan, evidence.build, now),
        *(() if is_over else _approvals(plan, evidence.people)),
        *(() if is_over else (Condition("approved", approved, f"release {plan.release_id} {said}"),)),
        *(_package(artifact, evidence) for artifact in plan.artifacts if artifact.publication_id is not None),
        *(_image(artifact, evidence) for artifact in plan.artifacts if artifact.image_id is not None),
    ]


def require_met(found: Iterable[Condition]) -> None:
    """Raises `Rejected` with the sentences of all that are not met."""
    unmet = "; ".join(condition.sentence for condition in found if not condition.met)
    if unmet:
        raise Rejected(unmet)


def require_promotable(evidence: Evidence, now: datetime) -> None:
    """Raises `Rejected` with all that the release lacks."""
    require_met(conditions(evidence, now))


def _build_successful(build: BuildResult | None, plan: ReleasePlan) -> Condition:
    if build is None:
        return Condition("buildSuccessful", False, f"build {plan.build_result_id} is not recorded")
    try:
        build.require_successful()
    except Rejected as no:
        return Condition("buildSuccessful", False, no.sentence)
    tests = f"{build.tests_passed} tests passed" if build.tests_passed else "no tests"
    return Condition("buildSuccessful", True, f"build {build.build_number} is successful ({tests})")


def _approvals(plan: ReleasePlan, people: People) -> Iterable[Condition]:
    """Judged by what is known of persons now: two approvers who turn out to be one person count as one."""
    for check in count(plan.policy.approvals, segregated(plan, people), people):
        yield Condition(check.name, check.passed, check.sentence)


def _package(artifact: ReleaseArtifact, evidence: Evidence) -> Condition:
    publication = evidence.publications.get(artifact.publication_id or "")
    problem = (
        f"package {artifact.name} is not published"
        if publication is None
        else publication.promotion_problem(artifact.content_sha256)
    )
    return Condition("packagePublished", problem is None, problem or f"package {artifact.name} is published")


def _image(artifact: ReleaseArtifact, evidence: Evidence) -> Condition:
    image = evidence.images.get(artifact.image_id or "")
    problem = (
        f"image {artifact.name} has not been found in the registry"
        if image is None
        else image.promotion_problem(artifact.name)
    )
    passed = f"image {artifact.name} has passed its vulnerability scan"
    return Condition("imageScanPassed", problem is None, problem or passed)


async def evidence_of(plan: ReleasePlan, lookup: Finder) -> Evidence:
    """Load what the conditions are judged on."""
    publications: dict[str, PackagePublication] = {}
    images: dict[str, ContainerImage] = {}
    for artifact in plan.artifacts:
        if artifact.publication_id is not None:
            publication = await lookup.find(PackagePublication, artifact.publication_id)
            if publication is not None:
                publications[artifact.publication_id] = publication
        if artifact.image_id is not None:
            image = await lookup.find(ContainerImage, artifact.image_id)
            if image is not None:
                images[artifact.image_id] = image
    return Evidence(
        plan=plan,
        build=await lookup.find(BuildResult, plan.build_result_id),
        people=(await DeliveryPolicy.of(lookup)).people,
        publications=publications,
        images=images,
    )


async def readiness_of(plan: ReleasePlan, lookup: Finder, now: datetime) -> list[Condition]:
    """What a promotion of the release would be told now."""
    return conditions(await evidence_of(plan, lookup), now)
