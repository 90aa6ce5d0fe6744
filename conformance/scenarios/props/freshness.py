"""Whether a message was created just now (D7)."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.judging.messages import member, moment
from conformance.wire.http import Exchange

TOLERANCE = 60.0
"""Seconds by which the server's clocks may disagree with each other and with ours."""

DAY = 24 * 3600.0
"""Seconds."""


def is_fresh(message: Any, answer: Exchange | None = None) -> bool:
    """Whether `createdAt` lies within the tolerance of now: by the answer's Date header where there
    is one, otherwise by the local clock.
    """
    created = moment(member(message, "createdAt"))
    return created is not None and abs(created - _now(answer)) <= TOLERANCE


def is_near(message: Any, time: str) -> bool:
    """Whether `createdAt` is this time, or at most a day away: then it is this time misread."""
    created, given = moment(member(message, "createdAt")), moment(time)
    return created is not None and given is not None and abs(created - given) <= DAY


def _now(answer: Exchange | None) -> float:
    if answer is not None:
        try:
            return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except ValueError:
            pass
    return time.time()
