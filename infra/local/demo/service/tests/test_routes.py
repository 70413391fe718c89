import json
import unittest

from reservations.book import Book
from reservations.routes import handle


class RoutesTest(unittest.TestCase):
    def test_a_reservation_is_created(self) -> None:
        body = json.dumps({"table": 1, "hour": 19, "guest": "Ada"}).encode()
        self.assertEqual(handle(Book(2), "POST", "/reservations", body)[0], 201)

    def test_a_body_that_lacks_a_field_is_refused(self) -> None:
        self.assertEqual(handle(Book(2), "POST", "/reservations", b"{}")[0], 400)

    def test_health_is_ok(self) -> None:
        self.assertEqual(handle(Book(2), "GET", "/health", b""), (200, {"status": "ok"}))
