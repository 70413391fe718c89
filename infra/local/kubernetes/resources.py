"""The kinds that this server knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One kind; `generation` counts changes of all that is neither metadata nor status."""

    group: str
    version: str
    plural: str
    kind: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    has_status: bool = False
    has_generation: bool = False
    scalable: bool = False
    builtin: bool = True
    """Whether it has a schema with merge keys; custom resources take no strategic merge patch."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of the collection or of one object."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


NAMESPACE = Resource("", "v1", "namespaces", "Namespace", ("ns",), namespaced=False, has_status=True)
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap", ("cm",))
SECRET = Resource("", "v1", "secrets", "Secret")
SERVICE = Resource("", "v1", "services", "Service", ("svc",), has_status=True)
SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount", ("sa",))
EVENT = Resource("", "v1", "events", "Event", ("ev",))
POD = Resource("", "v1", "pods", "Pod", ("po",), has_status=True)
DEPLOYMENT = Resource(
    "apps",
    "v1",
    "deployments",
    "Deployment",
    ("deploy",),
    has_status=True,
    has_generation=True,
    scalable=True,
)
REPLICA_SET = Resource(
    "apps", "v1", "replicasets", "ReplicaSet", ("rs",), has_status=True, has_generation=True, scalable=True
)
HTTP_ROUTE = Resource(
    "gateway.networking.k8s.io",
    "v1",
    "httproutes",
    "HTTPRoute",
    has_status=True,
    has_generation=True,
    builtin=False,
)
GIT_REPOSITORY = Resource(
    "source.toolkit.fluxcd.io",
    "v1",
    "gitrepositories",
    "GitRepository",
    ("gitrepo",),
    has_status=True,
    has_generation=True,
    builtin=False,
)
KUSTOMIZATION = Resource(
    "kustomize.toolkit.fluxcd.io",
    "v1",
    "kustomizations",
    "Kustomization",
    ("ks",),
    has_status=True,
    has_generation=True,
    builtin=False,
)

RESOURCES = (
    NAMESPACE,
    CONFIG_MAP,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    EVENT,
    POD,
    DEPLOYMENT,
    REPLICA_SET,
    HTTP_ROUTE,
    GIT_REPOSITORY,
    KUSTOMIZATION,
)
GROUPS = tuple(dict.fromkeys((resource.group, resource.version) for resource in RESOURCES if resource.group))

_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}
_BY_PLURAL = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}


def of_kind(api_version: str, kind: str) -> Resource | None:
    return _BY_KIND.get((api_version, kind))


def of_plural(group: str, version: str, plural: str) -> Resource | None:
    return _BY_PLURAL.get((group, version, plural))
