"""How late new connections are ready is measured, and nothing where they are."""

import threading
import time
from types import SimpleNamespace

import pytest

from conformance.stage.actor import Actor
from conformance.stage.readiness import readiness
from conformance.wire.sockets import NoAnswer, Throttled

PASSAGE = 0.005
"""Seconds an event is on its way."""


class Sockets:
    """Brings typing to whom it names, unless its connection is too young."""

    def __init__(self, deaf: float, passage: float = PASSAGE) -> None:
        self.deaf, self.passage = deaf, passage
        self.of: dict[str, Socket] = {}

    def connect(self, actor: Actor) -> "Socket":
        return self.of.setdefault(actor.id, Socket(self, actor.id))


class Socket:
    number = None

    def __init__(self, sockets: Sockets, id: str) -> None:
        self._sockets, self._id, self._since = sockets, id, time.monotonic()
        self._heard: list[tuple] = []
        self._changed = threading.Condition()

    def emit(self, event: str, body: dict) -> None:
        if time.monotonic() - self._since < self._sockets.deaf:
            return
        args = ({"senderId": self._id, "isTyping": event == "typing"},)
        if other := self._sockets.of.get(body["recipientId"]):
            threading.Timer(self._sockets.passage, other.hear, [args]).start()

    def hear(self, args: tuple) -> None:
        with self._changed:
            self._heard.append(args)
            self._changed.notify_all()

    def mark(self) -> int:
        return len(self._heard)

    def wait_for(self, event, where, *, within, since):
        looked_at = since

        def one() -> object:
            nonlocal looked_at
            while looked_at < len(self._heard):
                looked_at += 1
                if where(self._heard[looked_at - 1]):
                    return self._heard[looked_at - 1]
            return None

        with self._changed:
            return self._changed.wait_for(one, within)

    def close(self) -> None:
        pass


@pytest.fixture
def measured(stage, monkeypatch):
    def measure(deaf: float, passage: float = PASSAGE) -> float:
        sockets = Sockets(deaf, passage)
        monkeypatch.setattr(Actor, "connect", lambda actor: sockets.connect(actor))
        return readiness(stage.world)

    return measure


def test_connections_that_are_deaf_at_first_are_waited_for(measured):
    assert 0.1 <= measured(0.15) < 0.5


def test_connections_that_hear_at_once_cost_nothing(measured):
    assert measured(0.0) == 0.0


def test_events_that_are_late_are_not_lost(measured):
    assert measured(0.0, passage=0.15) == 0.0


def test_what_is_lost_is_told_from_what_is_late(measured):
    assert 0.1 <= measured(0.15, passage=0.15) < 0.5


def test_connections_that_never_hear_say_nothing(measured, monkeypatch):
    monkeypatch.setattr("conformance.stage.readiness.LONGEST", 0.1)
    assert measured(60.0) == 0.0


@pytest.mark.parametrize("obstacle", [NoAnswer("connect", 1.0), Throttled()])
def test_who_is_not_let_in_says_nothing(stage, monkeypatch, obstacle):
    def refuse(actor: Actor) -> SimpleNamespace:
        raise obstacle

    monkeypatch.setattr(Actor, "connect", refuse)
    assert readiness(stage.world) == 0.0
