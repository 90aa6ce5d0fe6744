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
        # The connection stays open for the next request: one that is closed without a word may be
        # closed just when that is on its way.
        data = b""
        while piece := connection.recv(999):
            data += piece
            self.body = data.partition(b"\r\n\r\n")[2]
            if self.body == BODY[:2]:
                self.first.set()
            if self.body == BODY:
                connection.sendall(answer(b"{}"))
                data = b""


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
