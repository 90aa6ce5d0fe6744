"""Whether anybody stands behind the address of a backend, and whether nobody did for a while."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from conformance.evidence.steps import Step
from conformance.wire import deadlines
from conformance.wire.connections import CLOSED_BEFORE_AN_ANSWER
from conformance.wire.http import Exchange
from conformance.wire.pacing import Pace

NOT_YET = frozenset({502, 503, 504})
"""Statuses with which proxies answer for a backend that is not up."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a backend does not answer."""

    words: str
    is_absence: bool
    """Whether nobody is there, rather than somebody who is slow."""


def problem(url: str, pace: Pace, ask: Callable[[], Exchange]) -> Problem | None:
    """Why the backend does not answer; None while it does. `ask` reads something on it."""
    if (refused := refusal(url, pace)) is not None:
        return refused
    answer = ask()
    if answer.status in NOT_YET:
        return Problem(f"a proxy answers {answer.status} in its place", is_absence=True)
    if answer.error:
        # What a proxy of TCP connections does where nobody stands behind it.
        return Problem(answer.error, is_absence=answer.error in CLOSED_BEFORE_AN_ANSWER)
    return None


def refusal(url: str, pace: Pace) -> Problem | None:
    """Why a new TCP connection cannot be had. An old one says nothing about the listener."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with deadlines.within(pace.answer):
            deadlines.dial(parts.hostname or "", port, tls=False).close()
    except ConnectionRefusedError:
        return Problem("connection refused", is_absence=True)
    except OSError as error:
        return Problem(str(error), is_absence=False)
    return None


@dataclass(frozen=True, slots=True)
class Away:
    """A time at which nobody stood behind the address."""

    words: str
    before: Sequence[Step]
    """What was sent just before."""
    at: float
    """When it was seen, in seconds since the epoch."""


class Lookout:
    """Remembers that the backend was away, until somebody deals with it. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Away | None = None

    @property
    def saw(self) -> bool:
        """Whether it was away."""
        return self._seen is not None

    def look(self, problem: Callable[[], Problem | None], steps: Sequence[Step]) -> bool:
        """Whether the backend is away, or was already."""
        with self._lock:  # one look for all whom its end has struck
            if self._seen is None:
                found = problem()
                if found is not None and found.is_absence:
                    self._seen = Away(found.words, steps, time.time())
            return self._seen is not None

    def note(self, away: Away) -> None:
        """Remembers what somebody else has seen."""
        with self._lock:
            self._seen = self._seen or away

    def take(self, since: float = 0.0) -> Away | None:
        """What was seen since the last time, and not before this moment, in seconds since the
        epoch: who plays elsewhere may tell late of an absence that is dealt with.
        """
        with self._lock:
            seen, self._seen = self._seen, None
            return None if seen is None or seen.at < since else seen
