"""What is rendered of a release for an environment, and what is refused to be."""

from typing import Any

import pytest

from domain.devops.delivery.environments import EnvironmentPolicy
from domain.devops.release import rendering
from domain.devops.release.deployment_manifest import (
    DeploymentManifestRendered,
    content,
)
from domain.kernel.errors import Rejected
from tests.domain.devops.release.given import IMAGE, PACKAGE
from tests.domain.devops.release.manifests import (
    an_object,
    by_name,
    images_of,
    kustomization,
    service,
)
from tests.domain.devops.release.rendered import OVERLAY, PINNED, STAGING, USUAL, a_ground, sources
from tests.domain.world import World


async def test_a_manifest_is_what_the_releases_commit_has_with_images_by_digest(world: World) -> None:
    ground = await a_ground(world)
    manifest, work = await ground.render()
    stored = await content(manifest, world.partition, world.blobs)
    assert images_of(stored) == [PINNED]
    assert by_name(stored).keys() == {("ConfigMap", "api-config"), ("Service", "api"), ("Deployment", "api")}
    assert {(one.kind, one.name) for one in manifest.resources} == by_name(stored).keys()
    assert (manifest.release_id, manifest.environment, manifest.version) == (
        ground.release.release_id,
        "staging",
        "1.4.0",
    )
    assert (manifest.size, manifest.source_commit_sha) == (len(stored), ground.release.commit_sha)
    (event,) = [fact.event for fact in work.changes().facts]
    assert event == DeploymentManifestRendered(
        manifest_id=manifest.manifest_id,
        release_id=ground.release.release_id,
        module_id=ground.release.module_id,
        environment="staging",
        manifest_type=STAGING.manifest.type,
        version="1.4.0",
        content_uri=manifest.content_uri,
        checksum=manifest.checksum,
        rendered_at=world.clock.now(),
    )


async def test_the_same_inputs_give_the_same_manifest_and_no_second_fact(world: World) -> None:
    ground = await a_ground(world)
    first, _ = await ground.render()
    world.clock.step(60)
    second, work = await ground.render()
    assert (second.manifest_id, second.rendered_at) == (first.manifest_id, first.rendered_at)
    assert not work.changes().facts
    assert len(world.blobs.names()) == 1


async def test_a_try_that_ended_after_storing_the_content_is_repeated(world: World) -> None:
    ground = await a_ground(world)
    world.blobs.lose_answer("put")
    with pytest.raises(Exception, match="answer was lost"):
        await ground.render()
    await ground.render()
    assert world.blobs.effects["blob"] == 1


async def test_each_environment_has_a_manifest_of_its_own(world: World) -> None:
    files = USUAL | {"deploy/overlays/prod/kustomization.yaml": kustomization("../../base")}
    ground = await a_ground(world, files)
    staging, _ = await ground.render()
    prod, _ = await ground.render(EnvironmentPolicy(name="prod"))
    assert staging.checksum == prod.checksum
    assert staging.manifest_id != prod.manifest_id


async def test_a_manifest_is_immutable(world: World) -> None:
    manifest, _ = await (await a_ground(world)).render()
    for field in ("checksum", "release_id", "resources", "version"):
        with pytest.raises(Rejected):
            setattr(manifest, field, "other")


async def test_content_that_changed_where_it_lies_is_not_deployed(world: World) -> None:
    manifest, _ = await (await a_ground(world)).render()
    world.blobs.damage(manifest.blob.handle, b"kind: Other")
    with pytest.raises(Rejected, match="checksum"):
        await content(manifest, world.partition, world.blobs)


@pytest.mark.parametrize(
    "named",
    [
        "reservations-api",
        "reservations-api:latest",
        f"{IMAGE.repository}:1.3.9",
        f"{IMAGE.registry}/{IMAGE.repository}",
        f"{IMAGE.registry}/{IMAGE.repository}@sha256:{'b' * 64}",
    ],
)
async def test_however_an_image_of_the_release_is_named_it_is_pinned(world: World, named: str) -> None:
    ground = await a_ground(world, sources(*service(image=named)))
    assert images_of(await ground.rendered()) == [PINNED]


async def test_others_images_stay_as_they_are(world: World) -> None:
    ground = await a_ground(world, sources(*service(), *service("proxy", "docker.io/envoy:1.30")))
    assert images_of(await ground.rendered()) == [PINNED, "docker.io/envoy:1.30"]


async def test_an_image_where_no_tool_pins_it_is_refused(world: World) -> None:
    custom = an_object("Function", "f", "fn.example/v1", spec={"image": "reservations-api:1.4.0"})
    ground = await a_ground(world, sources(*service(), custom))
    assert await ground.refused() == f"image reservations-api:1.4.0 of the manifest is not pinned to {PINNED}"


async def test_a_manifest_without_the_releases_images_is_refused(world: World) -> None:
    ground = await a_ground(world, sources(*service(image="nginx:1")))
    sentence = f"none of the release's images occurs in the rendered manifest: {IMAGE.name}"
    assert await ground.refused() == sentence


async def test_a_release_without_images_needs_none(world: World) -> None:
    ground = await a_ground(world, sources(*service(image="nginx:1")), artifacts=(PACKAGE,))
    assert images_of(await ground.rendered()) == ["nginx:1"]


async def test_a_name_that_two_images_of_the_release_share_is_refused(world: World) -> None:
    other = IMAGE.model_copy(update={"repository": "connectsoft/other/reservations-api"})
    ground = await a_ground(world, artifacts=(IMAGE, other))
    assert "could be any of the release's" in await ground.refused()


async def test_two_images_of_a_release_are_told_apart_by_their_whole_names(world: World) -> None:
    other = IMAGE.model_copy(update={"repository": "connectsoft/other/reservations-api"})
    both = [*service("a", f"{IMAGE.repository}:1"), *service("b", f"{other.repository}:1")]
    ground = await a_ground(world, sources(*both), artifacts=(IMAGE, other))
    assert images_of(await ground.rendered()) == [
        PINNED,
        f"{other.registry}/{other.repository}@{other.digest}",
    ]


@pytest.mark.parametrize(
    ("unwanted", "sentence"),
    [
        (an_object("Namespace", "mine"), "Namespace mine is not of a namespace"),
        (an_object("ClusterRole", "all"), "ClusterRole all is not of a namespace"),
        (an_object("ClusterIssuer", "all"), "ClusterIssuer all is not of a namespace"),
        (
            an_object("Kustomization", "more", "kustomize.toolkit.fluxcd.io/v1"),
            "Kustomization more would have the GitOps agent reach beyond",
        ),
        (
            an_object("Application", "more", "argoproj.io/v1alpha1"),
            "Application more would have the GitOps agent reach beyond",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "kube-system"}},
            "Secret s names namespace kube-system",
        ),
    ],
)
async def test_a_module_does_not_reach_beyond_its_namespace(
    world: World, unwanted: dict[str, Any], sentence: str
) -> None:
    assert sentence in await (await a_ground(world, sources(*service(), unwanted))).refused()


async def test_an_object_that_comes_twice_is_refused(world: World) -> None:
    twice = an_object("Widget", "w", "x.example/v1"), an_object("Widget", "w", "x.example/v2")
    assert "w" in await (await a_ground(world, sources(*service(), *twice))).refused()


async def test_what_the_tool_refuses_is_said_in_its_words(world: World) -> None:
    files = sources(*service(), components=["http://elsewhere.invalid/base"])
    assert "nothing is fetched from outside the repository" in await (await a_ground(world, files)).refused()


async def test_a_commit_without_the_folder_is_refused(world: World) -> None:
    ground = await a_ground(world, {"deploy/base/x": b"", "deploy/overlays/staging-2/y": b""})
    sha = ground.release.commit_sha
    assert await ground.refused() == f"commit {sha} has no folder {OVERLAY} to render a manifest from"


async def test_nothing_rendered_is_refused(world: World) -> None:
    ground = await a_ground(world, {f"{OVERLAY}/kustomization.yaml": kustomization()}, artifacts=(PACKAGE,))
    assert await ground.refused() == "nothing is rendered"


async def test_only_what_is_beside_the_folder_is_read_and_not_too_much(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = await a_ground(world, USUAL | {f"src/{number}": b"" for number in range(5)})
    monkeypatch.setattr(rendering, "MOST_FILES", 3)
    await ground.render()
    assert world.git.calls["file"] == 3
    monkeypatch.setattr(rendering, "MOST_FILES", 2)
    with pytest.raises(Rejected, match="3 files are below deploy: a manifest is rendered from at most 2"):
        await ground.render()
    monkeypatch.setattr(rendering, "MOST_FILES", 3)
    monkeypatch.setattr(rendering, "MOST_BYTES", 10)
    with pytest.raises(Rejected, match="larger than 10 bytes"):
        await ground.render()
