"""Classified fields never cross a platform boundary: `Redaction` in `domain/kernel/values.py`."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from domain.kernel.values import Classification, Model, Person, Redaction, Sensitive

REDACTION = Redaction(b"a key of tests")


class Reviewer(Model):
    full_name: Person
    vote: int = 10


class Review(Model):
    title: str
    opened_by: Person
    closed_by: Person | None = None
    secret: Annotated[str, Sensitive(Classification.CONFIDENTIAL)] = "confidential-of-old"
    remark: Annotated[str | None, Sensitive(Classification.CONFIDENTIAL)] = None
    lead: Reviewer | None = None
    reviewers: tuple[Reviewer, ...] = ()
    watchers: tuple[Person, ...] = ()
    by_role: Mapping[str, Reviewer] = Field(default_factory=dict)
    names_by_role: Mapping[str, Person] = Field(default_factory=dict)
    rounds: tuple[tuple[Reviewer, ...], ...] = ()


def wire(review: Review, tenant: str = "connectsoft") -> dict[str, Any]:
    return REDACTION.payload(review, tenant)


def masked(value: str) -> str:
    return f"*** ({REDACTION.digest(value, 'connectsoft')})"


def test_a_classified_field_is_masked_and_shows_its_digest() -> None:
    redacted = wire(Review(title="Rooms", opened_by="Ada Lovelace"))
    assert redacted["openedBy"] == masked("Ada Lovelace")
    assert re.fullmatch(r"\*\*\* \(hmac-sha256:[0-9a-f]{64}\)", redacted["openedBy"])


def test_every_classification_is_masked() -> None:
    assert wire(Review(title="Rooms", opened_by="Ada", secret="Blueprint"))["secret"] == masked("Blueprint")


def test_what_is_public_stays_as_it_is() -> None:
    assert wire(Review(title="Rooms", opened_by="Ada"))["title"] == "Rooms"


def test_who_does_not_redact_gets_the_value() -> None:
    review = Review(title="Rooms", opened_by="Ada", lead=_grace())
    assert review.model_dump(mode="json", by_alias=True)["openedBy"] == "Ada"
    assert "Grace Hopper" in review.model_dump_json()


def test_one_character_is_not_shown_whole() -> None:
    assert "Q" not in wire(Review(title="Rooms", opened_by="Q"))["openedBy"]


def test_equal_values_of_a_tenant_have_equal_digests() -> None:
    one, other = Review(title="a", opened_by="Ada"), Review(title="b", opened_by="Ada")
    assert wire(one)["openedBy"] == wire(other)["openedBy"]


def test_equal_values_of_two_tenants_have_different_digests() -> None:
    review = Review(title="a", opened_by="Ada")
    assert wire(review)["openedBy"] != wire(review, "contoso")["openedBy"]


def test_different_values_have_different_digests() -> None:
    one, other = Review(title="a", opened_by="Ada"), Review(title="a", opened_by="Adb")
    assert wire(one)["openedBy"] != wire(other)["openedBy"]


def test_the_tenant_and_the_value_do_not_run_together_in_a_digest() -> None:
    assert REDACTION.digest("b", "a") != REDACTION.digest("", "ab")
    assert REDACTION.digest("bc", "a") != REDACTION.digest("c", "ab")


def test_without_the_key_a_digest_can_not_be_guessed() -> None:
    review = Review(title="a", opened_by="Ada")
    other = Redaction(b"another key").payload(review, "connectsoft")
    assert wire(review)["openedBy"] != other["openedBy"]


def test_what_is_not_there_is_not_masked() -> None:
    redacted = wire(Review(title="a", opened_by="Ada"))
    assert (redacted["closedBy"], redacted["remark"]) == (None, None)


def test_an_optional_field_is_masked() -> None:
    redacted = wire(Review(title="a", opened_by="Ada", closed_by="Grace Hopper", remark="Grace was late"))
    assert (redacted["closedBy"], redacted["remark"]) == (masked("Grace Hopper"), masked("Grace was late"))


def test_a_list_of_people_is_masked() -> None:
    redacted = wire(Review(title="a", opened_by="Ada", watchers=("Grace", "Ada")))
    assert redacted["watchers"] == [masked("Grace"), masked("Ada")]


def test_people_in_models_in_tuples_are_masked() -> None:
    review = Review(title="a", opened_by="Ada", lead=_grace(), reviewers=(_grace(), _grace()))
    redacted = wire(review)
    assert redacted["lead"] == {"fullName": masked("Grace Hopper"), "vote": 10}
    assert redacted["reviewers"] == [redacted["lead"]] * 2


def test_people_in_mappings_and_in_tuples_of_tuples_are_masked() -> None:
    review = Review(
        title="a",
        opened_by="Ada",
        by_role={"lead": _grace()},
        names_by_role={"lead": "Grace Hopper"},
        rounds=((_grace(),),),
    )
    assert "Grace" not in json.dumps(wire(review))


def _grace() -> Reviewer:
    return Reviewer(full_name="Grace Hopper")


# Letters that occur nowhere else in the wire form, so that one that shows is one that leaked.
secrets = st.text("ΑΒΓΔΕΖΗΘ", min_size=2, max_size=12)
reviewers = st.fixed_dictionaries({"fullName": secrets})
reviews = st.fixed_dictionaries(
    {"title": st.just("public"), "openedBy": secrets, "secret": secrets},
    optional={
        "closedBy": secrets,
        "lead": reviewers,
        "reviewers": st.lists(reviewers, max_size=3),
        "watchers": st.lists(secrets, max_size=3),
        "byRole": st.dictionaries(st.just("lead"), reviewers),
        "namesByRole": st.dictionaries(st.just("lead"), secrets),
        "rounds": st.lists(st.lists(reviewers, max_size=2), max_size=2),
    },
).map(Review.model_validate)


@given(reviews)
def test_nothing_sensitive_is_left_in_the_bytes(review: Review) -> None:
    text = json.dumps(wire(review), ensure_ascii=False)
    leaked = [one for one in _sensitive_of(review) if one in text]
    assert leaked == []


def _sensitive_of(review: Review) -> list[str]:
    people = [*review.reviewers, *review.by_role.values(), *(one for row in review.rounds for one in row)]
    people += [review.lead] if review.lead else []
    names = [person.full_name for person in people]
    names += [review.opened_by, review.secret, *review.watchers, *review.names_by_role.values()]
    return names + ([review.closed_by] if review.closed_by else [])
