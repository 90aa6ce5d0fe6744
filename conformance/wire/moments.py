"""What several threads do at the same moment, closer than they could start it.

Preparing a request takes a millisecond or more, and threads take turns at it; a race in a backend
may be open for less. So everything but the last byte goes ahead, and one thread sends the last
bytes of all, one after the other.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LONGEST = 1.0
"""Seconds to wait for others. A server that takes one TLS connection at a time shakes no hands with
the next before the request is whole, and backends cut off requests that stay incomplete for some
seconds.
"""


class Moment:
    """Where so many threads meet, each with something that is quickly done."""

    def __init__(self, parties: int) -> None:
        self._deeds: list[Callable[[], object]] = []
        self._barrier = threading.Barrier(parties, self._all)

    def _all(self) -> None:
        for deed in self._deeds:
            deed()

    def do(self, deed: Callable[[], object]) -> None:
        """Does it when all have come, and where one does not come. Raises what the deed raises."""
        once = _Once(deed)
        self._deeds.append(once)
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(LONGEST)
        once.result()

    def give_up(self) -> None:
        """Lets those go on who wait, and those who are still to come."""
        self._barrier.abort()


class _Once:
    """A deed that whoever comes first does, and only one of them."""

    def __init__(self, deed: Callable[[], object]) -> None:
        self._deed = deed
        self._lock = threading.Lock()
        self._done = False
        self._error: Exception | None = None

    def __call__(self) -> None:
        with self._lock:
            if not self._done:
                self._done = True
                try:
                    self._deed()
                except Exception as error:
                    self._error = error

    def result(self) -> None:
        self()
        if self._error is not None:
            raise self._error


class _Here(threading.local):
    moment: Moment | None = None


_here = _Here()


@contextmanager
def coinciding(moment: Moment) -> Iterator[None]:
    """The first thing of this thread in this block that has a last byte is done at that moment. A
    thread that leaves the block without having come to it lets all others go on.
    """
    _here.moment = moment
    try:
        yield
    finally:
        if _here.moment is not None:
            _here.moment.give_up()
        _here.moment = None


def awaited() -> bool:
    """Whether this thread has others to wait for."""
    return _here.moment is not None


def nothing() -> None:
    """For who comes to the moment only to do something right after it, which takes longer."""


def with_others(deed: Callable[[], object] = nothing) -> None:
    """Does it when all others have come as far; at once where there are none."""
    moment, _here.moment = _here.moment, None
    if moment is None:
        deed()
    else:
        moment.do(deed)
