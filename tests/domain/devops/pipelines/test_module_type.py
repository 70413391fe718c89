"""What a module is, told by its files."""

import pytest

from domain.devops.pipelines.module_type import ModuleType, module_type_of

API, LIBRARY = ModuleType.DOTNET_API, ModuleType.DOTNET_LIBRARY
SERVICE, FRONT_END = ModuleType.PYTHON_SERVICE, ModuleType.FRONT_END


@pytest.mark.parametrize(
    ("paths", "module_type"),
    [
        (("src/Api/Api.csproj", "src/Api/Program.cs"), API),
        (("Api.sln", "src/Api/appsettings.json"), API),
        (("Api.slnx", "Dockerfile"), API),
        (("Api/Api.fsproj", "Api/Program.fs"), API),
        (("SRC/API.CSPROJ", "SRC/PROGRAM.CS"), API),
        (("src/Client/Client.csproj", "src/Client/Client.cs"), LIBRARY),
        (("Client.sln", "README.md"), LIBRARY),
        (("pyproject.toml", "src/app.py"), SERVICE),
        (("setup.py",), SERVICE),
        (("service/requirements.txt", "Dockerfile"), SERVICE),
        (("package.json", "src/index.ts"), FRONT_END),
    ],
)
def test_each_type_is_told_by_its_files(paths: tuple[str, ...], module_type: ModuleType) -> None:
    assert module_type_of(paths) is module_type
    assert module_type_of(tuple(reversed(paths))) is module_type


@pytest.mark.parametrize(
    "paths",
    [
        (),
        ("README.md", "Dockerfile"),
        ("a/b/c/pyproject.toml",),
        ("web/package.json",),
        ("pyproject.toml.bak", "my-setup.py"),
    ],
    ids=["no files", "nothing that tells", "too deep", "a front end only at the root", "similar names"],
)
def test_files_that_say_nothing_tell_no_type(paths: tuple[str, ...]) -> None:
    assert module_type_of(paths) is None


@pytest.mark.parametrize(
    "paths",
    [
        ("Api.csproj", "Program.cs", "pyproject.toml"),
        ("pyproject.toml", "package.json"),
        ("Client.csproj", "package.json"),
    ],
)
def test_files_of_several_types_tell_none(paths: tuple[str, ...]) -> None:
    assert module_type_of(paths) is None


@pytest.mark.parametrize(
    "deep", ["samples/web/site/package.json", "tests/data/old/setup.py", "a/b/c/d/X.csproj"]
)
def test_what_lies_deep_down_does_not_count(deep: str) -> None:
    assert module_type_of(("requirements.txt", deep)) is SERVICE


def test_each_type_has_a_template_of_its_own() -> None:
    assert len({one.template for one in ModuleType}) == len(ModuleType)
