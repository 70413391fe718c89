"""The first part of a multipart body, byte for byte."""

from __future__ import annotations

from email.message import Message

from infra.local.azure_devops.errors import ApiError, invalid_argument


def first_part(content_type: str, body: bytes) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        raise ApiError(415, "UnsupportedMediaTypeException", "A package is published as multipart/form-data.")
    # The line break before a delimiter belongs to it; the first delimiter may begin the body.
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    _, opening, rest = (b"\r\n" + body).partition(delimiter + b"\r\n")
    part, closing, _ = rest.partition(delimiter)
    if not opening or not closing:
        raise invalid_argument("The multipart body has no complete part.")
    _, _, content = (b"\r\n" + part).partition(b"\r\n\r\n")
    return content
