"""Time that is handed out in shares, so that the last of several jobs is not left without."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budget:
    """A number of seconds, counted from when it was made."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    end: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "end", self.clock() + self.seconds)

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.end - self.clock())

    @property
    def spent(self) -> bool:
        """Whether the time is over."""
        return self.clock() >= self.end

    def at_most(self, seconds: float) -> Self:
        """A part of what is left, `seconds` at most."""
        return type(self)(min(seconds, self.left), self.clock)

    def shared(self, jobs: Iterable[T]) -> Iterator[tuple[T, Self]]:
        """Each job with an equal share of what is left when its turn comes."""
        waiting = list(jobs)
        for index, job in enumerate(waiting):
            yield job, self.at_most(self.left / (len(waiting) - index))
