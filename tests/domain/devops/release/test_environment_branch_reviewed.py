"""What an environment's branch may not lose, and what it is not given."""

import pytest

from domain.devops.release.arrangement import Arrangement, branch_of, files
from domain.kernel.errors import Rejected
from tests.domain.devops.release.arranged import live
from tests.domain.devops.release.given import MODULE
from tests.domain.devops.release.manifests import dumped, service
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import World


def lost(world: World, delivery: Delivery, environment: str) -> str:
    """Somebody deletes the environment's branch; the commit that it had."""
    refs = world.git.repository(delivery.gitops.handle).refs
    return refs.pop(branch_of(environment))


async def test_a_branch_that_was_deleted_is_not_begun_anew_without_the_other_modules(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev"))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    head = lost(world, delivery, "dev")
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), "dev")
    assert promotion.status == "Failed"
    assert f"branch env/dev of the GitOps repository is gone, which had commit {head}" in str(
        promotion.reason
    )
    assert await delivery.head("dev") is None
    target = await delivery.target("dev")
    assert target.promotion_id is None and target.verified is not None
    assert target.verified.version == "1.3.0"


async def test_nor_is_it_by_a_module_that_was_never_there(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev"))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    head = lost(world, delivery, "dev")
    other = await delivery.a_release("1.0.0", "dev", module_id="module-payments-api")
    promotion = await delivery.promote(other, "dev")
    assert promotion.status == "Failed" and f"gone, which had commit {head}" in str(promotion.reason)
    assert await delivery.head("dev") is None


async def test_once_it_is_back_it_is_promoted_to_again(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev"))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    head = lost(world, delivery, "dev")
    release = await delivery.a_release("1.4.0", "dev")
    assert (await delivery.promote(release, "dev")).status == "Failed"
    world.git.repository(delivery.gitops.handle).refs["env/dev"] = head
    assert (await delivery.promote(release, "dev")).status == "Completed"


def in_git(arrangement: Arrangement, name: str) -> dict[str, bytes]:
    content = dumped(*service(name))
    return files(MODULE, arrangement, dict.fromkeys(arrangement.manifest_ids, content), "edge")


def test_a_service_whose_name_has_no_room_for_its_slot_is_refused() -> None:
    assert in_git(live(main=90, green=10), "s" * 57)
    with pytest.raises(
        Rejected, match=f"Service {'s' * 58} of version 1.2.0 can't be called s+-green, which"
    ):
        in_git(live(main=90, green=10), "s" * 58)


def test_without_a_slot_beside_it_a_service_may_have_the_longest_name() -> None:
    assert in_git(live(main=100), "s" * 63)
