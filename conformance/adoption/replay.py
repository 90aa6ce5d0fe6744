"""The command `replay`: whether one finding of a report still occurs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.profiles import PROFILES
from contract import read_text

FEWEST = 4
"""Characters of a fingerprint that have to be given; fewer would fit too many."""


class ReplayError(Exception):
    """The finding cannot be replayed; `str` is one sentence."""


@dataclass(frozen=True, slots=True)
class Replayable:
    """What has to be known to look for a finding again."""

    requirement: str
    fingerprint: str
    summary: str
    seed: int
    profile: str


def find(report: Path, wanted: str) -> tuple[Replayable, ...]:
    """The finding of a report whose fingerprint begins as given, or all of a requirement.

    Raises ReplayError when there is none, or when a fingerprint is not told from others.
    """
    content = _read(report)
    try:
        matches = [
            Replayable(
                requirement["id"],
                finding["fingerprint"],
                finding["summary"],
                content["seed"],
                content["profile"],
            )
            for requirement in content["requirements"]
            for finding in requirement["findings"]
            if requirement["id"] == wanted.upper()
            or (len(wanted) >= FEWEST and finding["fingerprint"].startswith(wanted.lower()))
        ]
    except (LookupError, TypeError, AttributeError):
        raise ReplayError(f"{report} is no report of r2c-verify.") from None
    if not matches:
        raise ReplayError(
            f"{report} has no finding {wanted}; name a fingerprint, or a requirement that failed."
        )
    if len(matches) > 1 and matches[0].requirement != wanted.upper():
        prints = ", ".join(match.fingerprint for match in matches)
        raise ReplayError(
            f"{wanted} fits {len(matches)} findings of {report}: {prints}; name one of them."
        )
    return tuple(matches)


def _read(report: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(report))
    except OSError as error:
        raise ReplayError(f"{report}: {error.strerror or 'cannot be read'}.") from None
    except (ValueError, RecursionError):
        raise ReplayError(f"{report} is no JSON.") from None
    if not isinstance(content, dict) or not _is_told(content.get("seed"), content.get("profile")):
        raise ReplayError(f"{report} is no report of r2c-verify.")
    return content


def _is_told(seed: Any, profile: Any) -> bool:
    """Whether these say how the run was done."""
    return type(seed) is int and seed >= 0 and isinstance(profile, str) and profile in PROFILES
