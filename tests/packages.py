"""NuGet packages for tests: small, whole, and the same bytes for the same words."""

import io
import zipfile

_NUSPEC = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>{id}</id>
    <version>{version}</version>
    <authors>tests</authors>
    <description>{text}</description>
  </metadata>
</package>
"""
_CONTENT_TYPES = """<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension="nuspec" ContentType="application/octet" />
  <Default Extension="txt" ContentType="text/plain" />
</Types>
"""


def nupkg(package_id: str, version: str, text: str = "a package") -> bytes:
    """Another `text` makes other bytes."""
    files = {
        f"{package_id}.nuspec": _NUSPEC.format(id=package_id, version=version, text=text),
        "[Content_Types].xml": _CONTENT_TYPES,
        "content/readme.txt": text,
    }
    return zipped({name: content.encode() for name, content in files.items()})


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
