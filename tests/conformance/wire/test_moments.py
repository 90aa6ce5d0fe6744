"""Requests of several threads are whole at the same moment; nobody waits for who does not come."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.wire.http import Exchange, HttpClient
from conformance.wire.moments import Moment, coinciding, with_others
from conformance.wire.pacing import Pace
from tests.conformance.conftest import answer

BODY = b'{"text": "at once"}'
LEAST_PATIENT = 3
"""Seconds for which the least patient servers wait for the rest of a request."""


class Backend:
    """Takes requests whose body is BODY, and knows which of them are whole."""

    def __init__(self) -> None:
        self.all_but_whole = threading.Semaphore(0)
        self.whole = 0

    def handle(self, connection: socket.socket) -> None:
        data = b""
        while not data.endswith(BODY[:-1]):
            data += connection.recv(1)
        self.all_but_whole.release()
        assert connection.recv(1) == BODY[-1:]
        self.whole += 1
        connection.sendall(answer(b"{}"))


def in_threads(*deeds: Callable[[], object], moment: Moment) -> list[object]:
    def one(deed: Callable[[], object]) -> object:
        with coinciding(moment):
            return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return [future.result(10) for future in [pool.submit(one, deed) for deed in deeds]]


def test_no_request_is_whole_before_all_are_all_but_whole(serve):
    backend = Backend()
    client = HttpClient(serve(backend.handle), Pace(), lambda exchange: None)

    def send() -> Exchange:
        return client.send("POST", "/", body=BODY)

    def send_last() -> tuple[int, Exchange]:
        for _ in range(2):
            assert backend.all_but_whole.acquire(timeout=5)
        return backend.whole, send()

    try:
        first, second, (whole, third) = in_threads(send, send, send_last, moment=Moment(3))
    finally:
        client.close()
    assert whole == 0
    assert [each.status for each in (first, second, third)] == [200, 200, 200]


def test_who_ends_without_a_last_byte_lets_the_others_go_on(serve):
    backend = Backend()
    client = HttpClient(serve(backend.handle), Pace(), lambda exchange: None)
    began = time.monotonic()
    try:
        sent, _ = in_threads(
            lambda: client.send("POST", "/", body=BODY),
            lambda: backend.all_but_whole.acquire(timeout=5),
            moment=Moment(2),
        )
    finally:
        client.close()
    assert sent.status == 200
    assert time.monotonic() - began < 4


def test_a_request_is_soon_whole_where_the_next_can_only_begin_after_it(serve):
    backend = Backend()
    client = HttpClient(serve(backend.handle), Pace(), lambda exchange: None)
    answered = threading.Event()

    def send() -> Exchange:
        exchange = client.send("POST", "/", body=BODY)
        answered.set()
        return exchange

    def send_next() -> Exchange:
        assert answered.wait(LEAST_PATIENT)
        return client.send("POST", "/", body=BODY)

    try:
        first, second = in_threads(send, send_next, moment=Moment(2))
    finally:
        client.close()
    assert [each.status for each in (first, second)] == [200, 200]


def test_one_that_fails_fails_alone_and_each_is_done_once():
    done = []

    def fail() -> None:
        raise KeyError("x")

    def failing() -> None:
        with pytest.raises(KeyError):
            with_others(fail)

    in_threads(failing, lambda: with_others(lambda: done.append("b")), moment=Moment(2))
    assert done == ["b"]


def test_only_the_first_waits():
    done = []

    def both() -> None:
        with_others(lambda: done.append("first"))
        with_others(lambda: done.append("second"))

    in_threads(both, with_others, moment=Moment(2))
    assert done == ["first", "second"]
