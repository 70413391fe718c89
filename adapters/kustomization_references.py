"""What a kustomization refers to. kustomize itself would fetch what looks like a URL: here it may not."""

import posixpath
import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, override

import yaml

from domain.kernel.errors import Rejected, require

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

_PATHS = ("resources", "bases", "components", "crds", "configurations", "patchesstrategicmerge")
_WITH_PATH = ("patches", "patchesjson6902", "replacements")
_GENERATORS = ("configmapgenerator", "secretgenerator")
# What these hold is programs, charts, or references of shapes of their own.
_REFUSED = ("generators", "transformers", "validators", "helmcharts", "helmglobals")
_REFUSED_TOO = ("helmchartinflationgenerator",)

# Scheme, host of an scp-like address, query: kustomize takes any of these for a repository, and this host.
_REMOTE = re.compile(r"[:@?\\]|^(ssh\.)?github\.com", re.IGNORECASE)


class _Loader(yaml.SafeLoader):
    """kustomize takes keys in any letter case, and of two the last: here each comes once, in lower case."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        keys = [str(self.construct_object(key)).casefold() for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.YAMLError(f"a key comes twice{node.start_mark}")
        values = super().construct_mapping(node, deep=deep).values()
        return dict(zip(keys, values, strict=True))


def kustomizations_in(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The kustomizations of a folder by path; there should be one."""
    paths = [posixpath.join(folder, name) for name in FILE_NAMES]
    return {path: files[path] for path in paths if path in files}


def read(path: str, content: bytes) -> dict[str, Any]:
    """A kustomization, its keys in lower case. Raises `Rejected` for what is none."""
    try:
        document = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Rejected(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise Rejected(f"{path} is no kustomization")
    return document


def resolved(path: str, reference: object, files: Mapping[str, bytes]) -> str:
    """The file or folder that the kustomization at `path` refers to. Raises `Rejected` where it is not
    among the files."""
    if not isinstance(reference, str):
        raise Rejected(f"{path} refers to something that is no path")
    remote = _REMOTE.search(reference) is not None
    require(not remote, f"{path} refers to {reference}: nothing is fetched from outside the repository")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), reference))
    there = target in files or any(one.startswith(f"{target}/") for one in files)
    require(there and not reference.startswith("/"), f"{path} refers to {reference}, which is not there")
    return target


def require_local(files: Mapping[str, bytes], directory: str) -> None:
    """Raises `Rejected` where the kustomization of a directory leads to anything but the files."""
    pending, seen = [directory], set[str]()
    while pending:
        folder = pending.pop()
        if folder in seen:
            continue
        seen.add(folder)
        found = kustomizations_in(files, folder)
        require(bool(found), f"{folder} has no kustomization.yaml")
        for path, content in found.items():
            for reference in _references(path, read(path, content)):
                target = resolved(path, reference, files)
                if target not in files:
                    pending.append(target)


def _references(path: str, document: Mapping[str, Any]) -> Iterator[object]:
    for key in (*_REFUSED, *_REFUSED_TOO):
        require(key not in document, f"{path} has {key}, which are not run here")
    for key in _PATHS:
        for entry in _list(path, document, key):
            inline = key == "patchesstrategicmerge" and "\n" in str(entry)
            if not inline:
                yield entry
    for key in _WITH_PATH:
        for entry in _list(path, document, key):
            if isinstance(entry, dict) and entry.get("path"):
                yield entry["path"]
    if isinstance(document.get("openapi"), dict) and document["openapi"].get("path"):
        yield document["openapi"]["path"]
    for key in _GENERATORS:
        for entry in _list(path, document, key):
            if isinstance(entry, dict):
                yield from _sources(path, entry)


def _sources(path: str, generator: Mapping[str, Any]) -> Iterator[object]:
    for file in _list(path, generator, "files"):
        yield str(file).rpartition("=")[2] if str(file).count("=") == 1 else file
    yield from _list(path, generator, "envs")
    if generator.get("env"):
        yield generator["env"]


def _list(path: str, document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key) or []
    if not isinstance(value, list):
        raise Rejected(f"{key} of {path} is no list")
    return value
