"""The message types that the worker library expects from its host, duck-typed: no protobuf needed.

The library receives this module whole and looks the names up on it, so the names are the wire's.
"""

from enum import IntEnum
from typing import Any


class _Fields:
    """A message whose fields are whatever the library passes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        # Unset fields of a real message read as empty; an absent one here would be an AttributeError.
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__})"


class WorkerInitResponse(_Fields): ...


class FunctionMetadataResponse(_Fields): ...


class FunctionLoadResponse(_Fields): ...


class FunctionEnvironmentReloadResponse(_Fields): ...


class InvocationResponse(_Fields): ...


class WorkerMetadata(_Fields): ...


class RpcFunctionMetadata(_Fields): ...


class RpcRetryOptions(_Fields): ...


class RpcException(_Fields): ...


class RpcHttp(_Fields): ...


class NullableString(_Fields): ...


class NullableBool(_Fields): ...


class NullableDouble(_Fields): ...


class NullableTimestamp(_Fields): ...


class Timestamp(_Fields): ...


class StatusResult(_Fields):
    Failure = 0
    Success = 1


class BindingInfo(_Fields):
    undefined = 0
    out = 1
    inout = 2


setattr(BindingInfo, "in", 0)  # a keyword: it can't be written as an attribute


class RpcHttpCookie(_Fields):
    class SameSite(IntEnum):
        Unset = 0
        Lax = 1
        Strict = 2
        ExplicitNone = 3


setattr(RpcHttpCookie.SameSite, "None", RpcHttpCookie.SameSite.Unset)


class Collection(_Fields):
    """Many values of one kind: `bytes` or `string`."""


class TypedData:
    """One value under one kind: `http`, `string`, `bytes`, `json`, `collection_bytes`...; none is null."""

    __slots__ = ("kind", "value")

    def __init__(self, **one: Any) -> None:
        self.kind: str | None = None
        self.value: Any = None
        for self.kind, self.value in one.items():
            pass

    def WhichOneof(self, _group: str) -> str | None:
        return self.kind

    def __getattr__(self, name: str) -> Any:
        if name == self.kind:
            return self.value
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"TypedData({self.kind}={self.value!r})"


class ParameterBinding:
    """A named value, going in or coming out."""

    def __init__(self, name: str, data: TypedData | None) -> None:
        self.name = name
        self.data = data

    def WhichOneof(self, _group: str) -> str:
        return "data"


NULL = TypedData()
