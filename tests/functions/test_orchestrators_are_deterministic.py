"""Whoever asks for something else when replayed is stuck for ever: found before it runs."""

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest

import functions
from functions.orchestrations import ORCHESTRATORS
from tests.functions.determinism import problems

for _room in pkgutil.iter_modules(functions.__path__, "functions."):
    importlib.import_module(_room.name)


@pytest.mark.parametrize("kind", sorted(ORCHESTRATORS))
def test_an_orchestrator_is_deterministic(kind: str) -> None:
    assert problems(ORCHESTRATORS[kind]) == []


def test_there_are_orchestrators() -> None:
    assert {"EnvironmentPromotion", "InfrastructurePlan"} <= set(ORCHESTRATORS)


HEAD = """
from datetime import datetime, timedelta
from typing import Any

from functions.orchestrations import Turns, at, step
"""

GOOD = """
STEPS = 3
NAMES = ("Begin", "End")
WAIT = timedelta(seconds=5)

def promote(context: Any) -> Turns:
    order: dict[str, Any] = context.get_input()
    for look in range(STEPS):
        answer = yield from step(context, order, NAMES[0], {"id": order["id"]}, look)
        if answer["errored"] and "Begin" in NAMES:
            yield context.create_timer(context.current_utc_datetime + WAIT)
            continue
        yield context.create_timer(max(at(answer["standing"]["until"]), _later(context)))
    return sorted(order)

def _later(context: Any) -> datetime:
    return context.current_utc_datetime + WAIT
"""

WITHIN = """
def promote(context: Any) -> Turns:
    order = context.get_input()
    {bad}
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=5))
"""

# What stands in the orchestrator itself, and what is said of it.
LINES = {
    "the clock": ("order['at'] = datetime.now()", "reads a clock: now"),
    "the naive clock": ("order['at'] = datetime.utcnow()", "reads a clock: utcnow"),
    "the day": ("order['on'] = datetime.today()", "reads a clock: today"),
    "a file": ("order['text'] = open('x').read()", "calls open"),
    "the console": ("print(order)", "calls print"),
    "code": ("eval('1')", "calls eval"),
    "an address": ("order['key'] = id(order)", "calls id"),
    "a hash": ("order['key'] = hash('x')", "calls hash"),
    "a set": ("for one in {'a', 'b'}: order[one] = 1", "a set"),
    "a set by its name": ("for one in set(order): pass", "calls set"),
    "a frozen set": ("first = next(iter(frozenset(order)))", "calls frozenset"),
    "a set that grows": ("names = {one for one in order}", "a set"),
    "an order from a set": ("order = dict.fromkeys({'a', 'b'})", "a set"),
    "an import on the way": ("import random", "imports on its way"),
    "a name of nowhere": ("order['x'] = secrets.token_hex()", "calls secrets"),
    "a class of ours": ("order['x'] = Unavailable('x', 'y')", "calls Unavailable"),
}

# Whole modules.
MODULES = {
    "time": "import time\n" + WITHIN.format(bad="time.sleep(1)"),
    "a clock by its name": "from time import monotonic\n" + WITHIN.format(bad="monotonic()"),
    "random": "import random\n" + WITHIN.format(bad="random.random()"),
    "uuid": "import uuid\n" + WITHIN.format(bad="uuid.uuid4()"),
    "secrets": "import secrets\n" + WITHIN.format(bad="secrets.token_hex()"),
    "os": "import os\n" + WITHIN.format(bad="os.environ['X']"),
    "logging": "import logging\nlog = logging.getLogger()\n" + WITHIN.format(bad="log.info('x')"),
    "the platform": "from functions.bootstrap import platform\n" + WITHIN.format(bad="platform()"),
    "the platform's clock": "from functions.bootstrap import now\n" + WITHIN.format(bad="now()"),
    "a list of the module": "SEEN = []\n" + WITHIN.format(bad="SEEN.append(1)"),
    "a dict of the module": "SEEN: dict[str, Any] = {}\n" + WITHIN.format(bad="SEEN['a'] = 1"),
    "a list by its name": "SEEN = list()\n" + WITHIN.format(bad="SEEN.append(1)"),
    "a frozen set of the module": "NAMES = frozenset('ab')\n" + WITHIN.format(bad="x = [n for n in NAMES]"),
    "a global": "SEEN = 0\n" + WITHIN.format(bad="global SEEN; SEEN += 1"),
    "a default that stays": "def promote(context: Any, seen: list[int] = []) -> Turns:\n    yield seen\n",
    "a coroutine": "async def promote(context: Any) -> Turns:\n    yield 1\n",
    "somebody who waits": "async def _ask() -> None:\n    await _ask()\n" + WITHIN.format(bad="_ask()"),
    "what it calls": "def _moment() -> Any:\n    return datetime.now()\n" + WITHIN.format(bad="_moment()"),
    "what that calls": "def _outer() -> Any:\n    return _inner()\n"
    + "def _inner() -> Any:\n    return open('x')\n"
    + WITHIN.format(bad="_outer()"),
    "what another room does": "from functions.orchestrations import take\n" + WITHIN.format(bad="take()"),
    "a function handed on": "from functions.orchestrations import begin\n" + WITHIN.format(bad="x = [begin]"),
}


def made(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The orchestrator of a module in functions/ with this source."""
    file = tmp_path / "made_for_a_test.py"
    file.write_text(HEAD + source)
    name = "functions.made_for_a_test"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module.promote


def test_a_good_one_is_let_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(made(GOOD, tmp_path, monkeypatch)) == []


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_may_not_be_there_is_caught(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, said = LINES[what]
    found = problems(made(WITHIN.format(bad=bad), tmp_path, monkeypatch))
    assert len(found) <= 2 and any(said in one for one in found), found


# What makes each of them bad, and that it is caught by more than the list of imports.
SAID = {
    "time": "leads to time",
    "a clock by its name": "leads to monotonic",
    "random": "leads to random",
    "uuid": "leads to uuid",
    "secrets": "leads to secrets",
    "os": "leads to os",
    "logging": "leads to log",
    "the platform": "imports functions.bootstrap",
    "the platform's clock": "reads a clock: now",
    "a list of the module": "leads to SEEN",
    "a dict of the module": "leads to SEEN",
    "a list by its name": "leads to SEEN",
    "a frozen set of the module": "leads to NAMES",
    "a global": "state that outlives a replay",
    "a default that stays": "a default",
    "a coroutine": "is asynchronous",
    "somebody who waits": "is asynchronous",
    "what it calls": "reads a clock: now",
    "what that calls": "calls open",
    "what another room does": "functions.orchestrations:",
    "a function handed on": "is asynchronous",
}


@pytest.mark.parametrize("what", MODULES)
def test_a_module_that_may_not_be_so_is_caught(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = problems(made(MODULES[what], tmp_path, monkeypatch))
    assert any(SAID[what] in one for one in found), found
