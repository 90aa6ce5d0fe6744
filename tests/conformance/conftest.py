"""Small servers that misbehave in one way each, for the tests of whole runs."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

Handle = Callable[[socket.socket], None]
"""What a server does with one connection; it is closed afterwards."""


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request with its body, or b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    length = next(lengths, 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


def answer(body: bytes, status: str = "200 OK", media: str = "application/json") -> bytes:
    """An HTTP answer after which the connection stays open."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def answering(respond: Callable[[bytes], bytes]) -> Handle:
    """Answers every request with what `respond` makes of it."""

    def handle(connection: socket.socket) -> None:
        while request := read_request(connection):
            connection.sendall(respond(request))

    return handle


@pytest.fixture
def serve() -> Iterator[Callable[[Handle], str]]:
    """Starts a server on a free port of this machine and gives its URL; it ends with the test."""
    listeners: list[socket.socket] = []
    connections: set[socket.socket] = set()

    def start(handle: Handle) -> str:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, handle), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept(listener: socket.socket, handle: Handle) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.add(connection)
                threading.Thread(target=run, args=(connection, handle), daemon=True).start()

    def run(connection: socket.socket, handle: Handle) -> None:
        with suppress(OSError), connection:
            handle(connection)
        connections.discard(connection)

    yield start
    for one in (*listeners, *connections):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.fixture
def nothing_listens() -> str:
    """A URL of this machine at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as once:
        return f"http://127.0.0.1:{once.getsockname()[1]}"
