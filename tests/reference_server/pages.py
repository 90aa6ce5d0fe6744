"""A page on a port of its own, as the development server of a frontend serves one."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).parents[1] / "clients/node_modules/socket.io-client/dist/socket.io.min.js"
PAGE = b"<!doctype html><title>A frontend</title><script src=socket.io.min.js></script>"


class _Page(http.server.SimpleHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        content, kind = self.server.page, "text/html"
        if self.path.startswith("/socket.io."):
            content, kind = CLIENT.with_name(self.path[1:]).read_bytes(), "text/javascript"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Tests are quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, page: bytes) -> None:
        self.page = page
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), _Page)


@contextmanager
def served(address: str = "127.0.0.1", page: bytes = PAGE) -> Iterator[int]:
    """Serve the page, with socket.io-client in it, while the context lasts; gives its port.

    Raises OSError for an address that this machine has not.
    """
    with _Server(address, page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
