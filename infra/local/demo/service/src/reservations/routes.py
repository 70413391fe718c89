"""HTTP requests -> calls of the book. Pure: no sockets here."""

import json
from typing import Any

from reservations.book import Book
from reservations.model import Refused, Reservation

Answer = tuple[int, dict[str, Any]]


def handle(book: Book, method: str, path: str, body: bytes) -> Answer:
    if method == "GET" and path == "/health":
        return 200, {"status": "ok"}
    if method == "GET" and path.startswith("/free/"):
        return 200, {"tables": book.free(int(path.removeprefix("/free/")))}
    if method == "POST" and path == "/reservations":
        return _reserve(book, body)
    return 404, {"error": f"nothing at {path}"}


def _reserve(book: Book, body: bytes) -> Answer:
    try:
        wanted = json.loads(body)
        reservation = book.reserve(Reservation(wanted["table"], wanted["hour"], wanted["guest"]))
    except Refused as refused:
        return 409, {"error": str(refused)}
    except (ValueError, KeyError, TypeError):
        return 400, {"error": "table, hour and guest are needed"}
    return 201, {"table": reservation.table, "hour": reservation.hour}
