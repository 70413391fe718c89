"""How a release gets into an environment: its manifest, the health that it must show, and when it may."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.devops.delivery.identities import Strict
from domain.kernel.values import Identifier, Line, Timestamp, matching

_RELATIVE_PATH = matching(
    r"(?!/)(?!.*(^|/)\.{1,2}(/|$))[^\x00-\x1f\x7f\\]+", "must be a path relative to the root, without dots"
)
RelativePath = Annotated[str, Field(max_length=400), _RELATIVE_PATH]
StackName = Annotated[
    str,
    Field(max_length=200),
    matching(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?", "must be a name, or project/stack"),
]
ProbeUrl = Annotated[str, Field(max_length=1000), matching(r"https?://\S+", "must be an http or https URL")]
DnsLabel = Annotated[
    str,
    Field(max_length=63),
    matching(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "must be lower-case letters, digits and dashes within"),
]


class ManifestType(StrEnum):
    """What renders a manifest; `PulumiOutput` is the outputs of the environment's stack, as a ConfigMap."""

    HELM = "Helm"
    KUSTOMIZE = "Kustomize"
    PULUMI_OUTPUT = "PulumiOutput"


class ManifestSource(Strict):
    """Where the module's repository keeps what its manifest is rendered from: the folder of a kustomization
    or of a chart; `{environment}` stands for the environment's name. `values` are a chart's value files."""

    type: ManifestType = ManifestType.KUSTOMIZE
    path: RelativePath = "deploy/overlays/{environment}"
    values: Annotated[tuple[RelativePath, ...], Field(max_length=20)] = ()


class HttpGate(Strict):
    """An endpoint that must answer as expected. `{namespace}`, `{service}`, `{environment}` and `{module}`
    in the URL stand for the place of what is being promoted."""

    name: Line
    url: ProbeUrl
    expected_status: Annotated[int, Field(ge=100, le=599)] = 200
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5


class Comparison(StrEnum):
    AT_MOST = "AtMost"
    AT_LEAST = "AtLeast"

    def holds(self, value: float, threshold: float) -> bool:
        return value <= threshold if self is Comparison.AT_MOST else value >= threshold


class MetricGate(Strict):
    """A metric that must keep to its threshold; the query takes the placeholders of an `HttpGate`'s URL."""

    name: Line
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    comparison: Comparison = Comparison.AT_MOST
    threshold: Annotated[float, Field(allow_inf_nan=False)]


class HealthGates(Strict):
    """What must be found healthy at each step of a promotion, beside the rollout itself; found so it must
    still be after the soak. In a dry run the results are recorded, and only the rollout decides."""

    http: Annotated[tuple[HttpGate, ...], Field(max_length=20)] = ()
    metrics: Annotated[tuple[MetricGate, ...], Field(max_length=20)] = ()
    soak_seconds: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = 0
    timeout_seconds: Annotated[int, Field(ge=1, le=24 * 3600)] = 600
    """How long a step may take to be found healthy, the soak aside."""
    dry_run: bool = False


class Repeats(StrEnum):
    NEVER = "Never"
    DAILY = "Daily"
    WEEKLY = "Weekly"


_PERIODS = {Repeats.DAILY: timedelta(days=1), Repeats.WEEKLY: timedelta(weeks=1)}


class FreezeWindow(Strict):
    """A time in which nothing is promoted; one that repeats does so by the clock of UTC."""

    name: Line
    starts_at: Timestamp
    ends_at: Timestamp
    repeats: Repeats = Repeats.NEVER

    def end_at(self, now: datetime) -> datetime | None:
        """When the freeze that holds at this moment ends; None where none does."""
        starts, ends = self.starts_at, self.ends_at
        if self.repeats is not Repeats.NEVER and now >= starts:
            past = (now - starts) // _PERIODS[self.repeats] * _PERIODS[self.repeats]
            starts, ends = starts + past, ends + past
        return ends if starts <= now < ends else None

    @property
    def problem(self) -> str | None:
        """What is wrong with it as a whole, if anything."""
        if self.ends_at <= self.starts_at:
            return "must be after startsAt"
        period = _PERIODS.get(self.repeats)
        if period is not None and self.ends_at - self.starts_at >= period:
            return "must leave some time before it repeats"
        return None


class IaCEngine(StrEnum):
    """Pulumi; Bicep only for stacks from before."""

    PULUMI = "Pulumi"
    BICEP = "Bicep"


class InfrastructureSource(Strict):
    """An environment's stack: its engine, its name there, and where its program is."""

    engine: IaCEngine = IaCEngine.PULUMI
    legacy: bool = False
    """A stack from before, which may still be Bicep."""
    stack: StackName
    repository_id: Identifier
    directory: RelativePath = "infrastructure"
