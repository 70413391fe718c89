"""`python -m infra.local.functions_host`: serve one Functions app until told to stop."""

import argparse
import asyncio
import logging
import os
import sys
import threading
import time
from pathlib import Path

from infra.local.functions_host.host import FunctionsHost, HostConfig, Ready
from infra.local.functions_host.settings import SettingsError
from infra.local.functions_host.worker import IndexingFailed
from infra.local.lifetime import add_parent_pid, say_ready, told_to_stop

log = logging.getLogger("functions_host")

# Libraries that write a line for every invocation or connection at INFO.
_CHATTY = ("azure.functions", "azure.servicebus", "azure.core", "azure.identity", "asyncio")
_LEFTOVER_SECONDS = 2.0
_EXECUTOR_SECONDS = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.functions_host", description=__doc__)
    parser.add_argument(
        "--app-dir", type=Path, default=Path(), help="where function_app.py and host.json are"
    )
    parser.add_argument("--port", type=int, default=0, help="0 is a free port")
    parser.add_argument(
        "--settings", type=Path, help="default: local.settings.json of the app, if it is there"
    )
    parser.add_argument(
        "--function-key", action="append", default=[], help="may be repeated; made up when absent"
    )
    parser.add_argument(
        "--state-dir", type=Path, help="where timers remember their last run; absent: in memory"
    )
    add_parent_pid(parser)
    parser.add_argument(
        "--grace", type=float, default=10.0, help="seconds that running functions get at the end"
    )
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    return parser.parse_args()


def _set_up_logging(quiet: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


async def _cancel_leftovers() -> bool:
    """Cancel what the app left running on the loop; False when something refuses to end."""
    current = asyncio.current_task()
    leftovers = [task for task in asyncio.all_tasks() if task is not current]
    for task in leftovers:
        task.cancel()
    if leftovers:
        _, pending = await asyncio.wait(leftovers, timeout=_LEFTOVER_SECONDS)
        return not pending
    return True


async def _serve(arguments: argparse.Namespace) -> int:
    stopping = told_to_stop(arguments.parent_pid)
    app_dir: Path = arguments.app_dir.resolve()
    host = FunctionsHost(
        HostConfig(
            app_dir=app_dir,
            port=arguments.port,
            settings=arguments.settings.resolve() if arguments.settings else None,
            function_keys=tuple(arguments.function_key),
            state_dir=arguments.state_dir.resolve() if arguments.state_dir else None,
        )
    )
    if not app_dir.is_dir():
        raise SettingsError(f"{app_dir} is not a directory")
    os.chdir(app_dir)  # an app may open its own files by relative path, as on the platform
    try:
        ready = await _start(host, stopping)
        if ready is not None:
            _announce(ready)
            await stopping.wait()
        await host.stop(arguments.grace)
    finally:
        if not await _cancel_leftovers():
            log.warning("Something of the app does not end; leaving without it")
        # Its threads are idle, but would be waited for when the interpreter ends.
        await asyncio.get_running_loop().shutdown_default_executor(_EXECUTOR_SECONDS)  # type: ignore[call-arg]
    return 0


async def _start(host: FunctionsHost, stopping: asyncio.Event) -> Ready | None:
    """None when the host was asked to stop before it was ready."""
    starting = asyncio.create_task(host.start())
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        return starting.result()
    starting.cancel()
    await asyncio.wait({starting})
    return None


def _announce(ready: Ready) -> None:
    answer = {
        "url": ready.url,
        "functionKey": ready.keys.function[0],
        "masterKey": ready.keys.master,
        "functions": ready.functions,
    }
    say_ready(answer)


def main() -> int:
    arguments = _arguments()
    _set_up_logging(arguments.quiet)
    # Not asyncio.run: it waits without limit for tasks and threads that the app does not end.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_serve(arguments))
    except (IndexingFailed, SettingsError, OSError) as error:
        sys.stderr.write(f"The function app could not be started: {error}\n")
        return 1


def _threads_end() -> bool:
    deadline = time.monotonic() + 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    return all(thread.daemon for thread in threading.enumerate() if thread is not threading.current_thread())


if __name__ == "__main__":
    code = main()
    if not _threads_end():
        # A synchronous function that is still busy would keep the interpreter from ending.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
