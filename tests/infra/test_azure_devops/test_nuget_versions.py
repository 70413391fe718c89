"""How feeds read, write and order versions."""

from __future__ import annotations

import pytest

from infra.local.azure_devops.packaging.versions import InvalidVersion, Version


def test_versions_are_normalized_as_clients_do() -> None:
    written = ["1", "1.2", "01.002.0", "1.2.3.0", "1.2.3.4", "1.0.0-RC.01+x"]
    assert [Version.parse(text).normalized for text in written] == [
        "1.0.0",
        "1.2.0",
        "1.2.0",
        "1.2.3",
        "1.2.3.4",
        "1.0.0-RC.01",
    ]
    ordered = ["1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.0.1"]
    shuffled = [*ordered[::2], *ordered[1::2]]
    assert sorted(shuffled, key=lambda text: Version.parse(text).precedence) == ordered
    with pytest.raises(InvalidVersion):
        Version.parse("1.99999999999")
