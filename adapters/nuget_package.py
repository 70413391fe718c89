"""What a .nupkg says it is, and how NuGet writes versions."""

import io
import re
import zipfile
import zlib
from xml.etree import ElementTree

from domain.kernel.errors import Rejected, require

_VERSION = re.compile(
    r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_ID = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")
_LONGEST_ID = 100
_LARGEST_NUSPEC = 2**20
"""bytes"""


def normalized(version: str) -> str:
    """As NuGet compares versions and writes them in URLs: three numbers without leading zeros, a fourth only
    where it is not 0, the label in lower case, no build metadata. Raises `Rejected`."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise Rejected(f"{version} is not a package version")
    major, minor, patch, revision, label = match.groups()
    numbers = [int(major), int(minor), int(patch or 0), *([int(revision)] if int(revision or 0) else [])]
    return ".".join(map(str, numbers)) + (f"-{label.lower()}" if label else "")


def require_package_id(package_id: str) -> None:
    valid = len(package_id) <= _LONGEST_ID and _ID.fullmatch(package_id) is not None
    require(valid, f"{package_id} is not the id of a package")


def require_package(content: bytes, package_id: str, version: str) -> None:
    """Raises `Rejected` unless the content is this package: a feed would file it under what it says."""
    require_package_id(package_id)
    wanted = normalized(version)
    found_id, found_version = _identity(content)
    same = found_id.lower() == package_id.lower() and normalized(found_version) == wanted
    require(same, f"the file is package {found_id} {found_version}, not {package_id} {version}")


def _identity(content: bytes) -> tuple[str, str]:
    """Id and version of the .nuspec."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            specs = [one for one in archive.infolist() if re.fullmatch(r"[^/]+\.nuspec", one.filename, re.I)]
            typed = any(one.filename == "[Content_Types].xml" for one in archive.infolist())
            require(typed, "the file is not a NuGet package: it has no [Content_Types].xml")
            require(len(specs) == 1, "the file is not a NuGet package: it has no .nuspec of its own")
            with archive.open(specs[0]) as file:
                text = file.read(_LARGEST_NUSPEC + 1)
    # A damaged archive raises about anything.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise Rejected(f"the file is not a NuGet package: {error}") from error
    require(len(text) <= _LARGEST_NUSPEC, "the file is not a NuGet package: its .nuspec is too large")
    require(b"<!DOCTYPE" not in text, "the file is not a NuGet package: its .nuspec has a document type")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Rejected(f"the file is not a NuGet package: its .nuspec is not XML ({error})") from error
    id, version = (root.findtext(f"{{*}}metadata/{{*}}{name}") for name in ("id", "version"))
    if not id or not version:
        raise Rejected("the file is not a NuGet package: its .nuspec lacks an id or a version")
    return id.strip(), version.strip()
