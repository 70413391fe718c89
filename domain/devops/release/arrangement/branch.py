"""How arrangements look in an environment's branch of the GitOps repository: a folder for each module, in it
one for each slot with the manifest as it was rendered, and the routes that split the traffic.

The same arrangement gives the same bytes. What renders them is the GitOps agent's own kustomize.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.release.arrangement.stages import Arrangement, Slot, SlotName
from domain.devops.release.manifest_resources import documents_in
from domain.kernel.errors import require
from domain.kernel.naming import dns_label
from domain.provided import FileContent

SLOT_LABEL = "delivery/slot"

# Of Kubernetes; of what else is named, twice as much and more is allowed.
LONGEST_SERVICE = 63

_KUSTOMIZATION = "kustomization.yaml"
_ROUTING = frozenset({"Ingress", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"})


def branch_of(environment: str) -> str:
    """The branch that an environment's agent follows."""
    return f"env/{environment}"


def files(
    module_id: str, arrangement: Arrangement, contents: Mapping[str, bytes], gateway: str
) -> dict[str, bytes]:
    """All files of the module by their path in the branch; `contents` are the manifests by their ids.

    Raises `Rejected` where traffic is split that a manifest itself routes past the gateway, or where a name
    has no room for its slot.
    """
    if not arrangement.slots:
        return {}
    folder = dns_label(module_id)
    found: dict[str, bytes] = {}
    parts: list[str] = []
    for slot in arrangement.slots:
        parts.append(str(slot.name))
        found[f"{folder}/{slot.name}/manifest.yaml"] = contents[slot.manifest_id]
        found[f"{folder}/{slot.name}/{_KUSTOMIZATION}"] = _slot_kustomization(slot.name)
    routes = _routes(arrangement, contents, gateway)
    if routes:
        parts.append("traffic.yaml")
        found[f"{folder}/traffic.yaml"] = _dumped(*routes)
    found[f"{folder}/{_KUSTOMIZATION}"] = _kustomization(parts)
    return found


def root_kustomization(modules: Iterable[str]) -> bytes:
    """The branch's own, for the folders of the modules that run in the environment; it may be none."""
    return _kustomization(sorted(set(modules)))


def changes(
    desired: Mapping[str, bytes], existing: Mapping[str, bytes | None], module_id: str
) -> tuple[FileContent, ...]:
    """What a commit must change, by path. `existing` is what the branch has, with the content where that is
    known (`dict.fromkeys(paths)`: nowhere); what is known to be the same is left out. Of the rest of the
    branch only the module's own folder is cleared of what is not desired."""
    folder = f"{dns_label(module_id)}/"
    found = [
        FileContent(path, "edit" if path in existing else "add", content)
        for path, content in desired.items()
        if existing.get(path) != content
    ]
    gone = [path for path in existing if path.startswith(folder) and path not in desired]
    found += [FileContent(path, "delete") for path in gone]
    return tuple(sorted(found, key=lambda change: change.path))


def _slot_kustomization(name: SlotName) -> bytes:
    # `main` is labelled, too: its Services would else find the pods of the slots beside it.
    labels = [{"includeSelectors": True, "pairs": {SLOT_LABEL: str(name)}}]
    if name.suffix:
        return _kustomization(["manifest.yaml"], labels=labels, nameSuffix=name.suffix)
    return _kustomization(["manifest.yaml"], labels=labels, patches=[_KEEP_NAMES])


# Changes nothing, but has kustomize remember each object under its name. It would else take the references
# between objects of `main` for ones to their namesakes in a slot beside it, which it remembers as renamed.
_KEEP_NAMES = {
    "target": {"name": ".*"},
    "patch": '[{"op": "test", "path": "/metadata/namespace", "value": null}]',
}


def _kustomization(resources: list[str], **more: Any) -> bytes:
    return _dumped(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": resources,
            **more,
        }
    )


def _dumped(*documents: Mapping[str, Any]) -> bytes:
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=100)
    return str(text).encode()


def _routes(arrangement: Arrangement, contents: Mapping[str, bytes], gateway: str) -> list[dict[str, Any]]:
    """One for each Service, asked for by its name, for all slots that have it."""
    if all(slot.name is SlotName.MAIN for slot in arrangement.slots):
        return []
    is_alone = len(arrangement.slots) == 1
    backends: dict[str, list[dict[str, Any]]] = {}
    for slot in arrangement.slots:
        for service, port in _served(slot, contents[slot.manifest_id], is_alone=is_alone):
            backend = {"name": service + slot.name.suffix, "port": port, "weight": slot.weight}
            backends.setdefault(service, []).append(backend)
    return [_route(service, backends[service], gateway) for service in sorted(backends)]


def _route(service: str, backends: list[dict[str, Any]], gateway: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": service},
        "spec": {
            "parentRefs": [{"name": gateway}],
            "hostnames": [service],
            "rules": [{"backendRefs": backends}],
        },
    }


def _served(slot: Slot, content: bytes, *, is_alone: bool) -> Iterator[tuple[str, int]]:
    """The manifest's Services that HTTP can reach, each with its port: the one named http, or its first."""
    for document in documents_in(content):
        kind, name = str(document["kind"]), str(document["metadata"]["name"])
        # Where an Ingress is alone, kustomize has it follow its Services into their slot.
        follows = kind not in _ROUTING or (kind == "Ingress" and is_alone)
        require(
            follows,
            f"{kind} {name} of version {slot.version} routes traffic by itself, past what splits it between"
            f" versions: leave that to the gateway, or deploy by {DeploymentStrategy.ROLLING_UPDATE} only",
        )
        if kind != "Service":
            continue
        require(
            len(name + slot.name.suffix) <= LONGEST_SERVICE,
            f"Service {name} of version {slot.version} can't be called {name}{slot.name.suffix}, which is"
            f" longer than {LONGEST_SERVICE}: shorten it, or deploy by"
            f" {DeploymentStrategy.ROLLING_UPDATE} only",
        )
        spec = document.get("spec") or {}
        ports = [one for one in spec.get("ports") or () if one.get("protocol", "TCP") == "TCP"]
        if ports and spec.get("type") != "ExternalName":
            ports.sort(key=lambda one: one.get("name") != "http")
            yield name, int(ports[0]["port"])
