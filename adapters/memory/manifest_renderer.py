"""The `ManifestRenderer` port in memory: the parts of kustomize and Helm that the domain leans on, done as
they do them, and a no to every other; counterpart: `adapters.kustomize`."""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any, override

import yaml

from adapters.helm_values import nested, require_chart
from adapters.kustomization_references import kustomizations_in, require_local
from adapters.memory import kustomize_model as model
from adapters.memory.kustomize_model import Object
from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected, require
from domain.ports import ManifestRenderer

# It stands in for a program: its own time should not count.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_KNOWN = {
    "apiVersion",
    "kind",
    "resources",
    "configMapGenerator",
    "patches",
    "nameSuffix",
    "labels",
    "images",
}
_PLACEHOLDER = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class MemoryManifestRenderer(Outside, ManifestRenderer):
    def __init__(self) -> None:
        super().__init__("kustomize")

    @override
    async def kustomize(self, files: Mapping[str, bytes], directory: str) -> bytes:
        async with self._call("kustomize"):
            require_local(files, directory)
            objects = _build(files, directory, ())
            # In the order of the first versions of kustomize, kinds aside: the same for the same objects.
            objects.sort(key=model.key_of)
            return str(yaml.safe_dump_all(objects)).encode() if objects else b""

    @override
    async def helm(
        self,
        files: Mapping[str, bytes],
        chart: str,
        *,
        release: str,
        namespace: str,
        values: Sequence[str],
        settings: Mapping[str, str],
    ) -> bytes:
        async with self._call("helm"):
            require_chart(files, chart, values)
            given: dict[str, Any] = {}
            for path in (f"{chart}/values.yaml", *values):
                given = _merged(given, yaml.safe_load(files.get(path, b"")) or {})
            known = {
                "Values": _merged(given, nested(settings)),
                "Release": {"Name": release, "Namespace": namespace},
                "Chart": {"Name": yaml.safe_load(files[f"{chart}/Chart.yaml"])["name"]},
            }
            folder = f"{chart}/templates/"
            found = sorted(path for path in files if path.startswith(folder) and path.endswith(".yaml"))
            return "".join(f"---\n{_filled(files[path].decode(), known)}\n" for path in found).encode()


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """As Helm lays value files over each other."""
    both = {
        key: _merged(one[key], value)
        for key, value in other.items()
        if isinstance(value, dict) and isinstance(one.get(key), dict)
    }
    return {**one, **other, **both}


def _filled(template: str, known: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        expression = match[1]
        if re.fullmatch(r"(\.\w+)+", expression) is None:
            raise Rejected(f"{expression} of a chart's template is not known in memory")
        at: Any = known
        for part in expression[1:].split("."):
            if not isinstance(at, dict) or part not in at:
                raise Rejected(f"{expression} of a chart's template has no value")
            at = at[part]
        return str(at)

    return _PLACEHOLDER.sub(value, template)


def _build(files: Mapping[str, bytes], folder: str, above: tuple[str, ...]) -> list[Object]:
    require(folder not in above, f"cycle detected: {folder} leads to itself")
    (content,) = kustomizations_in(files, folder).values()
    kustomization: dict[str, Any] = yaml.load(content, Loader=_LOADER)
    unknown = kustomization.keys() - _KNOWN
    require(not unknown, f"{', '.join(sorted(unknown))} of a kustomization: not known in memory")
    objects: list[Object] = []
    for reference in kustomization.get("resources") or ():
        path = posixpath.normpath(posixpath.join(folder, reference))
        if path in files:
            objects += _objects_in(_below(path, folder), files[path])
        else:
            objects += _build(files, path, (*above, folder))
    objects += [_generated(one, files, folder) for one in kustomization.get("configMapGenerator") or ()]
    model.require_distinct(objects)
    for patch in kustomization.get("patches") or ():
        require(patch.keys() == {"target", "patch"}, "a patch is given a target, in place, in memory")
        model.patch(objects, patch["target"], json.loads(patch["patch"]))
    if kustomization.get("nameSuffix"):
        model.suffix_names(objects, kustomization["nameSuffix"])
    for label in kustomization.get("labels") or ():
        require(label.get("includeSelectors") is True, "labels include selectors in memory")
        model.label(objects, label["pairs"])
    model.pin_images(objects, kustomization.get("images") or [])
    return objects


def _below(path: str, folder: str) -> str:
    """A folder may be anywhere, a file only below the kustomization that takes it in."""
    require(path.startswith(f"{folder}/"), f"security; file {path} is not in or below {folder}")
    return path


def _objects_in(path: str, content: bytes) -> list[Object]:
    try:
        objects = [one for one in yaml.load_all(content, Loader=_LOADER) if one is not None]
    except yaml.YAMLError as error:
        raise Rejected(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    for one in objects:
        complete = isinstance(one, dict) and all(one.get(key) for key in ("apiVersion", "kind", "metadata"))
        require(complete and bool(one["metadata"].get("name")), f"{path} holds something that is no object")
    return objects


def _generated(generator: Mapping[str, Any], files: Mapping[str, bytes], folder: str) -> Object:
    unknown = generator.keys() - {"name", "files", "literals", "options"}
    require(not unknown, f"{', '.join(sorted(unknown))} of a configMapGenerator: not known in memory")
    options = generator.get("options")
    require(options == {"disableNameSuffixHash": True}, "a ConfigMap gets no hash in memory")
    data: dict[str, str] = {}
    for literal in generator.get("literals") or ():
        require(not re.search("[\"']", literal), "a literal has no quotes in memory")
        key, _, value = literal.partition("=")
        data[key] = value
    for file in generator.get("files") or ():
        key, named, path = file.rpartition("=")
        path = _below(posixpath.normpath(posixpath.join(folder, path)), folder)
        data[key if named else posixpath.basename(path)] = files[path].decode()
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data}
