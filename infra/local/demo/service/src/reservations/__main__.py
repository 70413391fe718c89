"""Serves until it is stopped."""

from reservations.book import Book
from reservations.server import serve
from reservations.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_environment()
    serve(Book(tables=settings.tables), settings.port)
