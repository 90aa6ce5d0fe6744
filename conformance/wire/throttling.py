"""Answers 429: no verdict but a request to slow down, and obeyed (decision D12)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from conformance.wire.deadlines import Deadline
from conformance.wire.pacing import Pace

LEAST_PAUSE = 0.1
"""Seconds before the first repetition after a 429, doubled with each: `Retry-After: 0` must not
become a tight loop."""

USUAL_PAUSE = 1.0
"""Seconds to wait after a 429 that names no time."""


class Throttle:
    """How long one request, or one handshake, still lets itself be held up."""

    def __init__(self, pace: Pace) -> None:
        self._patience = Deadline(pace.throttle)
        self._pause = LEAST_PAUSE

    def wait(self, headers: Mapping[str, str]) -> float | None:
        """Seconds to wait before the next attempt after a 429 with these headers (names in any
        case); None where that is longer than the pace allows.
        """
        wait = max(self._pause, retry_after(headers))
        self._pause *= 2
        return wait if wait <= self._patience.left else None


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks to wait (RFC 9110 §10.2.3: seconds or a date)."""
    fields = {name.lower(): value for name, value in headers.items()}
    asked = fields.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        until = _moment(asked)
    except ValueError:
        return USUAL_PAUSE
    try:
        now = _moment(fields.get("date", ""))  # the clock that the date was set by
    except ValueError:
        now = datetime.now(UTC)
    return (until - now).total_seconds()


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
