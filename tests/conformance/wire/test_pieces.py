"""A body comes in two pieces, and something happens in between; the one after it comes whole."""

import socket
import threading

from conformance.wire.http import Exchange, HttpClient
from conformance.wire.pacing import Pace
from conformance.wire.pieces import in_two
from tests.conformance.conftest import answer

BODY = "né".encode()


class Backend:
    """Answers when it has BODY, and knows what has come of it so far."""

    def __init__(self) -> None:
        self.body = b""
        self.first = threading.Event()

    def handle(self, connection: socket.socket) -> None:
        data = b""
        while not data.endswith(BODY):
            data += connection.recv(999)
            self.body = data.partition(b"\r\n\r\n")[2]
            if self.body == BODY[:2]:
                self.first.set()
        connection.sendall(answer(b"{}"))


def test_the_rest_of_a_body_follows_after_what_is_done_in_between(serve):
    backend, came, exchanges = Backend(), [], list[Exchange]()
    client = HttpClient(serve(backend.handle), Pace(), exchanges.append)

    def between() -> None:
        assert backend.first.wait(5)
        came.append(backend.body)

    try:
        with in_two(2, between):
            client.send("POST", "/", body=BODY)
            client.send("POST", "/", body=BODY)
    finally:
        client.close()
    assert came == [BODY[:2]]
    assert [(each.status, each.cut) for each in exchanges] == [(200, 2), (200, 0)]
