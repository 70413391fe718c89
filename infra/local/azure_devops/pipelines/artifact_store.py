"""Artifacts of runs, as files on disk with a document each."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import uuid
import zipfile
from pathlib import Path

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.run_store import run_directory, scope_of
from infra.local.emulation.state import Json

PIPELINE, CONTAINER = "PipelineArtifact", "Container"


class ArtifactRefused(Exception):
    """Nothing to publish there, or the name is taken."""


def find_artifact(emulator: Emulator, run: Json, name: str) -> Json | None:
    return emulator.state.get("artifact", scope_of(run), name.lower())


def list_artifacts(emulator: Emulator, run: Json) -> list[Json]:
    return emulator.state.list("artifact", scope_of(run))


def content_of(emulator: Emulator, run: Json, artifact: Json) -> Path:
    return run_directory(emulator, "artifacts", run) / str(artifact["directory"])


async def publish(emulator: Emulator, run: Json, name: str, source: Path, kind: str, job_id: str) -> Json:
    """Copy a file or a directory; a pipeline artifact is never changed, a container is added to."""
    if not name or any(sign in name for sign in '\\/":<>|*?\0') or name.strip(".") == "":
        raise ArtifactRefused(f"The artifact name '{name}' is not valid.")
    if not source.exists():
        raise ArtifactRefused(f"Path does not exist: {source}")
    known = find_artifact(emulator, run, name)
    if known is not None and kind == PIPELINE:
        raise ArtifactRefused(f"Artifact {name} already exists for build {run['id']}.")
    artifact: Json = known or {
        "id": emulator.state.next_number(f"artifact/{run['org'].lower()}"),
        "name": name,
        "kind": kind,
        "directory": uuid.uuid4().hex,
        "source": job_id,
    }
    target = content_of(emulator, run, artifact)
    artifact["size"], artifact["digest"] = await asyncio.to_thread(_copy, source, target)
    emulator.state.put("artifact", scope_of(run), name.lower(), artifact)
    return artifact


def _copy(source: Path, target: Path) -> tuple[int, str]:
    target.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        # Links are followed, as an upload would: what comes out is files only.
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target / source.name)
    size, names = 0, hashlib.sha256()
    for file in files_of(target):
        size += file.stat().st_size
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        names.update(f"{file.relative_to(target).as_posix()}\0{digest}\n".encode())
    return size, names.hexdigest().upper()


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


async def copy_out(emulator: Emulator, run: Json, artifact: Json, target: Path, patterns: list[str]) -> int:
    """Into a job's directory; answers how many files."""
    return await asyncio.to_thread(_copy_out, content_of(emulator, run, artifact), target, patterns)


def _copy_out(content: Path, target: Path, patterns: list[str]) -> int:
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for file in files_of(content):
        name = file.relative_to(content)
        if patterns and not any(name.full_match(pattern.removeprefix("./")) for pattern in patterns):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target / name)
        count += 1
    return count


async def zipped(emulator: Emulator, run: Json, artifact: Json) -> Path:
    """The artifact as a zip file, made once for every content that it had."""
    path = (
        run_directory(emulator, "artifacts", run) / f"{artifact['directory']}-{artifact['digest'][:16]}.zip"
    )
    if not path.exists():
        content = content_of(emulator, run, artifact)
        try:
            await asyncio.to_thread(_zip, content, str(artifact["name"]), path)
        except OSError as error:
            raise ApiError(500, "ArtifactReadException", f"The artifact can't be read: {error}") from error
    return path


def _zip(content: Path, name: str, path: Path) -> None:
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files_of(content):
            archive.write(file, f"{name}/{file.relative_to(content).as_posix()}")
    os.replace(partial, path)
