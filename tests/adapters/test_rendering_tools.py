"""Where the tools are found."""

import io
import os
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adapters import rendering_tools
from adapters.kustomize import CommandLineRenderer
from domain.kernel.errors import Rejected

CHART = {"chart/Chart.yaml": b"", "values/a.yaml": b"a: 1"}
HERE: dict[str, Any] = {"release": "shop", "namespace": "here", "values": (), "settings": {}}


async def test_without_helm_a_chart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Rejected, match="Helm is not installed: /nowhere/helm does not exist"):
        await CommandLineRenderer(helm="/nowhere/helm").helm(CHART, "chart", **HERE)
    monkeypatch.setattr(rendering_tools, "_HELM_PACKAGE", "no_such_package.at_all")
    rendering_tools._packaged_helm.cache_clear()
    with pytest.raises(Rejected, match="Helm is not installed: set its path, or install the package"):
        await CommandLineRenderer().helm(CHART, "chart", **HERE)


async def test_helm_is_taken_out_of_the_optional_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "packaged_helm" / "_jsii"
    inside.mkdir(parents=True)
    (inside.parent / "__init__.py").write_text("")
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr("helm/helm", f"#!{sys.executable} -I\nprint('a: 1')\n")
    with tarfile.open(inside / "layer@1.jsii.tgz", "w:gz") as package:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer.getvalue())
        package.addfile(member, io.BytesIO(layer.getvalue()))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(rendering_tools, "_HELM_PACKAGE", "packaged_helm")
    rendering_tools._packaged_helm.cache_clear()
    try:
        assert await CommandLineRenderer().helm(CHART, "chart", **HERE) == b"a: 1\n"
    finally:
        rendering_tools._packaged_helm.cache_clear()


def test_kubectl_comes_with_its_package() -> None:
    assert os.access(rendering_tools.kubectl(), os.X_OK)
