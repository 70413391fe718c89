"""What a build's artifacts hold: packages in the one named `packages`, images in `images`.

A pipeline's word is taken for what there is to look at, never for more: packages are read, and images must
be found in the registry by the digest that is named.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, Any
from xml.etree import ElementTree

from pydantic import Field, TypeAdapter, ValidationError

from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.kernel.errors import Rejected, require
from domain.kernel.values import Line, Model, matching

PACKAGES, IMAGES = "packages", "images"
"""The artifacts' names, as the pipeline templates give them."""

LARGEST = 512 * 1024 * 1024
"""bytes, of what is unpacked here"""

MOST = 40
"""packages, and as many images: all of a build are recorded in one transaction, which holds 100 rows"""

_ENTRIES = 1000

# Of any other kind zipfile unpacks all there is before it looks at the size.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

PackageId = Annotated[
    str,
    Field(max_length=100),
    matching(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*", "must be letters, digits and _, joined by single . or -"),
]
ImageDigest = Annotated[str, matching(r"sha256:[0-9a-f]{64}", "must be sha256: and 64 hexadecimal digits")]
ImageTag = Annotated[
    str, matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "must be letters, digits, dots, dashes, underscores")
]


class NamedImage(Model):
    """An image as the pipeline says that it pushed it."""

    registry: Line
    repository: Line
    tag: ImageTag
    digest: ImageDigest


class _Identity(Model):
    id: PackageId
    version: SemanticVersion


class _HasDtd(Exception):
    pass


class _WithoutDtd(ElementTree.TreeBuilder):
    """Entities could grow without end when they are resolved; a .nuspec has no use for a document type. The
    parser itself tells of one, in whatever encoding it is written."""

    def doctype(self, name: str, public_id: str | None, system: str | None) -> None:
        raise _HasDtd


@dataclass(frozen=True)
class FoundPackage:
    package_id: str
    version: str
    content: bytes


@dataclass(frozen=True)
class FoundDependency:
    """As the .nuspec has it; `version_range` in NuGet's notation."""

    package_id: str
    version_range: str
    target_framework: str | None


_IMAGES: TypeAdapter[list[NamedImage]] = TypeAdapter(list[NamedImage])


def files_in(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an artifact. Raises `Rejected` for what is no zip, or would not fit."""
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            require(len(entries) <= _ENTRIES, f"it has more than {_ENTRIES} files")
            # What the directory says may be a lie: no more than that is unpacked.
            require(sum(entry.file_size for entry in entries) <= LARGEST, "it is too large unpacked")
            for entry in entries:
                yield entry.filename, _unpacked(opened, entry)
    # A damaged archive raises about anything.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise Rejected(f"it is not a zip that can be read: {error}") from None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    known = entry.compress_type in _BOUNDED
    require(known, f"{entry.filename} is packed in a way that is not read here")
    with archive.open(entry) as file:
        # Without a size zipfile unpacks the whole stream, however little the directory says it is.
        return file.read(entry.file_size + 1)


def packages_in(archive: bytes) -> list[FoundPackage]:
    """Every .nupkg of the artifact. Raises `Rejected` with what is wrong in one."""
    found = []
    for path, content in files_in(archive):
        if path.endswith(".nupkg") and not path.endswith(".symbols.nupkg"):
            identity = _identity(path, content)
            found.append(FoundPackage(identity.id, identity.version, content))
            require(len(found) <= MOST, f"it has more than {MOST} packages")
    return found


def dependencies_in(package: bytes) -> tuple[FoundDependency, ...]:
    """What a package depends on, by target framework. Raises `Rejected` as `packages_in` does."""
    found = []
    for dependencies in _named(_specification("the package", package), "metadata", "dependencies"):
        groups = [
            (None, dependencies),
            *((g.get("targetFramework"), g) for g in _named(dependencies, "group")),
        ]
        for framework, group in groups:
            found += [
                FoundDependency(one.get("id", ""), one.get("version", ""), framework)
                for one in _named(group, "dependency")
            ]
    return tuple(found)


def _identity(path: str, content: bytes) -> _Identity:
    texts = {
        name: (element.text or "").strip()
        for name in ("id", "version")
        for element in _named(_specification(path, content), "metadata", name)
    }
    try:
        return _Identity.model_validate(texts)
    except ValidationError as error:
        raise Rejected(f"{path}: {_said(error)}") from None


def _specification(path: str, content: bytes) -> ElementTree.Element:
    found = [data for name, data in files_in(content) if name.endswith(".nuspec") and "/" not in name]
    require(len(found) == 1, f"{path} must hold one .nuspec")
    try:
        return ElementTree.fromstring(found[0], ElementTree.XMLParser(target=_WithoutDtd()))
    except _HasDtd:
        raise Rejected(f"{path}: .nuspec has a DTD") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Rejected(f"{path}: .nuspec is not XML: {error}") from None


def _named(element: ElementTree.Element, *path: str) -> list[ElementTree.Element]:
    """Children by their names, whatever the version of the schema that they are of."""
    found = [element]
    for name in path:
        found = [child for one in found for child in one if child.tag.rpartition("}")[2] == name]
    return found


def images_in(archive: bytes) -> list[NamedImage]:
    """What images.json names. Raises `Rejected` with what is wrong in it."""
    files = dict(files_in(archive))
    text = next((data for path, data in files.items() if path.rpartition("/")[2] == "images.json"), None)
    if text is None:
        return []
    try:
        value: Any = json.loads(text)
        images = _IMAGES.validate_python(value)
    except ValidationError as error:
        raise Rejected(f"images.json: {_said(error)}") from None
    except (ValueError, RecursionError) as error:
        raise Rejected(f"images.json is not JSON: {error}") from None
    require(len(images) <= MOST, f"images.json names more than {MOST} images")
    return images


def _said(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        ": ".join(
            part
            for part in (".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, "))
            if part
        )
        for problem in problems
    )
