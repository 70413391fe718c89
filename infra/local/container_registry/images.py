"""Manifests and tags of repositories, as documents; a push and its webhook are one transaction."""

from __future__ import annotations

from infra.local.container_registry import scans, webhooks
from infra.local.container_registry.errors import manifest_blob_unknown, manifest_unknown
from infra.local.container_registry.manifests import Manifest
from infra.local.container_registry.names import Digest, is_digest
from infra.local.container_registry.registry import Registry
from infra.local.container_registry.webhooks import Origin
from infra.local.emulation.state import Json


def find(registry: Registry, repository: str, reference: str) -> Json:
    """By digest or tag; raises MANIFEST_UNKNOWN."""
    state, digest = registry.state, reference
    if not is_digest(reference):
        tag = state.get("tag", repository, reference)
        if tag is None:
            raise manifest_unknown(reference)
        digest = tag["digest"]
    found = state.get("manifest", repository, digest)
    if found is None:
        raise manifest_unknown(reference)
    return found


def push(
    registry: Registry,
    repository: str,
    manifest: Manifest,
    digest: Digest,
    size: int,
    tag: str | None,
    by: Origin,
) -> None:
    """Record a manifest whose bytes are in place; raises MANIFEST_BLOB_UNKNOWN."""
    _require_parts(registry, repository, manifest)
    document: Json = {
        "digest": str(digest),
        "mediaType": manifest.media_type,
        "size": size,
        "subject": manifest.subject,
        "artifactType": manifest.artifact_type,
        "annotations": manifest.annotations,
    }
    with registry.state.transaction():
        registry.state.put("repository", "", repository, {"name": repository})
        registry.state.put("manifest", repository, str(digest), document)
        if tag is not None:
            registry.state.put("tag", repository, tag, {"name": tag, "digest": str(digest)})
        if manifest.is_image:
            scans.order(registry, repository, str(digest))
        delivery = webhooks.record(registry, "push", repository, document, tag, by)
    webhooks.schedule(registry, delivery)


def untag(registry: Registry, repository: str, tag: str) -> None:
    find(registry, repository, tag)
    registry.state.delete("tag", repository, tag)


def delete(registry: Registry, repository: str, digest: str, by: Origin) -> None:
    """With every tag that points to it."""
    document = find(registry, repository, digest)
    with registry.state.transaction():
        for name in tags(registry, repository, digest):
            registry.state.delete("tag", repository, name)
        registry.state.delete("manifest", repository, digest)
        scans.forget(registry, repository, digest)
        delivery = webhooks.record(registry, "delete", repository, document, None, by)
    webhooks.schedule(registry, delivery)


def tags(registry: Registry, repository: str, digest: str | None = None) -> list[str]:
    """In lexical order; with a digest those that point to it."""
    found = registry.state.list("tag", repository)
    return sorted(tag["name"] for tag in found if digest is None or tag["digest"] == digest)


def exists(registry: Registry, repository: str) -> bool:
    return bool(registry.state.list("manifest", repository))


def repositories(registry: Registry) -> list[str]:
    """Those with a manifest, in lexical order."""
    return sorted(
        {entry["name"] for entry in registry.state.list("repository") if exists(registry, entry["name"])}
    )


def referrers(registry: Registry, repository: str, subject: str) -> list[Json]:
    return [found for found in registry.state.list("manifest", repository) if found["subject"] == subject]


def _require_parts(registry: Registry, repository: str, manifest: Manifest) -> None:
    missing = [digest for digest in manifest.blobs if not registry.blobs.has(repository, digest)]
    missing += [
        digest for digest in manifest.manifests if registry.state.get("manifest", repository, digest) is None
    ]
    if missing:
        raise manifest_blob_unknown(missing)
