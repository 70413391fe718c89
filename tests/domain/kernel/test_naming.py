"""Names of images in the registry: no two projects ever share one, and the registry takes them all."""

import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.devops.source_control.repository import RepositoryName
from domain.kernel.naming import image_repository, registry_prefix
from domain.kernel.values import TenantId
from domain.kernel.work import Partition

# The distribution specification's `<name>`, word for word.
OCI_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII)


def _taken(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def names(kind: Any) -> st.SearchStrategy[str]:
    """Short ones of few letters, so that they come close to each other."""
    close = st.text("aAbB0._-", min_size=1, max_size=6)
    wide = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True)
    return (close | wide).filter(lambda text: _taken(kind, text))


places = st.tuples(names(TenantId), names(TenantId), names(RepositoryName))
Place = tuple[str, str, str]


def name_at(place: Place) -> str:
    tenant, project, name = place
    return image_repository(Partition(tenant, project), name)


@given(places)
def test_every_repository_has_a_name_that_the_registry_takes(place: Place) -> None:
    assert OCI_NAME.fullmatch(name_at(place))
    assert name_at(place).count("/") == 2
    assert name_at(place).startswith(registry_prefix(Partition(*place[:2])))


A_LOOK_ALIKE = name_at(("a", "b", "Api")).rpartition("/")[2]


@given(places, places)
@example(("a", "b", "Api"), ("a", "b", "api"))
@example(("a", "b", "Api"), ("a", "b", "API"))
@example(("a", "b", "a..b"), ("a", "b", "a.b"))
@example(("a", "b", "Api"), ("a", "b", A_LOOK_ALIKE))
@example(("Acme", "b", "api"), ("acme", "b", "api"))
def test_different_repositories_have_different_names(one: Place, other: Place) -> None:
    assert (name_at(one) == name_at(other)) == (one == other)


def test_a_name_that_the_registry_takes_is_left_as_it_is() -> None:
    assert name_at(("connectsoft", "proj-booking-saas", "reservations-api")) == (
        "connectsoft/proj-booking-saas/reservations-api"
    )
