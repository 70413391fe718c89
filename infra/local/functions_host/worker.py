"""Microsoft's worker library, in this process: index the app once, then invoke its functions.

The library keeps its state in module globals, so a process holds one app; a reload is a new process.
"""

import _strptime  # type: ignore[import-not-found]
import json
import sys
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime  # type: ignore[import-untyped]

from infra.local.functions_host import protos
from infra.local.functions_host.protos import ParameterBinding, TypedData

# The library finds a timestamp's form by trying 13 formats on each; Python caches the patterns of only 5,
# so that it would compile them anew for every message. With room for all, a message costs half.
_strptime._CACHE_MAX_SIZE = 32

Binding = dict[str, Any]


class IndexingFailed(Exception):
    """The app could not be loaded; the text says why, with the traceback where there is one."""


class FunctionFailed(Exception):
    """The function raised, or its result could not be encoded. The text is the worker's, `Type: message`."""

    def __init__(self, message: str, stack_trace: str) -> None:
        super().__init__(message)
        self.stack_trace = stack_trace


@dataclass(frozen=True)
class RetryPolicy:
    """`@app.retry`: waits grow from `minimum` to `maximum`; both equal for a fixed delay. -1 is no limit."""

    max_retry_count: int
    minimum: timedelta
    maximum: timedelta

    def delay(self, attempt: int) -> timedelta:
        """The wait before retry number `attempt`, counted from 1."""
        factor: int = 2 ** min(attempt - 1, 20)
        return min(self.maximum, self.minimum * factor)


@dataclass(frozen=True)
class IndexedFunction:
    """A function as the worker describes it, its bindings unresolved."""

    id: str
    name: str
    bindings: tuple[Binding, ...]
    retry: RetryPolicy | None = None


@dataclass(frozen=True)
class Invocation:
    """What a function is called with: its inputs by parameter name, and the trigger's metadata."""

    inputs: Mapping[str, TypedData]
    metadata: Mapping[str, TypedData] = field(default_factory=dict)
    retry_count: int = 0
    max_retry_count: int = 0
    trace_parent: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a function gave back: the return value and the output parameters, both possibly absent."""

    return_value: TypedData | None
    outputs: Mapping[str, TypedData | None]


async def index(app_dir: Path) -> list[IndexedFunction]:
    """Import `function_app.py` from `app_dir` and list its functions."""
    root = str(app_dir)
    if root not in sys.path:
        sys.path.insert(0, root)
    runtime.start_threadpool_executor()
    answer = await runtime.worker_init_request(
        SimpleNamespace(
            properties={"host": "127.0.0.1", "protos": protos},
            request=SimpleNamespace(
                worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=root)
            ),
        )
    )
    if answer.result.status != protos.StatusResult.Success:
        problem = answer.result.exception
        raise IndexingFailed(f"{problem.message}\n{problem.stack_trace or ''}".rstrip())
    listing = (await runtime.functions_metadata_request(None)).function_metadata_results
    if listing is None:
        raise IndexingFailed(f"there is no function_app.py with functions in {root}")
    return [
        IndexedFunction(
            id=found.function_id,
            name=found.name,
            bindings=tuple(json.loads(raw) for raw in found.raw_bindings),
            retry=_retry_policy(found.retry_options),
        )
        for found in listing
    ]


def _retry_policy(options: Any) -> RetryPolicy | None:
    if options is None:
        return None
    fixed = options.delay_interval
    minimum: timedelta = fixed if fixed is not None else options.minimum_interval
    maximum: timedelta = fixed if fixed is not None else options.maximum_interval
    return RetryPolicy(int(options.max_retry_count), minimum, maximum)


async def invoke(function: IndexedFunction, call: Invocation, invocation_id: str = "") -> Outcome:
    """Run the function and return what it gave. Raises FunctionFailed when it raised."""
    answer = await runtime.invocation_request(
        SimpleNamespace(
            request=SimpleNamespace(
                invocation_request=SimpleNamespace(
                    invocation_id=invocation_id or str(uuid.uuid4()),
                    function_id=function.id,
                    input_data=[ParameterBinding(name, data) for name, data in call.inputs.items()],
                    trigger_metadata=dict(call.metadata),
                    trace_context=SimpleNamespace(
                        trace_parent=call.trace_parent, trace_state="", attributes={}
                    ),
                    retry_context=SimpleNamespace(
                        retry_count=call.retry_count, max_retry_count=call.max_retry_count, exception=None
                    ),
                )
            )
        )
    )
    if answer.result.status != protos.StatusResult.Success:
        problem = answer.result.exception
        raise FunctionFailed(problem.message, problem.stack_trace or "")
    return Outcome(answer.return_value, {out.name: out.data for out in answer.output_data})


def stop_threads() -> None:
    """Let the pool of synchronous functions go without waiting for what still runs in it."""
    pool: ThreadPoolExecutor | None = runtime.get_threadpool_executor()
    if pool is not None:
        pool.shutdown(wait=False, cancel_futures=True)
