"""Renders what a release deploys: from its own commit's sources, by the real tools, every image by digest."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from domain.devops.delivery.deployment_policy import ManifestSource, ManifestType
from domain.devops.delivery.environments import EnvironmentPolicy
from domain.devops.pipelines.build_result import ArtifactItem
from domain.devops.release.manifest_resources import (
    ManifestResource,
    documents_in,
    image_references,
    resources_in,
)
from domain.devops.release.output_map import output_map
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.errors import Rejected, require
from domain.kernel.naming import dns_label, environment_namespace
from domain.ports import GitProvider, ManifestRenderer
from domain.provided import RepositoryHandle

MOST_FILES = 500
MOST_BYTES = 5 * 1024 * 1024

_AT_ONCE = 8


@dataclass(frozen=True)
class Rendered:
    content: bytes
    resources: tuple[ManifestResource, ...]


async def render(
    plan: ReleasePlan,
    environment: EnvironmentPolicy,
    images: Sequence[ArtifactItem],
    repository: RepositoryHandle,
    git: GitProvider,
    renderer: ManifestRenderer,
    outputs: Mapping[str, str] | None,
) -> Rendered:
    """Raises `Rejected` where the tool refuses, or the result is not what a module may deploy."""
    source = _placed(environment.manifest, environment.name)
    if source.type is ManifestType.PULUMI_OUTPUT:
        name = f"{dns_label(plan.module_id)}-outputs"
        return _checked(await renderer.kustomize(output_map(name, outputs, environment.name), "outputs"), ())
    files, folder = await _sources(source, repository, plan.commit_sha, git), source.path
    if source.type is ManifestType.HELM:
        namespace = environment_namespace(repository.partition, environment.name)
        templated = await renderer.helm(
            files,
            source.path,
            release=dns_label(plan.module_id),
            namespace=namespace,
            values=source.values,
            settings={},
        )
        # Helm has nothing to replace images by: what it made is pinned by kustomize, too.
        files, folder = _as_kustomization(templated, namespace), "templated"
    wrapping = "-".join(sorted({path.partition("/")[0] for path in files})) + "-pinned"
    files[f"{wrapping}/kustomization.yaml"] = _pinning(f"../{folder}", images)
    return _checked(await renderer.kustomize(files, wrapping), images)


def _as_kustomization(manifest: bytes, namespace: str) -> dict[str, bytes]:
    """Without the namespace that charts like to repeat: what is in a slot is named without one."""
    require(bool(manifest.strip()), "nothing is rendered")
    # Added first, or it could not be removed from what has none.
    patch = (
        f'[{{"op": "add", "path": "/metadata/namespace", "value": "{namespace}"}},'
        ' {"op": "remove", "path": "/metadata/namespace"}]'
    )
    patches = [{"target": {"namespace": namespace}, "patch": patch}]
    kustomization = _kustomization(resources=["manifest.yaml"], patches=patches)
    return {"templated/kustomization.yaml": kustomization, "templated/manifest.yaml": manifest}


def _kustomization(**fields: Any) -> bytes:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return str(yaml.safe_dump({**head, **fields}, sort_keys=False)).encode()


def _placed(source: ManifestSource, environment: str) -> ManifestSource:
    """The source for this environment, its paths in the form in which Git lists them."""

    def at(path: str) -> str:
        return "/".join(part for part in path.replace("{environment}", environment).split("/") if part)

    return source.model_copy(update={"path": at(source.path), "values": tuple(map(at, source.values))})


async def _sources(
    place: ManifestSource, repository: RepositoryHandle, commit_sha: str, git: GitProvider
) -> dict[str, bytes]:
    """All below the first folder of each path: what a kustomization leads to lies beside it."""
    tops = {path.partition("/")[0] for path in (place.path, *place.values)}
    listed = await git.file_paths(repository, commit_sha)
    paths = sorted(path for path in listed if path.partition("/")[0] in tops)
    there = any(path.startswith(f"{place.path}/") for path in paths)
    require(there, f"commit {commit_sha} has no folder {place.path} to render a manifest from")
    for file in place.values:
        require(file in paths, f"commit {commit_sha} has no value file {file}")
    below = ", ".join(sorted(tops))
    require(
        len(paths) <= MOST_FILES,
        f"{len(paths)} files are below {below}: a manifest is rendered from at most {MOST_FILES}",
    )
    files: dict[str, bytes] = {}
    size = 0
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        contents = await asyncio.gather(*(git.file(repository, commit_sha, path) for path in some))
        files |= {path: content for path, content in zip(some, contents, strict=True) if content is not None}
        size += sum(len(content or b"") for content in contents)
        require(
            size <= MOST_BYTES,
            f"the files below {below} are larger than {MOST_BYTES} bytes in all: a manifest is not rendered"
            " from so much",
        )
    return files


def _checked(content: bytes, images: Sequence[ArtifactItem]) -> Rendered:
    documents = documents_in(content)
    require(bool(documents), "nothing is rendered")
    resources = resources_in(documents)
    _require_pinned(image_references(documents), images)
    return Rendered(content, resources)


def _full(image: ArtifactItem) -> str:
    return f"{image.registry}/{image.repository}"


def _named(images: Iterable[ArtifactItem]) -> dict[str, set[str]]:
    """What a manifest may call the release's images -> what each stands for, by digest."""
    found: dict[str, set[str]] = {}
    for image in images:
        repository = image.repository or ""
        for name in (_full(image), repository, repository.rpartition("/")[2]):
            found.setdefault(name, set()).add(f"{_full(image)}@{image.digest}")
    return found


def _pinning(base: str, images: Iterable[ArtifactItem]) -> bytes:
    pins = []
    for name, pinned in sorted(_named(images).items()):
        if len(pinned) == 1:
            new_name, _, digest = next(iter(pinned)).partition("@")
            pins.append({"name": name, "newName": new_name, "digest": digest})
    return _kustomization(resources=[base], images=pins)


def _require_pinned(references: Iterable[str], images: Sequence[ArtifactItem]) -> None:
    named = _named(images)
    occurs = False
    for reference in sorted(set(references)):
        pinned = named.get(_name_of(reference))
        if pinned is None:
            continue  # not built by us: a sidecar as its author publishes it
        occurs = True
        if len(pinned) > 1:
            said = ", ".join(sorted(pinned))
            raise Rejected(f"image {reference} of the manifest could be any of the release's {said}")
        (wanted,) = pinned
        require(reference == wanted, f"image {reference} of the manifest is not pinned to {wanted}")
    made = ", ".join(image.name for image in images)
    require(occurs or not images, f"none of the release's images occurs in the rendered manifest: {made}")


def _name_of(reference: str) -> str:
    """Without tag and digest; the colon of a registry's port stays."""
    name = reference.partition("@")[0]
    path, slash, last = name.rpartition("/")
    return path + slash + last.partition(":")[0]
