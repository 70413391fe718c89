"""A folder as the files of CreateCommit commands."""

import base64
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SERVICE = Path(__file__).with_name("service")

# A commit command stays well below the API's limit of 16 MiB and 5,000 files.
BATCH_BYTES = 4 * 1024 * 1024
BATCH_FILES = 1000
LARGEST_FILE = 8 * 1024 * 1024
SKIPPED = {".git", "node_modules", ".venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


class BadSource(Exception):
    """The folder can't be committed; the message says why."""


def files_of(folder: Path) -> list[Path]:
    """The folder's files, relative to it; in a Git work tree those that Git does not ignore."""
    if not folder.is_dir():
        raise BadSource(f"{folder} is not a folder")
    listed = subprocess.run(
        ["git", "-C", str(folder), "ls-files", "-coz", "--exclude-standard"], capture_output=True, check=False
    )
    if listed.returncode == 0:
        candidates = [Path(name.decode()) for name in listed.stdout.split(b"\0") if name]
    else:
        candidates = [path.relative_to(folder) for path in folder.rglob("*")]
    kept = [path for path in candidates if not SKIPPED & set(path.parts) and (folder / path).is_file()]
    if not kept:
        raise BadSource(f"{folder} has no files to commit")
    for path in kept:
        if (folder / path).stat().st_size > LARGEST_FILE:
            raise BadSource(f"{path} is larger than {LARGEST_FILE // 1024 // 1024} MiB")
    return sorted(kept)


def changes(folder: Path, files: Sequence[Path]) -> Iterator[list[dict[str, Any]]]:
    """The `files` of as many CreateCommit payloads as the folder needs."""
    batch: list[dict[str, Any]] = []
    size = 0
    for path in files:
        data = (folder / path).read_bytes()
        if batch and (size + len(data) > BATCH_BYTES or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append({"path": path.as_posix(), "operation": "add", **_content(data)})
        size += len(data)
    yield batch


def _content(data: bytes) -> dict[str, str]:
    try:
        return {"content": data.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"content": base64.b64encode(data).decode(), "encoding": "base64"}
