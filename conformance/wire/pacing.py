"""How long to wait: every deadline and settle time follows from the latency measured at the start.

Two kinds of waits stand here. *Deadlines* bound something that must come; they may be generous,
because they cost time only when a backend fails, and a deadline that is too short accuses falsely.
*Settle times* are waited out in full to see that nothing comes; they cost time on every pass, and
one that is too short misses a violation.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Self

LEAST_ANSWER = 10.0
"""Seconds any HTTP answer may take: a cold backend with a cold database, a garbage collection."""

LEAST_DELIVERY = 5.0
"""Seconds any event may take that has to come, whatever the latency."""

TAIL = 20.0
"""Deadlines grow by this many times the 95th percentile. A delivery is at least two passages of
the link and some database work; on a link of 100 ms +- 50 ms (p95 of a round trip about 0.28 s)
this adds more than five seconds."""

LEAST_SETTLE = 0.05
"""Seconds below which no settle time goes: the shortest turn of a busy event loop and of Nagle's
algorithm together with delayed acknowledgements (40 ms)."""

SETTLE_JITTERS = 6.0
"""A fence travels the same path as what it fences, so only jitter can let it overtake; a stray
event is waited for six times the distance between median and 95th percentile."""

BREATH_ROUNDS = 2.0
"""Decision D18: backends attach their event handlers a moment after `connect`, often behind a
database query. Two slow round trips cover that query and the passage of the first event."""

READY_AGAIN = 2.0
"""A connection gets so many times as long as one at worst lost its events."""

LEAST_THROTTLE = 60.0
"""Seconds that answers 429 may hold up one request altogether: one usual rate-limit window."""

FAREWELL = 2.0
"""Seconds a goodbye may take before the connection is cut: politeness has an end."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Measured latency of a backend, and the waits that follow from it. All times in seconds.

    `patience` stretches or shortens the deadlines (not the settle times), so that tests of the
    suite need not wait as long as a real backend may take.
    """

    median: float = 0.0
    p95: float = 0.0
    patience: float = 1.0
    readiness: float = 0.0
    """For how long new connections lost events where many came at once (D18)."""
    keeps_alive: bool = True
    """Whether the backend left connections open while it was measured, or said that it closes."""
    throttled_until: float = math.inf
    """Moment (`time.monotonic()`) after which no answer 429 is waited for: the end of the run."""

    def __post_init__(self) -> None:
        for name in ("median", "p95", "patience", "readiness"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} has to be a number of seconds from 0 up, not {value!r}")
        if self.patience == 0:
            raise ValueError("patience has to be more than 0, or nothing could ever be in time")

    @classmethod
    def measured(cls, samples: Iterable[float], *, patience: float = 1.0) -> Self:
        """The pace of a backend whose answers took `samples` seconds (at least one sample).

        Raises ValueError without samples.
        """
        times = sorted(samples)
        if not times:
            raise ValueError("the latency cannot be measured without a single answer")
        p95 = quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
        return cls(median=median(times), p95=p95, patience=patience)

    @property
    def jitter(self) -> float:
        """How much later than usual a slow answer comes."""
        return max(0.0, self.p95 - self.median)

    @property
    def answer(self) -> float:
        """Deadline for one whole HTTP exchange or one Socket.IO handshake."""
        return self.patience * (LEAST_ANSWER + TAIL * self.p95)

    @property
    def delivery(self) -> float:
        """Deadline for an event that has to come."""
        return self.patience * (LEAST_DELIVERY + TAIL * self.p95)

    @property
    def settle(self) -> float:
        """Time to wait behind a fence before nothing more is expected."""
        return max(LEAST_SETTLE, SETTLE_JITTERS * self.jitter)

    @property
    def breath(self) -> float:
        """Time a new connection gets before its first event (D18)."""
        return max(LEAST_SETTLE, BREATH_ROUNDS * self.p95, READY_AGAIN * self.readiness)

    @property
    def throttle(self) -> float:
        """Longest time that answers 429 may hold up one request that is sent now."""
        left = max(0.0, self.throttled_until - time.monotonic())
        return min(self.patience * LEAST_THROTTLE, left)

    @property
    def farewell(self) -> float:
        """Longest time that saying goodbye on a connection may take."""
        return self.patience * (FAREWELL + TAIL * self.p95)
