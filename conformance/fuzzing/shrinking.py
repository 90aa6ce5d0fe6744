"""Make a failing value small: the same failure with less to read.

Hypothesis shrinks what it draws, but stops drawing at its first failure, and cannot shrink cases
that it did not draw. The fuzzing wants several failures of one operation, and most come from the
coverage phase. So it lets every case run, keeps the first one of each failure, and makes that
smaller here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from conformance.fuzzing.stimulus import spelt


def shrink(value: object, fails: Callable[[object], bool], until: Callable[[], bool]) -> object:
    """The smallest value found that still `fails`, at worst `value` itself.

    `fails` is asked about candidates only, never about `value`. `until` returns True when time is
    up. Each accepted candidate is smaller than the last, so this ends.
    """
    current = value
    found = True
    while found:
        found = False
        for candidate in _smaller(current):
            if until():
                return current
            if _weight(candidate) < _weight(current) and fails(candidate):
                current, found = candidate, True
                break
    return current


def _weight(value: object) -> tuple[int, int]:
    text = spelt(value)
    # Of two texts of the same length the one with more digits zero reads simpler.
    return len(text), sum(character not in "0 a" for character in text)


def _smaller(value: Any) -> Iterator[object]:
    """Simpler neighbours of `value`, the boldest first."""
    match value:
        case dict():
            yield from _without_some(list(value), lambda keys: {key: value[key] for key in keys})
            for key, inner in value.items():
                for candidate in _smaller(inner):
                    yield {**value, key: candidate}
        case list():
            yield from _without_some(value, list)
            for index, inner in enumerate(value):
                for candidate in _smaller(inner):
                    yield [*value[:index], candidate, *value[index + 1 :]]
        case str() | bytes():
            if len(value) > 1:
                yield value[:0]
                yield value[: len(value) // 2]
                yield value[len(value) // 2 :]
                yield value[:-1]
                yield value[1:]
            if isinstance(value, str):
                yield "a"
        case bool() | None:
            return
        case int() | float():
            yield 0
            yield 1


def _without_some(items: list[Any], build: Callable[[list[Any]], object]) -> Iterator[object]:
    if not items:
        return
    yield build([])
    if len(items) > 3:
        half = len(items) // 2
        yield build(items[:half])
        yield build(items[half:])
    if len(items) > 1:
        for index in range(len(items)):
            yield build(items[:index] + items[index + 1 :])
