"""Which connections there are: who has to be there again where an event is to be seen again."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from conformance.evidence.leading import causing
from conformance.evidence.steps import Step
from conformance.wire.sockets import Connection

_NUMBERS = count(1)
RECENT = 10.0
"""Seconds for which the opening of a connection that has ended is kept at least."""


class Attendance:
    """The openings of the connections of a run. Safe from any thread."""

    def __init__(self) -> None:
        self._openings: dict[int, Step] = {}
        self._connections: dict[int, Connection] = {}
        self._lock = threading.Lock()

    @staticmethod
    def number() -> int:
        """A number that no other connection has."""
        return next(_NUMBERS)

    def note(self, step: Step) -> None:
        """Keeps the opening of a connection: as long as it is open, and at least until the same
        user opens another one, later than `RECENT`.
        """
        if step.kind != "connect" or step.connection is None:
            return
        with self._lock:
            gone = [
                number
                for number, opening in self._openings.items()
                if opening.actor == step.actor
                and ((known := self._connections.get(number)) is None or known.closed)
                and opening.at is not None
                and step.at is not None
                and step.at - opening.at > RECENT
            ]
            for number in gone:
                del self._openings[number]
                self._connections.pop(number, None)
            self._openings[step.connection] = step

    def stay(self, connection: Connection) -> None:
        """Notes that a connection has been opened."""
        if connection.number is not None:
            with self._lock:
                self._connections[connection.number] = connection

    def leading_to(self, came: Step, user: str | None, steps: Sequence[Step]) -> Sequence[Step]:
        """What led to an event, among the last `steps` and the connections there are, with the
        event; `user` is as in `causing`. The event alone where that is not known.
        """
        with self._lock:
            openings = dict(self._openings)
        known = [step for step in steps if step.kind != "connect" or step.connection is None]
        causes = causing([*known, *openings.values()], came, user)
        if not causes:
            return [came]
        there = {it.connection: it for it in causes if it.kind == "connect"}
        for number in (came.connection, causes[0].connection):
            if number is not None and number in openings:
                there[number] = openings[number]
        rest = [it if it.at else replace(it, at=came.at) for it in causes if it.kind != "connect"]
        return [*sorted(there.values(), key=lambda it: it.at or 0.0), *rest, came]
