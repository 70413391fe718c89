"""The HTTP server around the routes."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reservations.book import Book
from reservations.routes import handle


def serve(book: Book, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, answer = handle(book, self.command, self.path, self.rfile.read(length))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

    ThreadingHTTPServer(("", port), Handler).serve_forever()
