"""A little YAML that stands for very much is refused: the host keeps its memory, and nobody tries again."""

import time
from itertools import pairwise

import pytest

from adapters import kustomize
from adapters.kustomize import CommandLineRenderer
from domain.kernel.errors import Rejected
from tests.domain.devops.release.manifests import kustomization

_LEVELS = "abcdefg"

FILES = {"overlay/kustomization.yaml": kustomization("bomb.yaml")}


def bomb() -> bytes:
    """A ConfigMap whose fields refer to one another: each is eight times the one before."""
    lines = ["a: &a [x, x, x, x, x, x, x, x]"]
    for before, name in pairwise(_LEVELS):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]")
    return "\n".join([*lines, "apiVersion: v1", "kind: ConfigMap", "metadata: {name: x}"]).encode()


async def test_what_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kustomize, "MOST_MEMORY", 256 * 1024 * 1024)
    started = time.monotonic()
    with pytest.raises(Rejected, match="more memory or time than anything may"):
        await CommandLineRenderer().kustomize(FILES | {"overlay/bomb.yaml": bomb()}, "overlay")
    assert time.monotonic() - started < 30


async def test_what_takes_too_much_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kustomize, "MOST_COMPUTING", 1)
    monkeypatch.setattr(kustomize, "MOST_MEMORY", 4 * 1024 * 1024 * 1024)
    with pytest.raises(Rejected, match="more memory or time than anything may"):
        await CommandLineRenderer().kustomize(FILES | {"overlay/bomb.yaml": bomb()}, "overlay")


async def test_what_is_as_large_as_sources_may_be_is_rendered() -> None:
    content = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: %s}\n" % (b"y" * 4_000_000)
    rendered = await CommandLineRenderer().kustomize(FILES | {"overlay/bomb.yaml": content}, "overlay")
    assert len(rendered) > 4_000_000
