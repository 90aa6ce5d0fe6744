"""The time of the server: one clock that everything in it reads, and that can be steered."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # tokens made then still end before the calendar does


@dataclass(frozen=True, slots=True)
class Hands:
    """How a clock differs from the system's."""

    ahead: float = 0.0
    """Seconds that it is ahead of the system's clock."""
    stands_at: float | None = None
    """Seconds since the epoch at which it stands still, None while it runs."""


class Clock:
    """The system's clock, until it is steered.

    What `now` says never goes back by itself: a system clock that is set back does not put new
    messages before older ones. Steering may put it back.
    """

    def __init__(self) -> None:
        self._hands = Hands()
        self._latest = EARLIEST

    def time(self) -> float:
        """The time in seconds since the epoch."""
        stands_at = self._hands.stands_at
        return time.time() + self._hands.ahead if stands_at is None else stands_at

    def now(self) -> datetime:
        """The time in UTC, in whole milliseconds as MongoDB keeps it."""
        now = datetime.fromtimestamp(self.time(), UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._latest = now = max(now, self._latest)
        return now

    @property
    def hands(self) -> Hands:
        """How it differs from the system's clock. Setting it steers the clock."""
        return self._hands

    @hands.setter
    def hands(self, hands: Hands) -> None:
        self._hands = hands
        self._latest = EARLIEST

    def set(self, moment: datetime) -> None:
        """Put the clock to a moment, from which it runs on, or at which it stands if it did.

        Raises ValueError for a moment before 1970 or after the year 9000.
        """
        if not EARLIEST <= moment <= LATEST:
            raise ValueError("the clock goes from 1970 to 9000")
        seconds = moment.timestamp()
        if self._hands.stands_at is None:
            self.hands = Hands(ahead=seconds - time.time())
        else:
            self.hands = replace(self._hands, stands_at=seconds)

    def step(self, seconds: float) -> None:
        """Put the clock forward, or back where `seconds` is negative. Raises ValueError as `set`
        does.
        """
        if not EARLIEST.timestamp() <= (target := self.time() + seconds) <= LATEST.timestamp():
            raise ValueError("the clock goes from 1970 to 9000")
        self.set(datetime.fromtimestamp(target, UTC))

    def freeze(self) -> None:
        """Let the clock stand still."""
        self.hands = Hands(stands_at=self.time())

    def thaw(self) -> None:
        """Let a clock that stands still run on from there."""
        if self._hands.stands_at is not None:
            self.hands = Hands(ahead=self._hands.stands_at - time.time())

    def follow(self) -> None:
        """Follow the system's clock again."""
        self.hands = Hands()
