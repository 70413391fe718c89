"""The host as a whole: index the app, start every trigger, and stop them again without losing work."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.local.functions_host import worker
from infra.local.functions_host.admin import AdminEndpoints
from infra.local.functions_host.bindings import (
    HttpTrigger,
    ServiceBusTrigger,
    TimerTrigger,
    Trigger,
    UnsupportedTrigger,
    read_trigger,
)
from infra.local.functions_host.durable.client_binding import RPC
from infra.local.functions_host.durable.source import DurableSource
from infra.local.functions_host.http_trigger import MAX_BODY, HttpFunctions
from infra.local.functions_host.invocation import Invoker
from infra.local.functions_host.service_bus_trigger import ServiceBusSource
from infra.local.functions_host.settings import (
    HostKeys,
    HostOptions,
    SettingsError,
    is_disabled,
    load_host_options,
    load_local_settings,
)
from infra.local.functions_host.timer_trigger import TimerSource
from infra.local.functions_host.trigger_source import TriggerSource

log = logging.getLogger("functions_host")


@dataclass(frozen=True)
class HostConfig:
    """Where the app is and how to serve it. Port 0 is a free port; absent keys are made up."""

    app_dir: Path
    port: int = 0
    settings: Path | None = None
    function_keys: tuple[str, ...] = ()
    state_dir: Path | None = None


@dataclass(frozen=True)
class Ready:
    """What a client needs to reach the host."""

    url: str
    keys: HostKeys
    functions: int


class FunctionsHost:
    """Starts once and stops once."""

    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self._invoker = Invoker()
        self._sources: Sequence[TriggerSource] = ()
        self._admin: AdminEndpoints | None = None
        self._durable: DurableSource | None = None
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    async def start(self) -> Ready:
        """Return once HTTP listens and every trigger takes work. Raises IndexingFailed, SettingsError."""
        config = self._config
        file_keys = load_local_settings(
            config.settings or config.app_dir / "local.settings.json", required=config.settings is not None
        )
        keys = _complete_keys(config.function_keys, file_keys)
        options = load_host_options(config.app_dir)
        triggers = await _index(config.app_dir)
        self._durable = DurableSource(triggers, options.durable, keys.master, self._invoker)
        self._sources = (*self._make_sources(triggers, options), self._durable)
        self._admin = AdminEndpoints(triggers, self._sources, options.route_prefix, self._durable.status)
        http = HttpFunctions(
            [trigger for trigger in triggers if isinstance(trigger, HttpTrigger)],
            options.route_prefix,
            keys,
            self._invoker,
        )
        url = await self._listen(http, self._admin, self._durable)
        await asyncio.gather(*(source.start() for source in self._sources))
        self._admin.state = "Running"
        log.info("Host started with %d functions on %s", len(triggers), url)
        return Ready(url, keys, len(triggers))

    async def stop(self, grace: float) -> None:
        """Take nothing new, let what runs finish within `grace` seconds, give the rest back."""
        log.info("Host stops; %d invocations in flight", self._invoker.in_flight)
        if self._admin:
            self._admin.state = "Stopping"
        # Durable clients in functions that still run call the host itself: it goes on listening for them.
        has_clients = self._durable is not None and self._durable.engine is not None
        if self._site and not has_clients:
            await self._site.stop()
        for source in self._sources:
            source.stop_taking()
        await self._invoker.finish(grace)
        await asyncio.gather(*(source.close() for source in self._sources), return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()
        worker.stop_threads()

    def _make_sources(self, triggers: Sequence[Trigger], options: HostOptions) -> Sequence[TriggerSource]:
        for trigger in triggers:
            if isinstance(trigger, UnsupportedTrigger):
                log.error("'%s' will not run: no %s in this host", trigger.function.name, trigger.type)
            elif trigger.function.retry and not isinstance(trigger, TimerTrigger):
                # The platform honours retry policies for timers only, of the triggers that are here.
                log.warning("The retry policy of '%s' has no effect on its trigger", trigger.function.name)
        timers = [trigger for trigger in triggers if isinstance(trigger, TimerTrigger)]
        receivers = [trigger for trigger in triggers if isinstance(trigger, ServiceBusTrigger)]
        return (
            TimerSource(timers, self._invoker, self._config.state_dir),
            ServiceBusSource(receivers, options.service_bus, self._invoker),
        )

    async def _listen(self, http: HttpFunctions, admin: AdminEndpoints, durable: DurableSource) -> str:
        @web.middleware
        async def refuse_when_stopping(request: web.Request, handler: Handler) -> web.StreamResponse:
            # A function that still runs may start an orchestration: it is stored for the next host.
            if admin.state == "Stopping" and not request.path.startswith(f"{RPC}/"):
                # A connection that was kept alive; the client tries again elsewhere or later.
                return web.Response(status=503, headers={"Connection": "close", "Retry-After": "1"})
            response: web.StreamResponse = await handler(request)
            return response

        app = web.Application(client_max_size=MAX_BODY, middlewares=[refuse_when_stopping])
        admin.add_to(app)
        durable.add_to(app)
        app.router.add_route("*", r"/{path:[\s\S]*}", http.handle)
        # The platform hands bodies over as they came, compressed ones too.
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._config.port)
        await self._site.start()
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        durable.listens_at(url)
        return url


async def _index(app_dir: Path) -> list[Trigger]:
    triggers = [read_trigger(function) for function in await worker.index(app_dir)]
    names = [trigger.function.name.lower() for trigger in triggers]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SettingsError(f"function names must be unique: {', '.join(sorted(twice))}")
    return [trigger for trigger in triggers if not is_disabled(trigger.function.name)]


def _complete_keys(given: tuple[str, ...], file_keys: HostKeys) -> HostKeys:
    function = given or file_keys.function or (secrets.token_urlsafe(24),)
    return HostKeys(function, file_keys.master or secrets.token_urlsafe(24))
