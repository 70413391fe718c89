"""The Service Bus emulator as a process of its own, with a topology that the tests describe in short."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def subscription(name: str, *rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    named = [{"Name": f"rule-{number}", "Properties": rule} for number, rule in enumerate(rules)]
    return {"Name": name, "Properties": properties, "Rules": named}


def sql(expression: str, action: str | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}
    return {**rule, "Action": {"SqlExpression": action}} if action else rule


def correlation(**conditions: Any) -> dict[str, Any]:
    return {"FilterType": "Correlation", "CorrelationFilter": conditions}


def topology(
    queues: dict[str, dict[str, Any]], topics: dict[str, list[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    namespace = {
        "Name": "sbemulatorns",
        "Queues": [{"Name": name, "Properties": properties} for name, properties in queues.items()],
        "Topics": [
            {"Name": name, "Properties": {}, "Subscriptions": subscriptions}
            for name, subscriptions in (topics or {}).items()
        ],
    }
    return {"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}}


class Emulator:
    """Starts on a free port and keeps that port through restarts."""

    def __init__(self, directory: Path, described: dict[str, Any], journal: bool = False) -> None:
        config = directory / "topology.json"
        config.write_text(json.dumps(described), encoding="utf-8")
        self._command = [sys.executable, "-m", "infra.local.service_bus", "--config", str(config)]
        self._command += ["--parent-pid", str(os.getpid())]
        if journal:
            self._command += ["--journal", str(directory / "journal.db")]
        self.port = 0
        self.connection_string = ""
        self.start()

    def start(self) -> None:
        command = [*self._command, "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("READY "), f"the emulator did not start: {line!r}"
        ready = json.loads(line.removeprefix("READY "))
        self.port = ready["port"]
        self.connection_string = ready["connectionString"]

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code
