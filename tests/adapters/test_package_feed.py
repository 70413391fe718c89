"""NuGet behind a faulty network, and feeds that take their time: published once, and never told otherwise."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import PersonalAccessToken
from adapters.package_feed import NuGetFeed
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import ProvidedPackage
from tests import azure_devops as emulator_fixtures
from tests.adapters import fault_proxy, scripted_service
from tests.adapters.fault_proxy import FaultProxy
from tests.adapters.scripted_feed import CONTENT, PARTITION, PATH, SHA512, ScriptedFeed, half, renamed
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.azure_devops import AzureDevOpsEmulator

azure_devops, service = emulator_fixtures.azure_devops, scripted_service.service


@pytest.fixture
def feed(service: ScriptedService) -> ScriptedFeed:
    return ScriptedFeed(service)


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[NuGetFeed]:
    made = NuGetFeed(PersonalAccessToken("secret"), service.url + PATH, deadline=2, call_timeout=0.5)
    yield made
    await made.close()


async def publish(port: NuGetFeed, content: bytes = CONTENT) -> ProvidedPackage:
    return await port.publish(PARTITION, "main", "Shop.Orders", "1.2.3", content)


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


class TestOnTheWire:
    async def test_the_package_is_the_first_part_of_a_form(self, feed: ScriptedFeed, port: NuGetFeed) -> None:
        made = await publish(port)
        assert made == ProvidedPackage("Shop.Orders", "1.2.3", SHA512, None)
        put = next(request for request in feed.service.requests if request.method == "PUT")
        assert put.path == "/push/"
        assert put.headers["Authorization"] == "Basic " + base64.b64encode(b":secret").decode()
        assert put.headers["X-NuGet-ApiKey"]
        assert put.content_type == "multipart/form-data"
        head, _, rest = feed.pushed[0].partition(b"\r\n\r\n")
        assert b'filename="package.nupkg"' in head and rest.startswith(CONTENT)

    async def test_a_feeds_index_is_read_once(self, feed: ScriptedFeed, port: NuGetFeed) -> None:
        for name in ("main", "main", "second"):
            await port.package(PARTITION, name, "Shop.Orders", "1.2.3")
        indexes = [line for line in feed.service.lines if line.endswith("index.json")]
        assert [line.split("/")[4] for line in indexes] == ["main", "second"]

    async def test_addresses_are_in_lower_case_and_normal_form(
        self, feed: ScriptedFeed, port: NuGetFeed
    ) -> None:
        await port.package(PARTITION, "main", "Shop.Orders", "1.02.3.0-RC.1+build")
        assert feed.lines("flat") == ["GET /flat/shop.orders/1.2.3-rc.1/shop.orders.1.2.3-rc.1.nupkg"]


class TestUnknownOutcomes:
    @pytest.mark.parametrize(
        "fault",
        [
            fault_proxy.applied_then_cut,
            fault_proxy.applied_then_503,
            fault_proxy.applied_then_500,
            fault_proxy.applied_then_hung,
        ],
    )
    async def test_a_publication_whose_answer_was_lost_is_found(
        self, azure_devops: AzureDevOpsEmulator, fault: fault_proxy.Fault
    ) -> None:
        async with FaultProxy(azure_devops.url) as proxy:
            pat = PersonalAccessToken(azure_devops.pat)
            port = NuGetFeed(pat, proxy.url + PATH, call_timeout=1)
            proxy.always(renamed, "GET")
            proxy.inject(fault, method="PUT")
            partition = Partition(f"tenant-{time.time_ns()}", "shop")
            made = await port.publish(partition, "main", "Shop.Orders", "1.2.3", CONTENT)
            await port.close()
            assert proxy.used_up and made.sha512 == SHA512

    @pytest.mark.parametrize("answer", [web.Response(status=503), web.Response(status=500), hang])
    async def test_one_that_had_no_effect_is_sent_again(
        self, feed: ScriptedFeed, port: NuGetFeed, answer: web.Response | Reply
    ) -> None:
        feed.has("push", answer, web.Response(status=201))
        feed.has("flat", web.Response(status=404), web.Response(body=CONTENT))
        assert (await publish(port)).sha512 == SHA512
        assert len(feed.pushed) == 2

    @pytest.mark.parametrize("answer", [web.Response(status=503), hang])
    async def test_one_that_is_there_is_not_sent_again(
        self, feed: ScriptedFeed, port: NuGetFeed, answer: web.Response | Reply
    ) -> None:
        feed.has("push", answer)
        assert (await publish(port)).sha512 == SHA512
        assert len(feed.pushed) == 1

    async def test_one_that_another_publisher_answers_is_a_refusal(
        self, feed: ScriptedFeed, port: NuGetFeed
    ) -> None:
        feed.has("push", web.Response(status=503))
        feed.has("flat", web.Response(body=b"other"))
        with pytest.raises(Rejected, match=r"^package Shop\.Orders 1\.2\.3 exists in feed main with other"):
            await publish(port)
        assert len(feed.pushed) == 1


class TestWaits:
    async def test_a_feed_that_shows_late_is_waited_for(self, feed: ScriptedFeed, port: NuGetFeed) -> None:
        feed.has("flat", web.Response(status=404), web.Response(status=404), web.Response(body=CONTENT))
        assert (await publish(port)).sha512 == SHA512
        assert len(feed.pushed) == 1

    @pytest.mark.parametrize("status", [202, 409])
    async def test_one_that_never_shows_is_unavailable(
        self, feed: ScriptedFeed, port: NuGetFeed, status: int
    ) -> None:
        feed.has("push", web.Response(status=status))
        feed.has("flat", web.Response(status=404))
        with pytest.raises(Unavailable, match=r"has taken Shop\.Orders 1\.2\.3, but does not show it yet"):
            await publish(port)
        assert len(feed.pushed) == 1

    async def test_a_throttled_publication_waits_as_told(self, feed: ScriptedFeed, port: NuGetFeed) -> None:
        feed.has("push", web.Response(status=429, headers={"Retry-After": "0.3"}), web.Response(status=201))
        started = time.monotonic()
        await publish(port)
        assert time.monotonic() - started >= 0.3 and len(feed.pushed) == 2

    async def test_a_wait_beyond_the_deadline_is_handed_on_at_once(
        self, feed: ScriptedFeed, port: NuGetFeed
    ) -> None:
        feed.has("push", web.Response(status=429, headers={"Retry-After": "90"}))
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await publish(port)
        assert caught.value.retry_after == 90 and time.monotonic() - started < 1

    @pytest.mark.parametrize("trouble", [half, hang, web.Response(status=503), web.Response(status=408)])
    async def test_a_lookup_is_tried_again(
        self, feed: ScriptedFeed, port: NuGetFeed, trouble: web.Response | Reply
    ) -> None:
        feed.has("flat", trouble, web.Response(body=CONTENT))
        found = await port.package(PARTITION, "main", "Shop.Orders", "1.2.3")
        assert found is not None and found.sha512 == SHA512

    async def test_half_a_package_for_ever_is_unavailable_and_no_other_content(
        self, feed: ScriptedFeed, port: NuGetFeed
    ) -> None:
        feed.has("flat", half)
        with pytest.raises(Unavailable, match=r"^NuGet is unavailable: no answer to GET"):
            await publish(port)

    async def test_nobody_there_is_unavailable(self) -> None:
        port = NuGetFeed(PersonalAccessToken("x"), "http://127.0.0.1:9" + PATH, deadline=0.5)
        with pytest.raises(Unavailable, match="connect"):
            await publish(port)
        await port.close()


class TestRefusals:
    @pytest.mark.parametrize("status", [400, 403])
    async def test_what_the_feed_takes_not_is_rejected_with_its_reason(
        self, feed: ScriptedFeed, port: NuGetFeed, status: int
    ) -> None:
        feed.has("push", web.json_response({"message": "The license is not allowed."}, status=status))
        with pytest.raises(Rejected, match=r"^the feed takes no such package: The license is not allowed\.$"):
            await publish(port)

    async def test_a_feed_that_does_not_exist_is_rejected(self, feed: ScriptedFeed, port: NuGetFeed) -> None:
        feed.has("index", web.Response(status=404))
        with pytest.raises(Rejected, match="the feed does not exist or is closed to us"):
            await publish(port)

    @pytest.mark.parametrize("route", ["index", "push", "flat"])
    @pytest.mark.parametrize(
        "answer",
        [
            web.Response(status=401),
            web.Response(status=302, headers={"Location": "/signin/"}),
            web.Response(status=203, text="<html>Sign in</html>", content_type="text/html"),
            web.Response(status=200, text="<html>Proxy</html>", content_type="text/html"),
        ],
        ids=["401", "302", "203", "200"],
    )
    async def test_a_sign_in_page_is_a_refused_credential_and_no_package(
        self, feed: ScriptedFeed, port: NuGetFeed, route: str, answer: web.Response
    ) -> None:
        feed.has(route, answer)
        feed.has("signin", web.Response(text="<html>Sign in</html>", content_type="text/html"))
        with pytest.raises(Unavailable, match="does not accept our credential"):
            await publish(port)

    async def test_a_download_elsewhere_is_followed_without_the_credential(
        self, feed: ScriptedFeed, port: NuGetFeed
    ) -> None:
        blobs = feed.service.url.replace("127.0.0.1", "localhost") + "/blob/x?sig=1"
        feed.has("flat", web.Response(status=303, headers={"Location": blobs}))
        feed.has("blob", web.Response(body=CONTENT))
        assert (await publish(port)).sha512 == SHA512
        (download,) = (request for request in feed.service.requests if request.path == "/blob/x")
        assert "Authorization" not in download.headers

    @pytest.mark.parametrize("kind", ["PackagePublish/2.0.0", "PackageBaseAddress/3.0.0"])
    async def test_an_index_that_names_another_host_is_not_followed(
        self, feed: ScriptedFeed, port: NuGetFeed, kind: str
    ) -> None:
        both = {"PackagePublish/2.0.0": "/push/", "PackageBaseAddress/3.0.0": "/flat/"}
        addresses = {key: feed.service.url + path for key, path in both.items()}
        addresses[kind] = "https://elsewhere.example/"
        index: list[Any] = [{"@id": url, "@type": key} for key, url in addresses.items()]
        feed.has("index", web.json_response({"resources": index}))
        with pytest.raises(Unavailable, match=r"names https://elsewhere\.example/, which is another host"):
            await publish(port)
        assert len(feed.service.requests) == 1

    @pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "a?b", "a%2fb", "x" * 65])
    async def test_what_is_no_feed_is_refused_unasked(
        self, feed: ScriptedFeed, port: NuGetFeed, name: str
    ) -> None:
        with pytest.raises(Rejected, match="is not the name of a feed"):
            await port.package(PARTITION, name, "Shop.Orders", "1.2.3")
        assert feed.service.requests == []

    def test_without_a_place_for_each_project_and_feed_it_is_refused(self) -> None:
        for placeholder in ("{tenantId}", "{projectId}", "{feed}"):
            with pytest.raises(ValueError, match=f"^feed_url_template must contain {placeholder}"):
                NuGetFeed(PersonalAccessToken("x"), "http://feeds" + PATH.replace(placeholder, "ours"))
