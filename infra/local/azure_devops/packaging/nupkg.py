"""What a .nupkg says of itself: a zip with one .nuspec at its root and [Content_Types].xml."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from xml.etree import ElementTree

from infra.local.azure_devops.packaging.versions import InvalidVersion, Version

_ID = re.compile(r"\w+(?:[.-]\w+)*", re.ASCII)
_LONGEST_ID = 100
_LARGEST_NUSPEC = 1024 * 1024


class InvalidPackage(Exception):
    """The sentence that the publisher reads."""


@dataclass(frozen=True)
class Package:
    id: str
    version: Version
    authors: str
    description: str
    nuspec: bytes
    content: bytes
    digest: bytes

    @property
    def sha512(self) -> str:
        """Of the whole .nupkg, in base64 as registrations show it."""
        return base64.b64encode(self.digest).decode()


def read_package(content: bytes) -> Package:
    """Raises `InvalidPackage`."""
    nuspec = _nuspec(content)
    try:
        root = ElementTree.fromstring(nuspec)
    except ElementTree.ParseError as error:
        raise InvalidPackage(f"The .nuspec is not valid XML: {error}.") from error
    fields = _metadata(root)
    package_id = fields.get("id", "")
    if len(package_id) > _LONGEST_ID or not _ID.fullmatch(package_id):
        raise InvalidPackage(f"The package id '{package_id}' is not valid.")
    try:
        version = Version.parse(fields.get("version", ""))
    except InvalidVersion as error:
        raise InvalidPackage(str(error)) from error
    return Package(
        id=package_id,
        version=version,
        authors=fields.get("authors", ""),
        description=fields.get("description", ""),
        nuspec=nuspec,
        content=content,
        digest=hashlib.sha512(content).digest(),
    )


def _nuspec(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" not in names:
                raise InvalidPackage("The package has no [Content_Types].xml.")
            found = [name for name in names if "/" not in name and name.lower().endswith(".nuspec")]
            if len(found) != 1:
                raise InvalidPackage(f"A package has one .nuspec at its root, this one has {len(found)}.")
            if archive.getinfo(found[0]).file_size > _LARGEST_NUSPEC:
                raise InvalidPackage("The .nuspec is too large.")
            damaged = archive.testzip()
            if damaged is not None:
                raise InvalidPackage(f"The entry {damaged} of the package is damaged.")
            return archive.read(found[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidPackage("The package is not a valid zip archive.") from error


def _metadata(root: ElementTree.Element) -> dict[str, str]:
    """The text of the metadata's children, whatever the schema's namespace."""
    for child in root:
        if _local(child.tag) == "metadata":
            return {_local(field.tag): (field.text or "").strip() for field in child}
    raise InvalidPackage("The .nuspec has no metadata.")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
