"""The stages of a pipeline whose YAML is expanded already; of any other, what it says itself."""

from typing import Any

from domain.kernel.errors import Rejected
from domain.provided import ProvidedStage

type Json = dict[str, Any]


def load(text: str) -> Json:
    """Raises `Rejected` for what is no YAML, or no mapping."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Rejected(f"this is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise Rejected("a pipeline's YAML is a mapping")
    return document


def stages_of(document: Json) -> tuple[ProvidedStage, ...]:
    """In their order; a stage that does not say what it depends on depends on the one before."""
    stages: list[ProvidedStage] = []
    for raw in document.get("stages") or [{"stage": "__default", **document}]:
        name = str(raw.get("stage") or f"Stage{len(stages) + 1}")
        before = [stages[-1].name] if stages else []
        stages.append(
            ProvidedStage(
                name=name,
                display_name=str(raw.get("displayName") or name),
                depends_on=tuple(_names(raw["dependsOn"]) if "dependsOn" in raw else before),
                jobs=tuple(_jobs(raw)),
            )
        )
    return tuple(stages)


def parameters_of(document: Json) -> frozenset[str]:
    """Names of the parameters that a run may be given, in both of the forms they are written in."""
    declared = document.get("parameters") or []
    names = declared if isinstance(declared, dict) else [one.get("name") for one in declared]
    return frozenset(str(name) for name in names)


def _names(value: Any) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return [str(name) for name in given if name]


def _jobs(stage: Json) -> list[str]:
    jobs = stage.get("jobs") or [{"job": "Job"}]
    return [
        str(job.get("job") or job.get("deployment") or f"Job{number}") for number, job in enumerate(jobs, 1)
    ]
