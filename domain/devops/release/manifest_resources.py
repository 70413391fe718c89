"""What a manifest holds: its objects, and what a module may not have among them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from domain.kernel.errors import Rejected, require
from domain.kernel.values import Model

# The C one where the library was built with it: a large manifest takes the other several seconds.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What Kubernetes itself keeps outside of namespaces; so is what is called Cluster-something.
_CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ComponentStatus",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "GatewayClass",
        "IPAddress",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "StorageVersionMigration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    }
)
# By these an agent would be told to apply anything anywhere.
_AGENTS = (".toolkit.fluxcd.io", "fluxcd.controlplane.io", "argoproj.io", "kustomize.config.k8s.io")
_AGENTS_KINDS = frozenset({"Application", "ApplicationSet", "AppProject"})
# By labels and annotations of these an agent is told to leave an object as it is, or not to take it away: the
# commit would count as applied all the same.
_INSTRUCTING = (".toolkit.fluxcd.io", "argocd.argoproj.io")
_HARMLESS = frozenset({"kustomize.toolkit.fluxcd.io/force", "argocd.argoproj.io/sync-wave"})

type Document = Mapping[str, Any]


class ManifestResource(Model):
    """One object of a manifest, as the manifest names it."""

    api_version: str
    kind: str
    name: str


def documents_in(content: bytes) -> list[Document]:
    """The objects of a manifest. Raises `Rejected` for what is none."""
    try:
        documents = [one for one in yaml.load_all(content, Loader=_LOADER) if one is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Rejected(f"the rendered manifest is not YAML: {' '.join(str(error).split())}") from None
    for document in documents:
        require(_is_object(document), "the rendered manifest holds something that is no Kubernetes object")
    return documents


def _is_object(document: object) -> bool:
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        return False
    return all(document.get(key) for key in ("apiVersion", "kind")) and bool(document["metadata"].get("name"))


def resources_in(documents: Iterable[Document]) -> tuple[ManifestResource, ...]:
    """Raises `Rejected` for what would reach beyond the module's namespace, or comes twice."""
    found: list[ManifestResource] = []
    seen: set[tuple[str, str, str]] = set()
    for document in documents:
        metadata = document["metadata"]
        resource = ManifestResource(
            api_version=str(document["apiVersion"]), kind=str(document["kind"]), name=str(metadata["name"])
        )
        _require_contained(resource, metadata)
        group = resource.api_version.rpartition("/")[0]
        key = (group, resource.kind, resource.name)
        require(key not in seen, f"{resource.kind} {resource.name} comes twice in the rendered manifest")
        seen.add(key)
        found.append(resource)
    return tuple(found)


def _require_contained(resource: ManifestResource, metadata: Document) -> None:
    kind, name = resource.kind, resource.name
    outside = kind in _CLUSTER_SCOPED or kind.startswith("Cluster")
    require(not outside, f"{kind} {name} is not of a namespace: a module may not reach beyond its own")
    group = resource.api_version.rpartition("/")[0]
    steers = group.endswith(_AGENTS) and (not group.endswith("argoproj.io") or kind in _AGENTS_KINDS)
    require(not steers, f"{kind} {name} would have the GitOps agent reach beyond the module's namespace")
    namespace = metadata.get("namespace")
    require(
        not namespace,
        f"{kind} {name} names namespace {namespace}: the environment has its own, leave it out",
    )
    instructions = [key for key in _marks(metadata) if key.partition("/")[0].endswith(_INSTRUCTING)]
    told = next((key for key in instructions if key not in _HARMLESS), None)
    require(
        told is None,
        f"{kind} {name} is marked {told}, by which the GitOps agent would not keep it as Git has it",
    )
    hook = "helm.sh/hook" in (metadata.get("annotations") or {})
    require(not hook, f"{kind} {name} is a hook of Helm's, which a GitOps agent would apply as all the rest")


def _marks(metadata: Document) -> Iterator[str]:
    for field in ("annotations", "labels"):
        yield from map(str, metadata.get(field) or {})


def image_references(documents: Iterable[Document]) -> Iterator[str]:
    """Every image that the objects name, wherever they do; what is mere data names none."""
    pending: list[object] = [one for one in documents if one["kind"] not in ("ConfigMap", "Secret")]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            pending += value.values()
            image = value.get("image")
            if isinstance(image, dict):  # an image volume
                image = image.get("reference")
            if isinstance(image, str):
                yield image
