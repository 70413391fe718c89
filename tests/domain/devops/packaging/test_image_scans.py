"""Scans: an image that was not seen to be clean is not, and what fails is the policy's to say."""

import pytest

from adapters.memory.image_scanner import MemoryImageScanner
from domain.devops.packaging.container_image import (
    ScanState,
)
from tests.domain.devops.packaging.given import (
    a_build,
    an_image,
    failing_from,
    finding,
    image_of,
    looked_at,
    problem,
    pushed,
    recorded,
    scanned,
)
from tests.domain.world import World


async def test_that_nothing_is_known_of_an_image_does_not_make_it_clean(world: World) -> None:
    named = await an_image(world)
    assert (await image_of(world, named)).scan_state is ScanState.NOT_SEEN
    name = f"image {named['repository']}:1.4.0"
    assert await problem(world, named) == f"{name} has not been scanned for vulnerabilities yet"


async def test_a_clean_scan_lets_it_pass(world: World) -> None:
    named = await an_image(world)
    scanned(world, named)
    await looked_at(world, named)
    assert (await image_of(world, named)).scan_state is ScanState.PASSED
    assert await problem(world, named) is None


async def test_a_failed_scan_names_the_first_findings_and_counts_the_rest(world: World) -> None:
    named = await an_image(world)
    scanned(world, named, *(finding(f"CVE-{n}", "High") for n in range(7)))
    await looked_at(world, named)
    first = ", ".join(f"CVE-{n} (High)" for n in range(5))
    assert await problem(world, named) == (
        f"image {named['repository']}:1.4.0 has not passed its vulnerability scan: {first} and 2 more"
    )


SEVERITIES = ("Critical", "High", "Medium", "Low", "Unknown")


@pytest.mark.parametrize("threshold", SEVERITIES)
@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("exempt", [False, True])
async def test_the_policys_severity_decides_what_fails_and_what_is_exempt_never_does(
    world: World, threshold: str, severity: str, exempt: bool
) -> None:
    await failing_from(world, threshold)
    named = pushed(world)
    scanned(world, named, finding("CVE-1", severity, exempt=exempt))
    await recorded(world, await a_build(world, images=[named]))
    fails = SEVERITIES.index(severity) <= SEVERITIES.index(threshold) and not exempt
    image = await image_of(world, named)
    assert image.scan_state is (ScanState.FAILED if fails else ScanState.PASSED)
    assert (image.promotion_problem() is None) is not fails


@pytest.mark.parametrize(
    ("word", "fails"), [("CRITICAL", True), (" high ", True), ("severe", False), ("", False)]
)
async def test_a_scanners_words_are_read_and_what_nobody_knows_is_unrated(
    world: World, word: str, fails: bool
) -> None:
    named = await an_image(world)
    scanned(world, named, finding("CVE-1", word))
    await looked_at(world, named)
    assert ((await image_of(world, named)).scan_state is ScanState.FAILED) is fails


async def test_a_later_scan_changes_the_state_and_one_that_is_gone_does_not(world: World) -> None:
    named = await an_image(world)
    for findings, state in (
        ((), ScanState.PASSED),
        ((finding("CVE-1", "Critical"),), ScanState.FAILED),
        ((), ScanState.PASSED),
    ):
        world.clock.step(60)
        scanned(world, named, *findings)
        assert (await looked_at(world, named)).facts == ()
        assert (await image_of(world, named)).scan_state is state
    world.scanner = MemoryImageScanner(world.clock.now)
    await looked_at(world, named)
    assert (await image_of(world, named)).scan_state is ScanState.PASSED
