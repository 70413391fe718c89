"""What the storage SDK raises, told apart: away, refused, or already there. Imports no SDK: cold start."""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.kernel.errors import Unavailable

_BUSY = (408, 429)
_NO_ACCESS = (401, 403)
_NETWORK = ("azure.core", "http.client", "aiohttp")


class DamagedClaim(Unavailable):
    """A blob that a row refers to is missing or is not what was written."""


def status_of(error: BaseException) -> int | None:
    """HTTP status of an answer; None where there was none."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def code_of(error: BaseException) -> str:
    """The service's own error code, as `TableNotFound`."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def is_definite(error: BaseException) -> bool:
    """The service has looked at the request and refused it: nothing of it was, or will be, written."""
    status = status_of(error)
    return status is not None and 400 <= status < 500 and status not in _BUSY


def unavailable(dependency: str, error: BaseException) -> Unavailable | None:
    """The error as `Unavailable`; None where it is a bug of ours and retrying is no use."""
    # By module, because importing them for their classes would cost every cold start.
    from_network = any(base.__module__.startswith(_NETWORK) for base in type(error).__mro__)
    if not from_network and not isinstance(error, OSError | TimeoutError):
        return None
    if is_definite(error) and status_of(error) not in _NO_ACCESS:
        return None
    reason = code_of(error) or str(error).partition("\n")[0] or type(error).__name__
    return Unavailable(dependency, reason, _retry_after(error))


@contextmanager
def translated(dependency: str) -> Iterator[None]:
    """Technical errors become `Unavailable`; everything else passes."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if (away := unavailable(dependency, error)) is not None:
            raise away from error
        raise


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    try:
        return None if headers is None else float(headers["Retry-After"])
    except (KeyError, ValueError, TypeError):
        return None
