"""What was done to a backend last, by whomever: among it is what it died of, should it die."""

import threading
from collections import deque
from collections.abc import Iterator

from conformance.evidence.steps import Step
from conformance.wire.connections import NOBODY_LISTENS

LONGEST = 24
"""Steps that are kept."""
MOST_VICTIMS = 2
"""Requests without an answer, one after the other, that are kept: what came after a death must not
crowd out what caused it."""


class Trail:
    """The last steps of all who play. Safe from any thread."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=LONGEST)
        self._reachable = True
        self._unanswered = 0
        self._lock = threading.Lock()

    def add(self, step: Step, *, dead: bool = False) -> None:
        """Keeps a step, unless the backend was dead before it, as somebody may have seen."""
        with self._lock:
            reached = self._reachable
            if step.exchange is not None:
                self._reachable = step.exchange.error != NOBODY_LISTENS and not dead
                # One that nobody took when it was sent again had been taken the first time.
                reached = self._reachable or (reached and step.exchange.repeated)
                unanswered = step.exchange.status is None
                self._unanswered = self._unanswered + 1 if unanswered else 0
            if reached and self._unanswered <= MOST_VICTIMS:
                self._steps.append(step)

    def begin(self) -> None:
        """Forgets all of it: the backend has a new life."""
        with self._lock:
            self._steps.clear()
            self._reachable, self._unanswered = True, 0

    def __iter__(self) -> Iterator[Step]:
        with self._lock:
            return iter(tuple(self._steps))
