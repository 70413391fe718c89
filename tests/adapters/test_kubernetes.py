"""How an API server is asked: what is tried again, what is believed, and whose cluster it is."""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from adapters.entra import FixedAuthorization
from adapters.kubernetes.client import Cluster, KubernetesApi, Refused, Superseded
from adapters.kubernetes.flux import FluxAgent
from adapters.kubernetes.kinds import DEPLOYMENT, GIT_REPOSITORY, KUSTOMIZATION
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import EnvironmentHandle
from tests import environments
from tests.adapters import scripted_cluster
from tests.adapters.scripted_cluster import (
    Fault,
    ScriptedCluster,
    answers,
    applied_then_503,
    cut_after,
    cut_before,
    half,
    status,
)
from tests.contracts.gitops_sites import FluxSite, handled
from tests.environments import RunningCluster, config_map

running_cluster, cluster = environments.running_cluster, environments.cluster
scripted, api = scripted_cluster.scripted, scripted_cluster.api

PATH = DEPLOYMENT.path("shop", "orders")


class Expired(FixedAuthorization):
    forgotten = 0

    def forget(self) -> None:
        self.forgotten += 1


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [
            answers(web.Response(status=503)),
            answers(web.Response(status=500)),
            answers(web.Response(status=429)),
            cut_before,
            cut_after,
            applied_then_503,
            half,
        ],
    )
    async def test_whatever_is_asked_is_asked_again(
        self, scripted: ScriptedCluster, api: KubernetesApi, fault: Fault
    ) -> None:
        scripted.put(PATH, {"spec": {"replicas": 1}})
        for _ in range(2):
            scripted.faults = [fault]
            found = await api.call("staging").get(PATH)
            assert found is not None and found["spec"] == {"replicas": 1}
            scripted.faults = [fault]
            found = await api.call("staging").merge(PATH, {"spec": {"replicas": 2}})
            assert found is not None and found["spec"] == {"replicas": 2}
            scripted.faults = [fault]
            assert await api.call("staging").apply(PATH, {"spec": {"replicas": 1}}) is not None
            scripted.put(PATH, {"spec": {"replicas": 1}})

    async def test_no_answer_in_time_is_asked_for_again(self, scripted: ScriptedCluster) -> None:
        async def hang(*_: object) -> web.StreamResponse:
            await asyncio.sleep(30)
            return web.Response()

        api = scripted.api(deadline=0.8, call_timeout=0.2)
        scripted.put(PATH, {})
        scripted.faults = [hang]
        assert await api.call("staging").get(PATH) is not None
        scripted.faults = [hang] * 9
        started = time.monotonic()
        with pytest.raises(Unavailable, match="the cluster is unavailable: no answer to GET"):
            await api.call("staging").get(PATH)
        assert time.monotonic() - started < 1.5
        await api.close()

    async def test_it_waits_as_told_and_so_does_the_next(
        self, scripted: ScriptedCluster, api: KubernetesApi
    ) -> None:
        scripted.put(PATH, {})
        scripted.faults = [answers(status(429, "too many requests", headers={"Retry-After": "0.3"}))]
        started = time.monotonic()
        assert await api.call("staging").get(PATH) is not None
        assert time.monotonic() - started >= 0.3
        scripted.faults = [answers(status(429, "too many requests", headers={"Retry-After": "60"}))]
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await api.call("staging").get(PATH)
            assert caught.value.retry_after is not None and caught.value.retry_after > 25
        # The second call didn't even ask.
        assert len(scripted.requests) == 3

    async def test_nobody_there_is_unavailable(self) -> None:
        cluster = Cluster("http://127.0.0.1:9", FixedAuthorization("Bearer x"))
        api = KubernetesApi({"staging": cluster}, deadline=0.3)
        with pytest.raises(Unavailable, match="the cluster of staging is unavailable: no connection"):
            await api.call("staging").get(PATH)
        await api.close()

    async def test_a_reconcile_whose_answers_are_lost_asks_once(
        self, cluster: RunningCluster, tmp_path: Path, partition: Partition
    ) -> None:
        environment = EnvironmentHandle(partition, "staging")
        site = FluxSite(cluster, tmp_path)
        await site.commit(environment, [config_map("fast")])
        await site.connect(environment)
        await handled(site, environment, "cmd-1")
        before = await site.traces(environment)
        await cluster.local("DELETE", "requests")
        faults = [
            {"mode": mode, "match": {"method": "PATCH", "pathRegex": kind.plural}, "times": 1}
            for kind in (GIT_REPOSITORY, KUSTOMIZATION)
            for mode in ("cut-after-commit", "cut-before")
        ]
        await cluster.local("POST", "faults", faults)
        await FluxAgent(site.api).reconcile(environment, token="cmd-2")
        asked = [one for one in (await cluster.local("GET", "requests"))["value"] if one["method"] == "PATCH"]
        assert [one["status"] for one in asked] == [0, 0, 200] * 2
        assert {one["fieldManager"] for one in asked} == {"cs-runtime"}
        assert (await handled(site, environment, "cmd-2")).ready is True
        assert await site.traces(environment) != before
        await site.api.close()


@pytest.fixture
def partition() -> Partition:
    return Partition("acme-faults", "shop")


class TestAnswers:
    async def test_a_refused_credential_is_forgotten(self, scripted: ScriptedCluster) -> None:
        authorization = Expired("Bearer old")
        api = KubernetesApi({"*": Cluster(scripted.url, authorization)}, deadline=1)
        scripted.faults = [answers(status(401, "Unauthorized"))]
        with pytest.raises(Unavailable, match="does not accept our credential: Unauthorized"):
            await api.call("staging").get(PATH)
        await api.close()
        assert authorization.forgotten == 1

    async def test_a_missing_permission_may_be_given(
        self, scripted: ScriptedCluster, api: KubernetesApi
    ) -> None:
        said = 'deployments.apps "orders" is forbidden: User "factory" cannot get resource "deployments"'
        scripted.faults = [answers(status(403, said))]
        with pytest.raises(Unavailable, match=r"our identity lacks a permission: deployments\.apps"):
            await api.call("staging").get(PATH)

    @pytest.mark.parametrize("code", [400, 413, 415, 422])
    async def test_what_the_server_does_not_take_is_refused_in_its_words(
        self, scripted: ScriptedCluster, api: KubernetesApi, code: int
    ) -> None:
        scripted.put(PATH, {})
        scripted.faults = [answers(status(code, "spec.replicas: Invalid value: -1"))]
        with pytest.raises(Refused, match=r"the cluster refuses PATCH .*/orders: spec\.replicas") as caught:
            await api.call("staging").apply(PATH, {"spec": {"replicas": -1}})
        assert isinstance(caught.value, Rejected) and caught.value.status == code

    async def test_a_patch_of_what_has_changed_meanwhile_is_told_from_others(
        self, scripted: ScriptedCluster, api: KubernetesApi
    ) -> None:
        scripted.put(PATH, {})
        with pytest.raises(Superseded, match="the object has been modified"):
            await api.call("staging").merge(PATH, {"metadata": {"resourceVersion": "0"}})

    @pytest.mark.parametrize(
        "response",
        [
            web.Response(status=404, text="<html>404</html>", content_type="text/html"),
            web.json_response({"error": "no such route"}, status=404),
            web.Response(status=200, text="<html>sign in</html>", content_type="text/html"),
            web.json_response([]),
            web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
            web.Response(status=204),
        ],
    )
    async def test_what_no_api_server_says_is_not_believed(
        self, scripted: ScriptedCluster, api: KubernetesApi, response: web.Response
    ) -> None:
        for _ in range(2):
            scripted.faults = [answers(response)]
            with pytest.raises(Unavailable, match=f"it answered {response.status} to GET"):
                await api.call("staging").get(PATH)

    async def test_what_is_not_there_is_none(self, scripted: ScriptedCluster, api: KubernetesApi) -> None:
        call = api.call("staging")
        assert await call.get(PATH) is None
        assert await call.merge(PATH, {}) is None
        assert await call.apply(PATH, {}) is None
        assert await call.list(DEPLOYMENT.path("shop")) == []
        scripted.faults = [answers(web.Response(status=404, text="404 page not found"))]
        assert await call.kind("example.com/v1", "Gadget") is None

    async def test_a_list_is_read_to_its_end(self, scripted: ScriptedCluster, api: KubernetesApi) -> None:
        pages = [
            {"items": [{"n": 1}], "metadata": {"continue": "a"}},
            {"items": [], "metadata": {"continue": "b"}},
            {"items": [{"n": 2}], "metadata": {"continue": ""}},
        ]
        scripted.faults = [answers(web.json_response(page)) for page in pages]
        assert await api.call("staging").list("/api/v1/pods", "app=orders") == [{"n": 1}, {"n": 2}]
        assert [query.get("continue") for _, _, query, _ in scripted.requests] == [None, "a", "b"]
        assert {query["labelSelector"] for _, _, query, _ in scripted.requests} == {"app=orders"}
        for items in (3, [3], None):
            scripted.faults = [answers(web.json_response({"items": items}))]
            with pytest.raises(Unavailable, match="is no list of objects"):
                await api.call("staging").list("/api/v1/pods")

    async def test_a_kind_is_looked_up_once_when_it_is_there(
        self, scripted: ScriptedCluster, api: KubernetesApi
    ) -> None:
        call = api.call("staging")
        assert await call.kind("apps/v1", "Deployment") is None
        resources = [
            {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
            {"name": "deployments", "kind": "Deployment", "namespaced": True},
        ]
        scripted.put("/apis/apps/v1", {"resources": resources})
        for _ in range(2):
            assert await api.call("staging").kind("apps/v1", "Deployment") == DEPLOYMENT
        assert len(scripted.requests) == 2
