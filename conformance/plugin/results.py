"""What the test of one requirement says, given the report of a run: a pure function."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from conformance.judging.findings import Outcome, Status, left_open
from conformance.reports.report import Report, described

MOST_SHOWN = 3
"""Findings of one requirement that its test shows; the reports have them all."""


class Kind(Enum):
    """What becomes of the test."""

    PASSED = auto()
    FAILED = auto()
    """The backend breaks the requirement."""
    OPEN = auto()
    """Nothing says that the backend keeps it: an error, as when a fixture fails."""
    KNOWN = auto()
    """The backend breaks it as the baseline says: an expected failure."""
    SKIPPED = auto()
    """Switched off, or a *should* that could not be judged."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the test says."""

    kind: Kind
    text: str = ""
    warnings: tuple[str, ...] = ()
    """Findings that do not count against the backend."""


def result(report: Report, id: str) -> Result:
    """The result of the test of a requirement that the run was to judge."""
    outcome = next(each for each in report.outcomes if each.requirement.id == id)
    broken = [finding for finding in outcome.findings if report.counts_against(finding)]
    warnings = tuple(
        described(outcome, finding) for finding in outcome.findings if finding not in broken
    )
    if broken:
        texts = [described(outcome, finding) for finding in broken[:MOST_SHOWN]]
        if more := len(broken) - len(texts):
            texts.append(f"{id}: {more} more in the reports")
        return Result(Kind.FAILED, "\n\n".join(texts), warnings)
    if outcome.status is Status.ERROR:
        reason = f"{id}: an error of this suite; please report it: {outcome.reason}"
        return Result(Kind.OPEN, reason, warnings)
    if stale := [sentence for sentence in report.stale if sentence.split()[0] == id]:
        return Result(Kind.FAILED, "\n".join(f"stale baseline: {each}" for each in stale), warnings)
    if outcome.status is Status.NOT_APPLICABLE:
        return Result(Kind.SKIPPED, f"{id}: {outcome.reason}", warnings)
    if outcome.status is Status.UNTESTABLE:
        # A run that ended early is incomplete, whatever it was to judge.
        is_open = report.stopped is not None or left_open(outcome, report.strict)
        kind = Kind.OPEN if is_open else Kind.SKIPPED
        return Result(kind, f"{id} could not be judged: {outcome.reason}", warnings)
    if report.stopped is not None:
        # What was seen so far was in order, but it was not all there was to see.
        reason = f"{id} was judged in part: the run ended early: {report.stopped}"
        return Result(Kind.OPEN, reason, warnings)
    if outcome.known:
        return Result(Kind.KNOWN, "; ".join(_excuses(report, outcome)), warnings)
    return Result(Kind.PASSED, "", warnings)


def _excuses(report: Report, outcome: Outcome) -> Iterator[str]:
    """The findings that the baseline accepts, with its reasons."""
    for finding in outcome.known:
        entry = report.accepted(finding)
        reason = entry.reason if entry else "accepted by the baseline"
        yield f"{reason} ({finding.requirement} {finding.summary})"
