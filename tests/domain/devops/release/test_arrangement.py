"""How a version comes into an environment, stage by stage, and what of it is in Git."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.release.arrangement import (
    Arrangement,
    Candidate,
    SlotName,
    Stage,
    stages,
)
from domain.devops.release.contents import steps_of
from tests.domain.devops.release.arranged import NEW, OLD, live, version

MAIN, BLUE, GREEN = SlotName
ROLLING, BLUE_GREEN, CANARY = DeploymentStrategy
WEIGHTS = (10, 50)


def shape(stage: Stage) -> tuple[str, dict[str, tuple[str, int]]]:
    """Its name, and what it has where: the version, and its share."""
    return stage.name, {str(one.name): (one.version, one.weight) for one in stage.arrangement.slots}


def shapes(strategy: DeploymentStrategy, before: Arrangement | None, candidate: Candidate = NEW) -> list[Any]:
    return [shape(stage) for stage in stages(strategy, before, candidate, WEIGHTS)]


def test_a_rolling_update_replaces_the_version_where_it_serves() -> None:
    assert shapes(ROLLING, live(main=100)) == [("Deploy", {"main": ("1.2.0", 100)})]
    assert shapes(ROLLING, live(green=100)) == [("Deploy", {"green": ("1.2.0", 100)})]


def test_blue_green_starts_the_version_beside_switches_and_then_retires_the_other() -> None:
    assert shapes(BLUE_GREEN, live(blue=100)) == [
        ("DeployGreen", {"blue": ("1.1.0", 100), "green": ("1.2.0", 0)}),
        ("SwitchTraffic", {"blue": ("1.1.0", 0), "green": ("1.2.0", 100)}),
        ("RetireBlue", {"green": ("1.2.0", 100)}),
    ]


def test_a_canary_gets_share_by_share() -> None:
    assert shapes(CANARY, live(main=100)) == [
        ("DeployCanary", {"main": ("1.1.0", 90), "green": ("1.2.0", 10)}),
        ("Widen", {"main": ("1.1.0", 50), "green": ("1.2.0", 50)}),
        ("Complete", {"main": ("1.1.0", 0), "green": ("1.2.0", 100)}),
        ("RetireStable", {"green": ("1.2.0", 100)}),
    ]


@pytest.mark.parametrize("before", [None, Arrangement()])
@pytest.mark.parametrize(("strategy", "slot"), [(ROLLING, "main"), (BLUE_GREEN, "blue"), (CANARY, "blue")])
def test_with_nothing_live_every_strategy_is_one_deployment(
    strategy: DeploymentStrategy, slot: str, before: Arrangement | None
) -> None:
    assert shapes(strategy, before) == [("Deploy", {slot: ("1.2.0", 100)})]


@pytest.mark.parametrize("strategy", DeploymentStrategy)
@pytest.mark.parametrize("slot", SlotName)
def test_what_already_serves_alone_changes_nothing(strategy: DeploymentStrategy, slot: SlotName) -> None:
    before = Arrangement(slots=(NEW.at(slot, 100),))
    (only,) = stages(strategy, before, NEW, WEIGHTS)
    assert (only.name, only.arrangement, only.candidate) == ("Deploy", before, slot)


def test_a_version_that_an_earlier_try_left_beside_begins_again_where_it_is() -> None:
    first = shapes(CANARY, live(blue=50, green=50))[0]
    assert first == ("DeployCanary", {"blue": ("1.1.0", 90), "green": ("1.2.0", 10)})
    first = shapes(CANARY, live(green=50, main=50))[0]
    assert first == ("DeployCanary", {"green": ("1.1.0", 90), "main": ("1.2.0", 10)})


def test_a_third_version_takes_the_place_of_the_one_that_does_not_serve() -> None:
    stage = stages(BLUE_GREEN, live(blue=10, green=90), version(3), WEIGHTS)[0]
    assert shape(stage) == ("DeployGreen", {"green": ("1.2.0", 100), "blue": ("1.3.0", 0)})
    assert stage.candidate is BLUE


@pytest.mark.parametrize("strategy", DeploymentStrategy)
def test_a_plan_tells_the_stages_by_the_same_names(strategy: DeploymentStrategy) -> None:
    names = [stage.name for stage in stages(strategy, live(blue=100), NEW, WEIGHTS)]
    assert names == [step.name for step in steps_of(strategy)]


@pytest.mark.parametrize(
    "slots",
    [
        (OLD.at(BLUE, 50), NEW.at(GREEN, 40)),
        (OLD.at(BLUE, 50), NEW.at(BLUE, 50)),
        (OLD.at(BLUE, 50), OLD.at(GREEN, 50)),
    ],
)
def test_an_arrangement_is_whole(slots: Any) -> None:
    with pytest.raises(ValidationError):
        Arrangement(slots=slots)


def arrangements() -> st.SearchStrategy[Arrangement]:
    """Everything that may be live: nothing, one version, two."""

    def two(names: list[SlotName], weight: int) -> Arrangement:
        return Arrangement(slots=(OLD.at(names[0], weight), NEW.at(names[1], 100 - weight)))

    one = st.builds(lambda name: Arrangement(slots=(OLD.at(name, 100),)), st.sampled_from(SlotName))
    pairs = st.lists(st.sampled_from(SlotName), min_size=2, max_size=2, unique=True)
    return st.just(Arrangement()) | one | st.builds(two, pairs, st.integers(0, 100))


ways = given(
    strategy=st.sampled_from(DeploymentStrategy),
    before=arrangements(),
    candidate=st.sampled_from([OLD, NEW, version(3)]),
    weights=st.lists(st.integers(1, 99), min_size=1, max_size=5),
)


@ways
def test_every_stage_shares_out_all_of_the_traffic_and_the_last_leaves_only_the_candidate(
    strategy: DeploymentStrategy, before: Arrangement, candidate: Candidate, weights: list[int]
) -> None:
    found = stages(strategy, before, candidate, weights)
    for stage in found:
        assert sum(slot.weight for slot in stage.arrangement.slots) == 100
        placed = stage.arrangement.slot(stage.candidate)
        assert placed is not None and placed.manifest_id == candidate.manifest_id
    assert found[-1].arrangement.manifest_ids == (candidate.manifest_id,)


@ways
def test_what_served_is_there_until_the_gates_of_the_stage_that_takes_all_have_passed(
    strategy: DeploymentStrategy, before: Arrangement, candidate: Candidate, weights: list[int]
) -> None:
    found = stages(strategy, before, candidate, weights)
    if len(found) == 1:
        return
    *_, switched, _ = found
    (stable,) = {id for id in found[0].arrangement.manifest_ids if id != candidate.manifest_id}
    was = before.slot_of(stable)
    assert was is not None
    for stage in found[:-1]:
        slot = stage.arrangement.slot_of(stable)
        assert slot is not None and slot.name is was.name
        assert (slot.weight == 0) == (stage is switched)


@ways
def test_a_slot_never_changes_its_version_while_it_serves_but_by_a_rolling_update(
    strategy: DeploymentStrategy, before: Arrangement, candidate: Candidate, weights: list[int]
) -> None:
    if strategy is ROLLING:
        return
    at = before
    for stage in stages(strategy, before, candidate, weights):
        for slot in at.slots:
            now = stage.arrangement.slot(slot.name)
            replaced = now is not None and now.manifest_id != slot.manifest_id
            assert not replaced or (at is before and slot is not before.serving)
        at = stage.arrangement
