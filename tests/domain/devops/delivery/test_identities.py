"""Who is who: many spellings of one person, and persons who must not be taken for each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.devops.delivery.identities import KnownIdentity, People, identity_key

ADA = "ada@connectsoft.example"


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        "ADA@ConnectSoft.Example",
        " ada@connectsoft.example\t",
        "Ada Lovelace <ada@connectsoft.example>",
        "Lovelace, Ada (IT) <ADA+git@connectsoft.example>",
        "ada+anything+else@connectsoft.example",
        '"ada"@connectsoft.example',
        "ada@connectsoft.example.",
        "ａｄａ＠connectsoft.example",
        "a\u200bd\u00ada@connectsoft.example",
        "ada_connectsoft.example#EXT#@fabrikam.onmicrosoft.com",
        "live.com#ada@connectsoft.example",
    ],
)
def test_one_person_has_one_key_however_written(text: str) -> None:
    assert identity_key(text) == ADA


@pytest.mark.parametrize(
    "text",
    [
        "ada@connectsoft.example.org",
        "ada@sub.connectsoft.example",
        "a.da@connectsoft.example",
        "ada",
        "adam@connectsoft.example",
        "x#ada@connectsoft.example",
        "ada@connectsoft.example <eve@connectsoft.example>",
    ],
)
def test_others_have_other_keys(text: str) -> None:
    assert identity_key(text) != ADA


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1234+Ada@users.noreply.github.com", "ada@users.noreply.github.com"),
        ("ada@users.noreply.github.com", "ada@users.noreply.github.com"),
        ("x@BÜCHER.example", "x@xn--bcher-kva.example"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
        ("Ada   Lovelace", "ada lovelace"),
        ("Straße", "strasse"),
        ("+tag@connectsoft.example", "tag@connectsoft.example"),
    ],
)
def test_what_a_key_is(text: str, key: str) -> None:
    assert identity_key(text) == key


@given(st.text(max_size=40) | st.emails())
def test_a_key_is_its_own_key(text: str) -> None:
    assert identity_key(identity_key(text)) == identity_key(text)


@given(st.emails())
def test_letter_case_display_names_and_tags_never_tell_persons_apart(address: str) -> None:
    local, _, domain = address.rpartition("@")
    for other in (address.upper(), f"Somebody <{address}>", f" {address} "):
        assert identity_key(other) == identity_key(address)
    if "+" not in local:
        assert identity_key(f"{local}+tag@{domain}") == identity_key(address)


def test_a_person_is_known_by_every_name() -> None:
    people = People([KnownIdentity(name=ADA, aliases=("oid-1", "sp-ada")), KnownIdentity(name="grace")])
    assert people.same(["OID-1"], ["Ada <ada@connectsoft.example>"])
    assert people.same(["somebody", "sp-ada"], [ADA])
    assert not people.same(["grace"], [ADA])
    assert people.canonical(["oid-1"]) == people.canonical(["SP-Ada"]) == ADA
    assert people.canonical(["Heidi"]) == "heidi"


def test_names_that_say_nothing_make_nobody_the_same() -> None:
    people = People()
    assert not people.same(["", "ada"], [" ", "grace"])
    assert not people.same(["@"], ["@"])


def test_an_identity_keeps_all_that_is_known_of_it() -> None:
    people = People([KnownIdentity(name=ADA, aliases=("OID-1",))])
    assert people.identity("Ada@connectsoft.example", "ada.l").aliases == ("ada.l", "oid-1")
    assert People().same(people.identity("oid-1").names, [ADA])
