"""Refusals in the distribution specification's form."""

from __future__ import annotations

from typing import Any

from infra.local.emulation.refusal import Refusal, Refusals


class OciError(Refusal):
    """An HTTP status and one coded error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.detail = detail

    def body(self) -> dict[str, Any]:
        return {"errors": [{"code": self.code, "message": self.message, "detail": self.detail}]}


def unauthorized() -> OciError:
    return OciError(
        401,
        "UNAUTHORIZED",
        "authentication required",
        headers={"WWW-Authenticate": 'Basic realm="container registry"'},
    )


def throttled(retry_after: float) -> OciError:
    return OciError(429, "TOOMANYREQUESTS", "too many requests", headers={"Retry-After": f"{retry_after:g}"})


def unavailable(retry_after: float) -> OciError:
    return OciError(503, "UNAVAILABLE", "service unavailable", headers={"Retry-After": f"{retry_after:g}"})


def broken() -> OciError:
    return OciError(500, "UNKNOWN", "unknown error")


def invalid(message: str) -> OciError:
    return OciError(400, "INVALID", message)


REFUSALS = Refusals(invalid, throttled, unavailable, broken)


def unsupported(message: str, status: int = 405) -> OciError:
    return OciError(status, "UNSUPPORTED", message)


def name_invalid(name: str) -> OciError:
    return OciError(400, "NAME_INVALID", "invalid repository name", detail={"name": name})


def name_unknown(name: str) -> OciError:
    return OciError(404, "NAME_UNKNOWN", "repository name not known to registry", detail={"name": name})


def tag_invalid(tag: str) -> OciError:
    return OciError(400, "TAG_INVALID", "manifest tag did not match the grammar", detail={"tag": tag})


def digest_invalid(digest: str, message: str = "provided digest is not valid") -> OciError:
    return OciError(400, "DIGEST_INVALID", message, detail={"digest": digest})


def blob_unknown(digest: str) -> OciError:
    return OciError(404, "BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})


def upload_unknown(upload: str) -> OciError:
    return OciError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", detail={"upload": upload})


def upload_invalid(message: str, status: int = 400, headers: dict[str, str] | None = None) -> OciError:
    return OciError(status, "BLOB_UPLOAD_INVALID", message, headers=headers)


def manifest_unknown(reference: str) -> OciError:
    return OciError(404, "MANIFEST_UNKNOWN", "manifest unknown", detail={"reference": reference})


def manifest_invalid(message: str) -> OciError:
    return OciError(400, "MANIFEST_INVALID", message)


def manifest_blob_unknown(digests: list[str]) -> OciError:
    return OciError(
        400,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
        detail={"digests": digests},
    )


def size_invalid(message: str, status: int = 400) -> OciError:
    return OciError(status, "SIZE_INVALID", message)


def page_invalid(value: str) -> OciError:
    return OciError(400, "PAGINATION_NUMBER_INVALID", "invalid number of results", detail={"n": value})
