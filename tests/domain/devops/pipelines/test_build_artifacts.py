"""What artifacts hold, and everything that may be wrong with them: read or refused, never a failure."""

import json
import tracemalloc
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.devops.pipelines import build_artifacts
from domain.devops.pipelines.build_artifacts import (
    FoundDependency,
    NamedImage,
    dependencies_in,
    files_in,
    images_in,
    packages_in,
)
from domain.kernel.errors import Rejected
from tests.packages import nupkg, zipped

DIGEST = f"sha256:{'a' * 64}"
IMAGE = {"registry": "registry.invalid", "repository": "a/b/c", "tag": "1.0.1", "digest": DIGEST}


def no(what: Any, archive: bytes) -> str:
    with pytest.raises(Rejected) as refused:
        list(what(archive))
    return refused.value.sentence


def test_packages_are_found_wherever_they_lie_and_symbols_are_none() -> None:
    one, two = nupkg("Reservations.Client", "1.0.1"), nupkg("Reservations", "1.0.1-rc.1+abc")
    found = packages_in(
        zipped({"a/b/one.nupkg": one, "two.nupkg": two, "two.symbols.nupkg": b"x", "notes.txt": b"x"})
    )
    assert [(package.package_id, package.version) for package in found] == [
        ("Reservations.Client", "1.0.1"),
        ("Reservations", "1.0.1-rc.1+abc"),
    ]
    assert found[0].content == one


def test_what_a_package_depends_on_is_read_by_target_framework() -> None:
    text = (
        '<dependency id="Loose" version="1.0.0"/>'
        '<group targetFramework="net10.0"><dependency id="Npgsql" version="[9.0.0, 10.0.0)"/></group>'
        '<group><dependency id="Anywhere" version="2.0.0"/></group>'
    )
    assert dependencies_in(nupkg("A", "1.0.0", dependencies=text)) == (
        FoundDependency("Loose", "1.0.0", None),
        FoundDependency("Npgsql", "[9.0.0, 10.0.0)", "net10.0"),
        FoundDependency("Anywhere", "2.0.0", None),
    )
    assert dependencies_in(nupkg("A", "1.0.0")) == ()


def test_images_are_those_that_images_json_names() -> None:
    text = json.dumps([IMAGE]).encode()
    assert images_in(zipped({"images/images.json": text})) == [NamedImage.model_validate(IMAGE)]
    assert images_in(zipped({"other.json": text})) == []


def spec(text: str, encoding: str = "utf-8") -> bytes:
    """A package with this .nuspec."""
    return zipped({"p.nupkg": zipped({"p.nuspec": text.encode(encoding)})})


def metadata(id: str = "A", version: str = "1.0.0") -> str:
    return f"<package><metadata><id>{id}</id><version>{version}</version></metadata></package>"


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (b"", "it is not a zip that can be read"),
        (b"not a zip", "it is not a zip that can be read"),
        (zipped({"p.nupkg": b"not a zip"}), "it is not a zip that can be read"),
        (zipped({"p.nupkg": zipped({"readme": b""})}), "p.nupkg must hold one .nuspec"),
        (zipped({"p.nupkg": zipped({"lib/p.nuspec": b""})}), "p.nupkg must hold one .nuspec"),
        (
            zipped({"p.nupkg": zipped({"a.nuspec": b"", "b.nuspec": b""})}),
            "p.nupkg must hold one .nuspec",
        ),
        (spec("<package><metadata>"), "p.nupkg: .nuspec is not XML"),
        (spec(""), "p.nupkg: .nuspec is not XML"),
        (spec('<?xml version="1.0" encoding="nonsense"?><a/>'), "p.nupkg: .nuspec is not XML"),
        (spec("<package/>"), "p.nupkg: id: Field required; version: Field required"),
        (spec(metadata(version="1.0")), "p.nupkg: version: must be a semantic version"),
        (spec(metadata(id="../../etc")), "p.nupkg: id: must be letters, digits and _"),
        (spec(metadata(id="a/b")), "p.nupkg: id: must be letters, digits and _"),
        (spec(metadata(id="x" * 101)), "p.nupkg: id: String should have at most 100 characters"),
        (spec(metadata(version="1.0.0/../x")), "p.nupkg: version: must be a semantic version"),
    ],
)
def test_what_is_wrong_with_a_package_is_said(archive: bytes, sentence: str) -> None:
    assert no(packages_in, archive).startswith(sentence)


LAUGHS = '<!DOCTYPE package [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + metadata(id="&b;")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [LAUGHS, "<!DOCTYPE package>" + metadata(), '<!DOCTYPE p SYSTEM "file:///etc/passwd">' + metadata()],
)
def test_a_document_type_is_refused_in_whatever_encoding_it_is(text: str, encoding: str) -> None:
    assert no(packages_in, spec(text, encoding)) == "p.nupkg: .nuspec has a DTD"


def test_a_nuspec_in_another_encoding_is_read() -> None:
    (found,) = packages_in(spec(metadata("Reservations"), "utf-16"))
    assert found.package_id == "Reservations"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"{", "images.json is not JSON"),
        (b"\xff\xfe\xff", "images.json is not JSON"),
        (b"[" * 100_000, "images.json is not JSON"),
        (b"{}", "images.json: Input should be a valid list"),
        (b"[1]", "images.json: 0: Input should be"),
        (b"[{}]", "images.json: 0.registry: Field required"),
        (json.dumps([IMAGE | {"digest": "sha256:1"}]).encode(), "images.json: 0.digest: must be sha256:"),
        (json.dumps([IMAGE | {"digest": DIGEST.upper()}]).encode(), "images.json: 0.digest: must be sha256:"),
        (json.dumps([IMAGE, IMAGE | {"tag": "-x"}]).encode(), "images.json: 1.tag: must be letters"),
        (json.dumps([IMAGE | {"repository": "a\nb"}]).encode(), "images.json: 0.repository: must not"),
        (json.dumps([IMAGE | {"registry": ""}]).encode(), "images.json: 0.registry: String should have"),
    ],
)
def test_what_is_wrong_with_the_images_is_said(text: bytes, sentence: str) -> None:
    assert no(images_in, zipped({"images.json": text})).startswith(sentence)


def test_a_bomb_is_refused_by_the_size_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_artifacts, "LARGEST", 1024 * 1024)
    bomb = zipped({"zeros": bytes(1024 * 1024 + 1)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2000
    assert no(files_in, bomb) == "it is too large unpacked"
    halves = zipped({"one": bytes(700_000), "two": bytes(700_000)}, zipfile.ZIP_DEFLATED)
    assert no(files_in, halves) == "it is too large unpacked", "it is the sum that counts"


def lying(kind: int, size: int) -> bytes:
    """An archive whose directory says that its one file has a single byte."""
    honest = zipped({"zeros": bytes(size)}, kind)
    found = size.to_bytes(4, "little")
    assert honest.count(found) == 2
    return honest.replace(found, (1).to_bytes(4, "little"))


def test_a_bomb_that_lies_about_its_size_is_not_unpacked() -> None:
    bomb = lying(zipfile.ZIP_DEFLATED, 32 * 1024 * 1024)
    tracemalloc.start()
    try:
        assert no(files_in, bomb).startswith("it is not a zip that can be read")
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_so_that_its_size_can_not_be_bounded_is_not_unpacked(kind: int) -> None:
    assert no(files_in, zipped({"zeros": b"x"}, kind)) == "zeros is packed in a way that is not read here"


def test_too_many_files_are_refused() -> None:
    assert no(files_in, zipped({str(n): b"" for n in range(1001)})) == "it has more than 1000 files"


def test_more_than_one_transaction_can_record_is_refused() -> None:
    packages = {f"{n}.nupkg": nupkg(f"Part{n}", "1.0.1") for n in range(41)}
    assert no(packages_in, zipped(packages)) == "it has more than 40 packages"
    images = json.dumps([IMAGE] * 41).encode()
    assert no(images_in, zipped({"images.json": images})) == "images.json names more than 40 images"
    del packages["0.nupkg"]
    assert len(packages_in(zipped(packages))) == 40


@pytest.mark.parametrize("name", ["../../evil.nupkg", "/etc/evil.nupkg", "C:\\evil.nupkg"])
def test_a_files_path_is_never_made_use_of(name: str) -> None:
    (found,) = packages_in(zipped({name: nupkg("Reservations", "1.0.1")}))
    assert (found.package_id, found.version) == ("Reservations", "1.0.1")


WHOLE = zipped(
    {"p.nupkg": nupkg("Reservations", "1.0.1"), "images.json": json.dumps([IMAGE]).encode()},
    zipfile.ZIP_DEFLATED,
)


@given(st.data())
def test_however_an_archive_is_damaged_it_is_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(WHOLE) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(WHOLE)) | st.just(len(WHOLE)))
    for read in (packages_in, images_in, dependencies_in):
        try:
            read(bytes(damaged[:kept]))
        except Rejected as refused:
            assert refused.sentence
