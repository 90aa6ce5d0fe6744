"""How many requests and events a user may send."""

import math
import re
import time
from collections.abc import Callable

from reference_server.errors import StartError, TooMany

_FORM = re.compile(r"([1-9][0-9]{0,5})/(s|min)")
_SECONDS = {"s": 1, "min": 60}


class RateLimit:
    """A bucket per user that holds `most` and is filled again in `seconds`, evenly.

    Each request with a valid token and each event takes one. Users are those of the directory, so
    the buckets are bounded in number.
    """

    def __init__(
        self, most: int, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._rate = most / seconds
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}
        """By user: what was left, and when."""

    @classmethod
    def of(cls, text: str) -> "RateLimit":
        """The limit that an option names: `20/s`, `300/min`. Raises StartError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise StartError(
                f"--rate-limit {text} is no rate; it is a number of requests and events that a user"
                " may send in a second or a minute, such as 20/s or 300/min."
            )
        return cls(int(found[1]), _SECONDS[found[2]])

    def take(self, user_id: str) -> None:
        """Count one. Raises TooMany, which says when to try again, for one too many."""
        now = self._now()
        left, when = self._buckets.get(user_id, (float(self._most), now))
        left = min(self._most, left + (now - when) * self._rate)
        if left < 1:
            self._buckets[user_id] = left, now
            wait = math.ceil((1 - left) / self._rate)
            raise TooMany(
                f"You send more than this server allows; try again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )
        self._buckets[user_id] = left - 1, now
