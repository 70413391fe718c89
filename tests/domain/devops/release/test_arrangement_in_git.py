"""What an arrangement is in the branch of its environment."""

from typing import Any

import pytest
import yaml

from domain.devops.release.arrangement import (
    Arrangement,
    SlotName,
    changes,
    deployments,
    files,
    root_kustomization,
    services,
)
from domain.devops.release.manifest_resources import documents_in, resources_in
from domain.kernel.errors import Rejected
from tests.domain.devops.release.arranged import live
from tests.domain.devops.release.manifests import an_object, dumped, service

MAIN, BLUE, GREEN = SlotName
MANIFEST = dumped(*service())


def test_objects_of_a_slot_have_its_suffix() -> None:
    resources = resources_in(documents_in(MANIFEST))
    assert deployments(MAIN, resources) == services(MAIN, resources) == ("api",)
    assert deployments(GREEN, resources) == ("api-green",)
    assert services(BLUE, resources) == ("api-blue",)


def in_git(arrangement: Arrangement, content: bytes = MANIFEST) -> dict[str, bytes]:
    return files("Module.Api", arrangement, dict.fromkeys(arrangement.manifest_ids, content), "edge")


def test_a_slot_has_the_manifest_as_it_was_rendered() -> None:
    found = in_git(live(main=100))
    (folder,) = {path.partition("/")[0] for path in found}
    assert folder.startswith("module-api-")
    assert found.keys() == {
        f"{folder}/{path}" for path in ("kustomization.yaml", "main/kustomization.yaml", "main/manifest.yaml")
    }
    assert found[f"{folder}/main/manifest.yaml"] == MANIFEST


def routes(arrangement: Arrangement, content: bytes = MANIFEST) -> list[Any]:
    found = [text for path, text in in_git(arrangement, content).items() if path.endswith("/traffic.yaml")]
    return [one for text in found for one in yaml.safe_load_all(text)]


def test_traffic_is_split_by_a_route_for_each_service() -> None:
    (route,) = routes(live(main=90, green=10))
    assert route["metadata"]["name"] == "api"
    assert route["spec"] == {
        "parentRefs": [{"name": "edge"}],
        "hostnames": ["api"],
        "rules": [
            {
                "backendRefs": [
                    {"name": "api", "port": 8080, "weight": 90},
                    {"name": "api-green", "port": 8080, "weight": 10},
                ]
            }
        ],
    }
    assert routes(live(main=100)) == []
    (alone,) = routes(live(blue=100))
    assert alone["spec"]["rules"][0]["backendRefs"] == [{"name": "api-blue", "port": 8080, "weight": 100}]


def test_a_route_takes_the_port_named_http_and_leaves_out_what_http_cannot_reach() -> None:
    ports = [{"port": 9090, "name": "metrics"}, {"port": 80, "name": "http"}, {"port": 53, "protocol": "UDP"}]
    both = an_object("Service", "api", spec={"ports": ports})
    dns = an_object("Service", "dns", spec={"ports": [{"port": 53, "protocol": "UDP"}]})
    alias = an_object("Service", "alias", spec={"type": "ExternalName", "ports": [{"port": 80}]})
    (route,) = routes(live(blue=100), dumped(both, dns, alias))
    assert route["spec"]["rules"][0]["backendRefs"][0]["port"] == 80


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute"])
def test_traffic_that_a_manifest_routes_itself_is_not_split(kind: str) -> None:
    own = dumped(*service(), an_object(kind, "public"))
    with pytest.raises(Rejected) as refused:
        in_git(live(main=90, green=10), own)
    assert f"{kind} public of version 1.1.0 routes traffic by itself" in refused.value.sentence
    assert in_git(live(main=100), own)


def test_an_ingress_alone_follows_its_services_and_a_route_does_not() -> None:
    assert in_git(live(blue=100), dumped(*service(), an_object("Ingress", "public")))
    with pytest.raises(Rejected):
        in_git(live(blue=100), dumped(*service(), an_object("HTTPRoute", "public")))


def test_an_empty_arrangement_has_no_files() -> None:
    assert in_git(Arrangement()) == {}


def test_the_root_lists_each_folder_once_in_order() -> None:
    assert yaml.safe_load(root_kustomization(["b", "a", "b"]))["resources"] == ["a", "b"]


def test_the_same_arrangement_gives_the_same_bytes() -> None:
    assert list(in_git(live(blue=90, green=10)).items()) == list(in_git(live(blue=90, green=10)).items())


def test_a_commit_changes_only_what_differs_and_clears_only_the_modules_folder() -> None:
    desired = {
        "kustomization.yaml": b"root",
        "api/kustomization.yaml": b"new",
        "api/blue/manifest.yaml": b"m",
    }
    existing = {
        "kustomization.yaml": b"root",
        "api/kustomization.yaml": b"old",
        "api/main/manifest.yaml": None,
        "api-2/kustomization.yaml": None,
        "README.md": b"",
    }
    found = changes(desired, existing, "api")
    assert [(one.path, one.operation, one.content) for one in found] == [
        ("api/blue/manifest.yaml", "add", b"m"),
        ("api/kustomization.yaml", "edit", b"new"),
        ("api/main/manifest.yaml", "delete", None),
    ]


def test_a_commit_writes_again_what_is_there_with_unknown_content() -> None:
    (change,) = changes({"api/a": b"x"}, dict.fromkeys(["api/a"]), "api")
    assert (change.operation, change.content) == ("edit", b"x")
    assert changes({"api/a": b"x"}, {"api/a": b"x"}, "api") == ()
