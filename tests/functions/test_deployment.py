"""What is deployed: the app and nothing else, with every package pinned to the one that was tested."""

import fnmatch
import json
import re
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from functions.settings import Settings
from infra.local.processes import ROOT

PINNED = {
    canonicalize_name(name): pin
    for name, _, pin in (
        line.partition("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
}
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", "functions", "domain", "adapters")
KEPT_HOME = (
    *("tests", "infra", ".venv", ".git", ".ci", ".local", ".hypothesis", ".mypy_cache", ".funcignore"),
    *("local.settings.json", "Makefile", "pyproject.toml", "README.md", "CHANGELOG.md"),
)


def ignored(name: str) -> bool:
    patterns = (ROOT / ".funcignore").read_text().split()
    return any(fnmatch.fnmatchcase(name, pattern.rstrip("/")) for pattern in patterns)


@pytest.mark.parametrize("name", DEPLOYED)
def test_the_app_is_deployed(name: str) -> None:
    assert (ROOT / name).exists()
    assert not ignored(name)


@pytest.mark.parametrize("name", KEPT_HOME)
def test_what_is_not_the_app_is_not_deployed(name: str) -> None:
    assert ignored(name)


def test_every_folder_is_either_the_app_or_stays_at_home() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert {name for name in folders if not ignored(name)} == {"functions", "domain", "adapters"}


def test_every_requirement_is_pinned() -> None:
    for name, pin in PINNED.items():
        assert re.fullmatch(r"\d+(\.\d+)*([a-z]+\d+)?", pin), f"{name} is not pinned: {pin!r}"


@pytest.mark.parametrize("name", sorted(PINNED))
def test_what_is_pinned_is_what_is_tested(name: str) -> None:
    assert version(name) == PINNED[canonicalize_name(name)]


@pytest.mark.parametrize("name", sorted(PINNED))
def test_what_a_requirement_requires_is_pinned_too(name: str) -> None:
    for text in distribution(name).requires or ():
        required = Requirement(text)
        if required.marker is None or required.marker.evaluate({"extra": ""}):
            assert canonicalize_name(required.name) in PINNED, f"{name} requires {text}"


def test_nothing_of_the_app_imports_what_is_not_deployed() -> None:
    for folder in ("functions", "domain", "adapters"):
        for path in Path(ROOT / folder).rglob("*.py"):
            assert not re.search(r"^\s*(from|import) (infra|tests)\b", path.read_text(), re.MULTILINE), path


def test_the_sample_settings_are_all_that_the_app_asks_for() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert Settings.read(sample).defender_subscriptions == ("laptop-cloud",)


def test_host_json_has_the_route_prefix_that_clients_use() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    assert host["version"] == "2.0"
    assert host["extensions"]["http"]["routePrefix"] == "api"
    assert host["extensions"]["serviceBus"]["autoCompleteMessages"] is True
