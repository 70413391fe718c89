import unittest

from reservations.book import Book
from reservations.model import Refused, Reservation


class BookTest(unittest.TestCase):
    def test_a_reserved_table_is_no_longer_free(self) -> None:
        book = Book(tables=2)
        book.reserve(Reservation(1, 19, "Ada"))
        self.assertEqual(book.free(19), [2])

    def test_a_taken_table_is_refused(self) -> None:
        book = Book(tables=2)
        book.reserve(Reservation(1, 19, "Ada"))
        with self.assertRaisesRegex(Refused, "table 1 is taken at 19"):
            book.reserve(Reservation(1, 19, "Grace"))
