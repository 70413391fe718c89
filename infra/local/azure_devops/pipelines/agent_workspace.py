"""The directories of a job: clean at its start, gone after its end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


class OutsideWorkspace(Exception):
    """A path of a step leads out of the job's directories."""


@dataclass(frozen=True)
class Workspace:
    """`root` is Pipeline.Workspace."""

    root: Path

    @property
    def sources(self) -> Path:
        return self.root / "s"

    @property
    def staging(self) -> Path:
        return self.root / "a"

    @property
    def binaries(self) -> Path:
        return self.root / "b"

    @property
    def test_results(self) -> Path:
        return self.root / "TestResults"

    @property
    def temporary(self) -> Path:
        return self.root / "_temp"

    @property
    def home(self) -> Path:
        return self.root / "_home"

    @property
    def tools(self) -> Path:
        return self.root / "_tool"

    def create(self) -> None:
        self.remove()
        for directory in (
            *(self.sources, self.staging, self.binaries, self.test_results),
            *(self.temporary, self.home, self.tools),
        ):
            directory.mkdir(parents=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def inside(self, text: str, base: Path | None = None) -> Path:
        """The path, relative to base (the sources unless told); raises OutsideWorkspace."""
        found = ((base or self.sources) / text.strip()).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise OutsideWorkspace(f"The path {text} is outside of the directories of this job.")
        return found

    def variables(self) -> dict[str, str]:
        return {
            "Agent.BuildDirectory": str(self.root),
            "Agent.HomeDirectory": str(self.home),
            "Agent.RootDirectory": str(self.root.parent),
            "Agent.TempDirectory": str(self.temporary),
            "Agent.ToolsDirectory": str(self.tools),
            "Agent.WorkFolder": str(self.root.parent),
            "Build.ArtifactStagingDirectory": str(self.staging),
            "Build.BinariesDirectory": str(self.binaries),
            "Build.SourcesDirectory": str(self.sources),
            "Build.Repository.LocalPath": str(self.sources),
            "Build.StagingDirectory": str(self.staging),
            "Common.TestResultsDirectory": str(self.test_results),
            "Pipeline.Workspace": str(self.root),
            "System.ArtifactsDirectory": str(self.staging),
            "System.DefaultWorkingDirectory": str(self.sources),
        }
