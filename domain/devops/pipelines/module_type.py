"""Module types: what a module is, told by its files, and the pipeline template that builds it."""

from collections.abc import Sequence
from enum import StrEnum


class ModuleType(StrEnum):
    DOTNET_API = "DotNetApi"
    DOTNET_LIBRARY = "DotNetLibrary"
    PYTHON_SERVICE = "PythonService"
    FRONT_END = "FrontEnd"

    @property
    def template(self) -> str:
        """The template's file in the templates repository."""
        return _TEMPLATES[self]


_TEMPLATES = {
    ModuleType.DOTNET_API: "dotnet-api.yml",
    ModuleType.DOTNET_LIBRARY: "dotnet-library.yml",
    ModuleType.PYTHON_SERVICE: "python-service.yml",
    ModuleType.FRONT_END: "front-end.yml",
}

# Deeper down are samples, tests and what a front end is served from.
_DEPTH = 3


def module_type_of(paths: Sequence[str]) -> ModuleType | None:
    """What the files say; None where they say nothing, or could be several."""
    near = [path.lower() for path in paths if path.count("/") < _DEPTH]
    names = {path.rpartition("/")[2] for path in near}
    found = set()
    if any(path.endswith((".csproj", ".fsproj", ".slnx", ".sln")) for path in near):
        # What serves has settings or a program to start; a library has neither.
        serves = bool(names & {"appsettings.json", "program.cs", "program.fs", "dockerfile"})
        found.add(ModuleType.DOTNET_API if serves else ModuleType.DOTNET_LIBRARY)
    if names & {"pyproject.toml", "setup.py", "requirements.txt"}:
        found.add(ModuleType.PYTHON_SERVICE)
    if "package.json" in {path for path in near if "/" not in path}:
        found.add(ModuleType.FRONT_END)
    return found.pop() if len(found) == 1 else None
