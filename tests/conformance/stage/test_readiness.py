"""How late new connections are ready is measured, and nothing where they are."""

import threading
import time
from types import SimpleNamespace

import pytest

from conformance.stage.actor import Actor
from conformance.stage.readiness import readiness
from conformance.wire.sockets import NoAnswer

PASSAGE = 0.005
"""Seconds an event is on its way."""


class Sockets:
    """Brings typing to whom it names, unless its connection is too young."""

    def __init__(self, deaf: float) -> None:
        self.deaf = deaf
        self.of: dict[str, Socket] = {}

    def connect(self, actor: Actor) -> "Socket":
        return self.of.setdefault(actor.id, Socket(self, actor.id))


class Socket:
    def __init__(self, sockets: Sockets, id: str) -> None:
        self._sockets, self._id, self._since = sockets, id, time.monotonic()
        self._heard: list[tuple] = []
        self._changed = threading.Condition()

    def emit(self, event: str, body: dict) -> None:
        if time.monotonic() - self._since < self._sockets.deaf:
            return
        time.sleep(PASSAGE)
        other = self._sockets.of.get(body["recipientId"])
        if other is not None:
            with other._changed:
                other._heard.append(({"senderId": self._id, "isTyping": event == "typing"},))
                other._changed.notify_all()

    def mark(self) -> int:
        return len(self._heard)

    def wait_for(self, event, where, *, within, since):
        def one() -> object:
            return next((args for args in self._heard[since:] if where(args)), None)

        with self._changed:
            return self._changed.wait_for(one, within)

    def close(self) -> None:
        pass


@pytest.fixture
def measured(stage, monkeypatch):
    def measure(deaf: float) -> float:
        sockets = Sockets(deaf)
        monkeypatch.setattr(Actor, "connect", lambda actor: sockets.connect(actor))
        return readiness(stage.world)

    return measure


def test_connections_that_are_deaf_at_first_are_waited_for(measured):
    assert 0.1 <= measured(0.15) < 0.5


def test_connections_that_hear_at_once_cost_nothing(measured):
    assert measured(0.0) < 0.05


def test_connections_that_never_hear_say_nothing(measured, monkeypatch):
    monkeypatch.setattr("conformance.stage.readiness.LONGEST", 0.1)
    assert measured(60.0) == 0.0


def test_who_is_not_let_in_says_nothing(stage, monkeypatch):
    def refuse(actor: Actor) -> SimpleNamespace:
        raise NoAnswer("connect", 1.0)

    monkeypatch.setattr(Actor, "connect", refuse)
    assert readiness(stage.world) == 0.0
