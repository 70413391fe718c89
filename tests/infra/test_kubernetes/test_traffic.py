"""What workloads answer, how routes split it, and what the metrics say of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from infra.local.kubernetes.resources import DEPLOYMENT, HTTP_ROUTE, SERVICE
from tests.infra.test_kubernetes.client import Home, Reply
from tests.infra.test_kubernetes.manifests import deployment, is_rolled_out, route, service


async def _get(home: Home, path: str) -> Reply:
    return await home.cluster.call("GET", path, token=None)


async def _run(home: Home, name: str = "web", *, replicas: int = 2) -> str:
    """The image that runs behind the service of that name."""
    image = f"registry.local/{home.name}-{name}:1"
    await home.create(SERVICE, service(name))
    await home.create(DEPLOYMENT, deployment(image, name=name, replicas=replicas))
    await home.until(DEPLOYMENT, name, is_rolled_out)
    return image


async def _query(home: Home, metric: str, name: str = "web") -> Any:
    query = f'{metric}{{namespace="{home.name}",service="{name}"}}'
    reply = await _get(home, f"/prometheus/api/v1/query?query={query}")
    assert (reply.status, reply.body["data"]["resultType"]) == (200, "vector")
    return [sample["value"][1] for sample in reply.body["data"]["result"]]


async def test_a_service_answers_from_its_ready_pods_in_turn(home: Home) -> None:
    image = await _run(home)
    answers = [(await _get(home, f"/workloads/{home.name}/web/orders/1")).body for _ in range(4)]
    assert {answer["image"] for answer in answers} == {image}
    assert sorted(Counter(answer["pod"] for answer in answers).values()) == [2, 2]
    assert answers[0]["path"] == "/orders/1"
    ready = await home.cluster.local("GET", f"endpoints/{home.name}/web")
    assert {entry["pod"] for entry in ready["value"]} == {answer["pod"] for answer in answers}


async def test_without_ready_pods_a_service_is_unavailable(home: Home) -> None:
    image = await _run(home)
    assert (await _get(home, f"/workloads/{home.name}/nothing/")).status == 404
    await home.cluster.mark(image, broken=True)
    await home.until(DEPLOYMENT, "web", lambda body: not body["status"].get("availableReplicas"))
    assert (await _get(home, f"/workloads/{home.name}/web/")).status == 503


async def test_an_unhealthy_image_runs_but_says_so(home: Home) -> None:
    image = await _run(home)
    assert (await _get(home, f"/workloads/{home.name}/web/healthz")).status == 200
    await home.cluster.mark(image, unhealthy=True)
    assert (await _get(home, f"/workloads/{home.name}/web/healthz")).status == 500
    assert (await _get(home, f"/workloads/{home.name}/web/")).status == 200
    assert is_rolled_out(await home.get(DEPLOYMENT, "web"))


async def test_a_route_splits_by_weight_without_bursts(home: Home) -> None:
    await _run(home, "stable", replicas=1)
    await _run(home, "canary", replicas=1)
    await home.create(HTTP_ROUTE, route("web", {"stable": 3, "canary": 1}))

    async def ask(count: int) -> list[str]:
        return [(await _get(home, f"/routes/{home.name}/web/x")).body["service"] for _ in range(count)]

    assert await ask(8) == ["stable", "stable", "canary", "stable"] * 2
    backends = route("web", {"stable": 0, "canary": 100})["spec"]
    await home.merge(HTTP_ROUTE, "web", {"spec": backends})
    assert set(await ask(3)) == {"canary"}
    counted = (await home.cluster.local("GET", "traffic"))["backends"]
    mine = {row["service"]: row["requests"] for row in counted if row["namespace"] == home.name}
    assert mine == {"stable": 6, "canary": 5}


async def test_a_route_without_a_backend_that_can_answer_says_so(home: Home) -> None:
    await home.create(HTTP_ROUTE, route("web", {"gone": 1}))
    assert (await _get(home, f"/routes/{home.name}/web/")).status == 500
    assert (await _get(home, f"/routes/{home.name}/other/")).status == 404


async def test_the_error_rate_of_an_image_shows_in_answers_and_metrics(home: Home) -> None:
    image = await _run(home)
    assert (await _query(home, "error_rate"), await _query(home, "request_duration_p95")) == (["0"], ["0.05"])
    await home.cluster.mark(image, errorRate=0.25, p95=1.5)
    assert (await _query(home, "error_rate"), await _query(home, "request_duration_p95")) == (
        ["0.25"],
        ["1.5"],
    )
    statuses = [(await _get(home, f"/workloads/{home.name}/web/")).status for _ in range(8)]
    assert Counter(statuses) == {200: 6, 500: 2}


async def test_metrics_without_data_are_empty_and_bad_queries_are_refused(home: Home) -> None:
    assert await _query(home, "error_rate", "nothing") == []
    assert await _query(home, "unknown_metric") == []
    for query in ("error_rate{namespace=}", "rate(", ""):
        refused = await _get(home, f"/prometheus/api/v1/query?query={query}")
        assert (refused.status, refused.body["status"]) == (400, "error")
        assert refused.body["errorType"] == "bad_data"
