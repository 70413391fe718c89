"""The emulator as a process: how it starts, what it refuses, and when it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.sb_fixture import ROOT, Emulator, sql, subscription, topology

_MODULE = [sys.executable, "-m", "infra.local.service_bus"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_zero(tmp_path: Path, number: signal.Signals) -> None:
    emulator = Emulator(tmp_path, topology({}))
    os.kill(emulator.process.pid, number)
    assert emulator.process.wait(timeout=5) == 0


def test_bad_sql_in_the_topology_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="did not start"):
        Emulator(tmp_path, topology({}, {"t": [subscription("s", sql("sys.Label = "))]}))
    command = [*_MODULE, "--config", str(tmp_path / "topology.json")]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    assert finished.returncode == 1
    assert "t/Subscriptions/s, rule rule-0" in finished.stderr
    assert "position 12" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, topology({}))
    command = [*_MODULE, "--config", str(tmp_path / "topology.json"), "--port", str(emulator.port)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    assert finished.returncode == 1
    assert "in use" in finished.stderr
    assert emulator.stop() == 0


def test_it_ends_with_the_process_that_it_was_told_to_watch(tmp_path: Path) -> None:
    Emulator(tmp_path, topology({})).stop()
    watched = subprocess.Popen(["sleep", "60"])
    command = [*_MODULE, "--config", str(tmp_path / "topology.json"), "--parent-pid", str(watched.pid)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("READY ")
    watched.kill()
    watched.wait()
    assert process.wait(timeout=5) == 0
    process.stdout.close()
