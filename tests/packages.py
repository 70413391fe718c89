"""NuGet packages for tests: small, whole, and the same bytes for the same words."""

import io
import zipfile
from collections.abc import Mapping

_NUSPEC = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>{id}</id><version>{version}</version><authors>tests</authors><description>a package</description>
    <dependencies>{dependencies}</dependencies>
  </metadata>
</package>
"""
_CONTENT_TYPES = b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def nupkg(
    package_id: str,
    version: str,
    content: bytes = b"assembly",
    *,
    dependencies: str = "",
    without: tuple[str, ...] = (),
) -> bytes:
    """Another content makes other bytes; `without` names endings of files that are left out."""
    specification = _NUSPEC.format(id=package_id, version=version, dependencies=dependencies)
    files = {
        f"{package_id}.nuspec": specification.encode(),
        "[Content_Types].xml": _CONTENT_TYPES,
        f"lib/net10.0/{package_id}.dll": content,
    }
    return zipped({name: data for name, data in files.items() if not name.endswith(without)})


def zipped(files: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """Stored as it is: what must not be taken for something else stands in the archive for all to see."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data, kind)
    return buffer.getvalue()
