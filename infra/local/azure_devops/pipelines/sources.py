"""The files that an expansion reads, each out of the commit its repository was resolved to."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.model import PipelineInvalid, Repository
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Place, SourceFile, Token, from_python, parse
from infra.local.azure_devops.repositories import find_repository, repository_by_id
from infra.local.emulation.state import Json

MAXIMUM_FILES = 100
MAXIMUM_BYTES = 1024 * 1024
_RESOURCES = ("repositories",)
_REPOSITORY = ("repository", "type", "name", "ref", "trigger")


class Sources:
    """Files by repository alias; `self` is there from the start."""

    def __init__(self, emulator: Emulator, org: str, own: Repository) -> None:
        self._emulator = emulator
        self._org = org
        self._read = 0
        self._files: dict[SourceFile, Token | None] = {}
        self.repositories: dict[str, Repository] = {"self": own}

    async def root(self, path: str, override: str | None) -> Token:
        file = SourceFile("self", "/" + path.strip("/"))
        if override is not None:
            return parse(override, file)
        found = await self._file(file)
        if found is None:
            raise PipelineInvalid(f"{file}: {self._missing(file)}")
        return found

    async def template(self, reference: View) -> Token:
        """The file that a template reference names, relative to the file in which it stands."""
        file = self._resolved(reference.text(), reference.place)
        self._read += 1
        if self._read > MAXIMUM_FILES:
            raise reference.invalid(f"Maximum file count exceeded: {MAXIMUM_FILES} templates")
        found = await self._file(file)
        if found is None:
            raise reference.invalid(self._missing(file))
        return found

    def _resolved(self, reference: str, place: Place) -> SourceFile:
        path, separator, alias = reference.rpartition("@")
        if not separator:
            path, alias = reference, place.file.alias
            if not path.startswith("/"):
                path = posixpath.join(posixpath.dirname(place.file.path), path)
        if alias not in self.repositories:
            raise place.invalid(f"Repository '{alias}' not found in the resources of the pipeline")
        path = posixpath.normpath("/" + path.lstrip("/"))
        return SourceFile(alias, path)

    def _missing(self, file: SourceFile) -> str:
        known = self.repositories[file.alias]
        branch = known.ref.removeprefix("refs/heads/")
        return (
            f"File {file.path} not found in repository {known.name} branch {branch} version {known.version}."
        )

    async def _file(self, file: SourceFile) -> Token | None:
        """None if it is not there; a file that is named many times is read once."""
        if file not in self._files:
            text = await self._text(file)
            self._files[file] = None if text is None else parse(text, file)
        return self._files[file]

    async def _text(self, file: SourceFile) -> str | None:
        known = self.repositories[file.alias]
        name = f"{known.version}:{file.path.removeprefix('/')}"
        found = await self._emulator.git.run(known.repository_id, "cat-file", "blob", name, expect=(0, 128))
        if found.code != 0:
            return None
        if len(found.stdout) > MAXIMUM_BYTES:
            raise PipelineInvalid(f"{file}: The file is larger than {MAXIMUM_BYTES} bytes")
        try:
            return found.stdout.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PipelineInvalid(f"{file}: The file is not valid UTF-8") from error

    async def declare(self, resources: View | None) -> None:
        """Resolve `resources.repositories` to commits."""
        if resources is None or resources.is_empty():
            return
        fields = resources.fields(_RESOURCES)
        for item in fields["repositories"].items() if "repositories" in fields else []:
            repository = await self._repository(item)
            if repository.alias in self.repositories:
                raise item.invalid(f"The repository resource '{repository.alias}' is already defined")
            self.repositories[repository.alias] = repository

    async def _repository(self, item: View) -> Repository:
        fields = item.fields(_REPOSITORY)
        alias = fields["repository"].text() if "repository" in fields else ""
        if not alias:
            raise item.invalid("Expected the property 'repository'")
        kind = fields["type"].text() if "type" in fields else "git"
        if kind.lower() not in ("git", "tfsgit"):
            raise fields["type"].invalid(f"Repositories of the type '{kind}' are not available here")
        own = self.repositories["self"]
        name = fields["name"].text() if "name" in fields else own.name
        found = self._find(name, fields.get("name", item))
        ref = (
            fields["ref"].text() if "ref" in fields else str(found.get("defaultBranch") or "refs/heads/main")
        )
        if not ref.startswith("refs/"):
            ref = f"refs/heads/{ref}"
        version = await self._emulator.git.commit_id(found["id"], ref)
        if version is None:
            raise fields.get("ref", item).invalid(
                f"Could not get the latest source version for repository {found['name']} hosted on "
                f"Azure Repos using ref {ref}."
            )
        project = name.partition("/")[0] if "/" in name else own.project
        return Repository(alias, project, found["name"], found["id"], ref, version)

    def _find(self, name: str, view: View) -> Json:
        project, separator, repository = name.rpartition("/")
        try:
            found = find_repository(
                self._emulator,
                self._org,
                project if separator else self.repositories["self"].project,
                repository,
            )
        except ApiError as error:
            raise view.invalid(
                f"The repository {name} in project {project or 'of the pipeline'} could not be retrieved. "
                "Verify the name and credentials being used."
            ) from error
        if found["isDisabled"]:
            raise view.invalid(f"The repository {name} is disabled.")
        return repository_by_id(self._emulator, found["id"])


def given_tokens(values: Mapping[str, object], place: Place) -> dict[str, Token]:
    """The parameters of a run, which have no place of their own in a file."""
    return {name: from_python(value, place) for name, value in values.items()}
