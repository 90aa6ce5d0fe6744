"""A request whose body comes in two pieces, as it does over a slow link or where it is long.

TCP promises bytes, not pieces: what a backend makes of a body must not depend on where it was cut.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a body is cut, in bytes, and what is done before the rest follows."""

    at: int
    between: Callable[[], object]


class _Here(threading.local):
    cut: Cut | None = None


_here = _Here()


@contextmanager
def in_two(at: int, between: Callable[[], object]) -> Iterator[None]:
    """The first body that this thread sends in this block goes out in two pieces.

    `between` is done when the first `at` bytes have left; it may send requests of its own, but in
    another thread.
    """
    _here.cut = Cut(at, between)
    try:
        yield
    finally:
        _here.cut = None


def taken() -> Cut | None:
    """The cut that the body of this thread's request has to get; none for the one after it."""
    cut, _here.cut = _here.cut, None
    return cut
