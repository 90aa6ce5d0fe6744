"""The command `replay`: whether one finding of a report still occurs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from conformance.evidence.printable import printable
from conformance.judging.findings import DEATH
from conformance.profiles import PROFILES
from conformance.reports.cases import cases, gathered
from conformance.reports.report import Report
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
    if not all(isinstance(match.summary, str) for match in matches):
        raise ReplayError(f"{report} is no report of r2c-verify.")
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


class Now(StrEnum):
    """What a replay says about a finding."""

    OCCURS = "still occurs"
    UNJUDGED = "could not be looked for"
    UNSEEN = "was not seen again, which does not say that it is mended"
    GONE = "no longer occurs"


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of findings that say the same."""

    now: Now
    findings: tuple[Replayable, ...]
    why: str | None = None

    @property
    def line(self) -> str:
        """For people; of many findings their kinds instead of a fingerprint each."""
        told = cases([finding.summary for finding in self.findings])
        first = self.findings[0]
        which = "; ".join(told.kinds) or f"({first.fingerprint})"
        why = f": {self.why}" if self.why else ""
        between = ": " if told.kinds else " "
        name = f"{first.requirement} {told.title}{between}{which}"
        return printable(f"{self.now}: {name}{why}")


def looked(
    findings: Sequence[Replayable], report: Report, *, monitored: bool
) -> tuple[Looked, ...]:
    """What a run that judged only their requirement says about findings.

    What is `monitored` is judged by all that a run sends, of which the replay repeats a part: that
    nothing was seen then means little.
    """
    found = {f.fingerprint: f for outcome in report.outcomes for f in outcome.findings}
    unjudged = report.stopped is not None or not report.judged
    death = next((f.summary for f in found.values() if f.requirement == DEATH), None)

    def now(finding: Replayable) -> tuple[Now, str | None]:
        if finding.fingerprint in found:
            return Now.OCCURS, None
        if death is not None:
            return Now.OCCURS, f"this time as “{death}”"
        if unjudged:
            return Now.UNJUDGED, report.stopped or report.outcomes[0].reason or ""
        if monitored:
            again = f"r2c-verify --profile {finding.profile} --seed {finding.seed}"
            return Now.UNSEEN, (
                f"a replay sends only a part of what was sent before; {again} sends all of it"
            )
        return Now.GONE, None

    said = [(now(finding), finding) for finding in findings]
    groups = gathered(said, lambda it: it[1].summary, lambda it: (it[0], it[1].requirement))
    return tuple(
        Looked(group[0][0][0], tuple(finding for _, finding in group), group[0][0][1])
        for group in groups
    )


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
