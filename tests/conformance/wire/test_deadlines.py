"""One deadline bounds a whole exchange, dialling included."""

import socket
import time

import pytest

from conformance.wire import deadlines
from conformance.wire.http import HttpClient
from conformance.wire.pacing import Pace


@pytest.fixture
def unanswered():
    """A port of this machine whose queue of new connections is full: connecting takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.fixture
def many_addresses(monkeypatch, unanswered):
    def resolve(host, port, *args, **kwargs):
        one = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unanswered))
        return [one] * 5

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_all_addresses_of_a_host_share_one_deadline(many_addresses):
    before = time.monotonic()
    with pytest.raises(TimeoutError), deadlines.within(0.3):
        deadlines.dial("many.example", 1, tls=False)
    assert 0.2 < time.monotonic() - before < 0.9


def test_a_request_to_a_host_of_many_addresses_ends_at_the_deadline(many_addresses):
    http = HttpClient("http://many.example", Pace(patience=0.03), lambda exchange: None)
    before = time.monotonic()
    exchange = http.send("GET", "/")
    http.close()
    assert exchange.error == "no answer within 0.3 s"
    assert time.monotonic() - before < 0.9


def test_an_address_where_nobody_listens_is_followed_by_the_next(monkeypatch, nothing_listens):
    nobody = int(nothing_listens.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports = [nobody, listener.getsockname()[1]]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one)) for one in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        with deadlines.within(2), deadlines.dial("two.example", 1, tls=False) as sock:
            assert sock.getpeername()[1] == ports[1]
