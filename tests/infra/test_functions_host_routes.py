"""Route templates: what they match, what they give, and which of several wins."""

import pytest

from infra.local.functions_host.routes import InvalidTemplate, RouteTable, RouteTemplate

GUID = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/orders", "/api/orders", {}),
        ("api/orders", "/API/Orders/", {}),
        ("api/orders", "/api/orders/1", None),
        ("api/orders/{id}", "/api/orders/A%20b", {"id": "A b"}),
        ("api/orders/{id}", "/api/orders/a%2Fb", {"id": "a/b"}),
        ("api/orders/{id}", "/api/orders", None),
        ("api/orders/{id?}", "/api/orders", {}),
        ("api/orders/{id:int?}", "/api/orders/-12", {"id": "-12"}),
        ("api/orders/{id:int?}", "/api/orders/x", None),
        ("api/orders/{id:int}", "/api/orders/2147483648", None),
        ("api/orders/{id:long}", "/api/orders/2147483648", {"id": "2147483648"}),
        ("api/orders/{id=7}", "/api/orders", {"id": "7"}),
        ("api/{id:guid}", f"/api/{GUID}", {"id": GUID}),
        ("api/{id:guid}", f"/api/{GUID[:-1]}", None),
        ("api/{flag:bool}", "/api/True", {"flag": "True"}),
        ("api/{word:alpha}", "/api/a1", None),
        ("api/{n:range(1,10)}", "/api/10", {"n": "10"}),
        ("api/{n:range(1,10)}", "/api/11", None),
        ("api/{n:min(3):max(5)}", "/api/6", None),
        ("api/{s:length(2,3)}", "/api/abcd", None),
        ("api/{s:maxlength(3)}", "/api/abc", {"s": "abc"}),
        ("api/{s:regex(^a+$)}", "/api/aaa", {"s": "aaa"}),
        ("api/{s:regex(^a+$)}", "/api/ab", None),
        ("api/{when:datetime}", "/api/2026-01-01", {"when": "2026-01-01"}),
        ("api/{*rest}", "/api/a/b%2Fc", {"rest": "a/b/c"}),
        ("api/{*rest}", "/api", {}),
        ("api/{name}.{ext}", "/api/report.pdf", {"name": "report", "ext": "pdf"}),
        ("api/v{major:int}-x", "/api/v12-x", {"major": "12"}),
    ],
)
def test_a_template_matches_and_gives_its_values(
    template: str, path: str, values: dict[str, str] | None
) -> None:
    assert RouteTemplate(template).match(path) == values


@pytest.mark.parametrize("template", ["{*rest}/a", "a/{", "a/{x:nothing}", "a/{x:int(3)}", "a/b{*rest}"])
def test_an_unreadable_template_is_refused(template: str) -> None:
    with pytest.raises(InvalidTemplate):
        RouteTemplate(template)


def test_the_most_literal_route_wins_whatever_the_order() -> None:
    every = frozenset[str]()
    templates = ["{*rest}", "{a}/{b}", "orders/{id}", "orders/{id:int}", "orders/special", "{a}/special"]
    for order in (templates, templates[::-1]):
        table = RouteTable((template, every, template) for template in order)
        winners = {
            path: (table.find("GET", path) or ("", {}))[0]
            for path in ("/orders/special", "/orders/5", "/orders/x", "/x/special", "/x/y", "/x/y/z")
        }
        assert winners == {
            "/orders/special": "orders/special",
            "/orders/5": "orders/{id:int}",
            "/orders/x": "orders/{id}",
            "/x/special": "{a}/special",
            "/x/y": "{a}/{b}",
            "/x/y/z": "{*rest}",
        }


def test_a_route_of_another_method_does_not_hide_one_that_fits() -> None:
    table = RouteTable([("a/b", frozenset({"GET"}), "literal"), ("a/{x}", frozenset({"POST"}), "parameter")])
    assert table.find("post", "/a/b") == ("parameter", {"x": "b"})
    assert table.find("PUT", "/a/b") is None
