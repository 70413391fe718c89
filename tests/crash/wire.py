"""Faults of the network between one process and a server; a process may also die with a request under way."""

from dataclasses import dataclass, field

from aiohttp import web

from tests.adapters.fault_proxy import Exchange, FaultProxy
from tests.crash.faults import Fault, WireMode
from tests.crash.process import Process

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Wire:
    """The HTTP requests of one process in their order, as `METHOD path`, and the fault that one meets."""

    process: Process
    requests: list[str] = field(default_factory=list)
    met: list[Fault] = field(default_factory=list)
    _planned: dict[int, Fault] = field(default_factory=dict)

    @classmethod
    def through(cls, proxy: FaultProxy, process: Process) -> "Wire":
        """The proxy serves this process from now on, and no other."""
        wire = cls(process)
        proxy.always(wire._pass, *METHODS)
        return wire

    def plan(self, fault: Fault) -> None:
        self._planned[fault.index] = fault

    async def _pass(self, exchange: Exchange) -> web.StreamResponse:
        if self.process.faults.dead:
            return exchange.cut()
        fault = self._planned.pop(len(self.requests), None)
        self.requests.append(f"{exchange.request.method} {exchange.request.path}")
        if fault is None:
            return await exchange.forward()
        self.met.append(fault)
        if fault.mode not in (WireMode.KILLED_BEFORE, WireMode.CUT_BEFORE):
            await exchange.forward()
        if fault.mode in (WireMode.KILLED_BEFORE, WireMode.KILLED_AFTER):
            self.process.kill()
        if fault.mode is WireMode.BUSY_AFTER:
            return web.Response(status=503)
        return exchange.cut()
