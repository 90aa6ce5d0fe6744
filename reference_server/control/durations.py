"""Lengths of time as people write them: milliseconds, or a text such as `3s`."""

import re

from reference_server.errors import Invalid

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|min|h|d)")


def seconds(duration: int | str) -> float:
    """A duration in seconds: a number counts milliseconds, a text has a unit. Raises Invalid."""
    if isinstance(duration, int):
        return duration / 1000
    match = _TEXT.fullmatch(duration)
    if match is None:
        raise Invalid(f"{duration} is no duration; write milliseconds, or a text such as 3s.")
    return float(match[1]) * _UNITS[match[2]]
