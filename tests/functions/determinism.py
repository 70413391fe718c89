"""What an orchestrator may not do, for its replay must ask for the same again: found in its syntax tree.

A module that defines orchestrators is looked at as a whole. Elsewhere in functions/ it is the functions that
an orchestrator leads to, call by call.
"""

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeAliasType

import azure.durable_functions as df

from domain.kernel.context import snake
from functions.orchestrations import orchestrates

PACKAGE = "functions"

IMPORTS = frozenset({"collections.abc", "datetime", "typing", "functions.orchestrations"})
"""What a module of orchestrators may import."""

# Pure functions from elsewhere, and what makes the blueprint once, when the module is imported.
_CALLABLE = (snake, orchestrates)
_CONSTANT = (str, int, float, bool, bytes, type(None), timedelta, date, datetime, df.RetryOptions)
_CLOCKS = frozenset({"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"})
_BUILTINS = frozenset(
    ("open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "globals", "vars")
) | {"id", "hash", "set", "frozenset"}
_ASYNC = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MISSING = object()


@dataclass(frozen=True)
class Module:
    """A module with its source: what its names stand for is looked up where it was imported."""

    module: ModuleType

    @cached_property
    def tree(self) -> ast.Module:
        assert self.module.__file__ is not None
        return ast.parse(Path(self.module.__file__).read_text("utf-8"))

    def function(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
        """Of the module itself; one within another is looked at with that one."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return next(node for node in self.tree.body if isinstance(node, kinds) and node.name == name)

    def problem(self, node: ast.AST, text: str) -> str:
        return f"{self.module.__name__}:{getattr(node, 'lineno', 0)}: {text}"


def problems(orchestrator: Callable[..., Any]) -> list[str]:
    """Everything in its module and in what it calls; empty if it may be replayed."""
    module = Module(sys.modules[orchestrator.__module__])
    found = [*_in_module(module)]
    waiting, seen = [orchestrator], {orchestrator}
    while waiting:
        function = waiting.pop()
        home = Module(sys.modules[function.__module__])
        node = home.function(function.__name__)
        found += _in_syntax(home, node)
        for called in _names(home, node, found):
            if called not in seen:
                seen.add(called)
                waiting.append(called)
    return sorted(set(found))


def _in_module(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            for name in names:
                if name not in IMPORTS:
                    yield module.problem(node, f"imports {name}")
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, _MUTABLE):
            yield module.problem(node, "state that outlives a replay")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _in_syntax(module, node)


def _in_syntax(module: Module, root: ast.AST) -> Iterator[str]:
    """What is wrong whatever the names in it stand for."""
    for node in ast.walk(root):
        if isinstance(node, _ASYNC) or (isinstance(node, ast.comprehension) and node.is_async):
            yield module.problem(node, "is asynchronous: only the framework may wait")
        if isinstance(node, ast.Set | ast.SetComp):
            yield module.problem(node, "a set: its order is another one in the next process")
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield module.problem(node, "state that outlives a replay")
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield module.problem(node, "imports on its way")
        if isinstance(node, ast.Attribute) and node.attr in _CLOCKS:
            yield module.problem(node, f"reads a clock: {node.attr}")
        if isinstance(node, ast.arguments):
            defaults = [*node.defaults, *(one for one in node.kw_defaults if one is not None)]
            if any(isinstance(one, (*_MUTABLE, ast.Call)) for one in defaults):
                yield module.problem(root, "state that outlives a replay: a default")


def _names(module: Module, root: ast.AST, found: list[str]) -> Iterator[FunctionType]:
    """Functions of the package that a function leads to; adds to `found` what else its names lead to."""
    local = _bound(root)
    annotations = {id(below) for one in _annotations(root) for below in ast.walk(one)}
    for node in ast.walk(root):
        if not isinstance(node, ast.Name) or node.id in local or id(node) in annotations:
            continue
        value = getattr(module.module, node.id, _MISSING)
        if value is _MISSING:
            if node.id in _BUILTINS or not hasattr(builtins, node.id):
                found.append(module.problem(node, f"calls {node.id}"))
        elif isinstance(value, FunctionType) and _home(value).startswith(f"{PACKAGE}."):
            yield value
        elif not _is_harmless(value):
            found.append(
                module.problem(node, f"leads to {node.id}, which is no constant and not looked into")
            )


def _is_harmless(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_harmless(each) for each in value)
    if isinstance(value, type):
        return value in (datetime, date, timedelta) or _home(value) in ("builtins", "typing")
    return value in _CALLABLE if callable(value) else isinstance(value, (*_CONSTANT, TypeAliasType))


def _home(value: object) -> str:
    return str(getattr(value, "__module__", None))


def _bound(root: ast.AST) -> set[str]:
    """Names that are the function's own."""
    bound = {node.arg for node in ast.walk(root) if isinstance(node, ast.arg)}
    bound |= {n.id for n in ast.walk(root) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    bound |= {n.name for n in ast.walk(root) if isinstance(n, ast.ExceptHandler) and n.name}
    within = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return bound | {node.name for node in ast.walk(root) if isinstance(node, within) and node is not root}


def _annotations(root: ast.AST) -> Iterator[ast.expr]:
    """Types, which nothing comes of when it runs."""
    for node in ast.walk(root):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns
