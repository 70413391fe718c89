"""What a .nupkg says it is, whatever its bytes are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.nuget_package import normalized, require_package
from domain.kernel.errors import Rejected
from tests.adapters.scripted_feed import CONTENT


def test_damaged_bytes_are_refused_or_still_that_package() -> None:
    refused = 0
    for at in range(len(CONTENT)):
        flipped = [CONTENT[:at] + bytes([CONTENT[at] ^ bits]) + CONTENT[at + 1 :] for bits in (1, 0xFF)]
        for damaged in (CONTENT[:at], *flipped):
            try:
                require_package(damaged, "Shop.Orders", "1.2.3")
            except Rejected:
                refused += 1
    # Nothing else was raised; what a cut left is never a package.
    assert refused >= len(CONTENT)


@given(
    numbers=st.lists(st.integers(0, 10**9 - 1), min_size=2, max_size=4),
    label=st.from_regex(r"([0-9A-Za-z-]+(\.[0-9A-Za-z-]+){0,2})?", fullmatch=True),
)
@settings(max_examples=50, deadline=None)
def test_the_normal_form_of_a_version_is_its_own(numbers: list[int], label: str) -> None:
    label = label.encode("ascii", "ignore").decode()
    version = ".".join(map(str, numbers)) + (f"-{label}" if label else "")
    form = normalized(version)
    assert normalized(form) == form == form.lower()
    assert normalized(version.upper() + "+build.1") == form
