"""What GitHub Actions takes from a step: annotations on standard output, a summary in a file.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from conformance.evidence.printable import abridged, one_line, printable
from conformance.judging.findings import Finding, Outcome, Status, left_open
from conformance.reports.markdown import LARGEST, as_markdown
from conformance.reports.report import Report

MOST = 10
"""Annotations of one kind that GitHub shows for a step."""
LONGEST_VALUE = 300
"""Characters of what was expected or observed."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note that GitHub shows beside a run."""

    kind: Literal["error", "warning"]
    title: str
    text: str

    def command(self) -> str:
        """The workflow command, a line, in which nothing ends the command or begins another."""
        title = _escaped(one_line(self.title)).replace(":", "%3A").replace(",", "%2C")
        return f"::{self.kind} title={title}::{_escaped(printable(self.text))}"


def wanted(choice: str, environment: Mapping[str, str]) -> bool:
    """Whether to annotate: as `--annotations` says, and for `auto` where GitHub Actions runs us."""
    return choice == "github" or (choice == "auto" and environment.get("GITHUB_ACTIONS") == "true")


def annotations(report: Report) -> tuple[Annotation, ...]:
    """What to show: one for each broken requirement, errors first, and at most MOST of a kind."""
    errors: list[Annotation] = []
    warnings: list[Annotation] = []
    for outcome in report.outcomes:
        counted = [it for it in outcome.findings if report.counts_against(it)]
        others = [it for it in outcome.findings if not report.counts_against(it)]
        if counted:
            errors.append(_broken("error", outcome, counted))
        elif others:
            warnings.append(_broken("warning", outcome, others))
        if outcome.status is Status.ERROR:
            errors.append(
                Annotation("error", _title(outcome), f"Error of the suite: {outcome.reason or ''}")
            )
    errors += [Annotation("error", "Stale baseline", sentence) for sentence in report.stale]
    if report.stopped is not None:
        errors.append(Annotation("error", "The run ended early", report.stopped))
    else:
        warnings += _unjudged(report)
    return (*_few("error", errors), *_few("warning", warnings))


def _title(outcome: Outcome) -> str:
    return f"{outcome.requirement.id} ({outcome.requirement.level})"


def _broken(
    kind: Literal["error", "warning"], outcome: Outcome, findings: list[Finding]
) -> Annotation:
    first = findings[0]
    lines = [
        first.summary,
        f"expected: {abridged(first.expected, LONGEST_VALUE)}",
        f"observed: {abridged(first.observed, LONGEST_VALUE)}",
    ]
    if len(findings) > 1:
        lines.append(f"and {len(findings) - 1} more of this requirement")
    return Annotation(kind, f"{outcome.requirement.id} ({first.level})", "\n".join(lines))


def _unjudged(report: Report) -> Iterator[Annotation]:
    """What keeps the run from a verdict, one for each reason."""
    for reason, ids in report.reasons(Status.UNTESTABLE).items():
        open_ids = [
            outcome.requirement.id
            for outcome in report.outcomes
            if outcome.requirement.id in ids and left_open(outcome, report.strict)
        ]
        if open_ids:
            yield Annotation("warning", "Could not be judged", f"{', '.join(open_ids)}: {reason}")


def _few(kind: Literal["error", "warning"], all: list[Annotation]) -> list[Annotation]:
    if len(all) <= MOST:
        return all
    more = len(all) - (MOST - 1)
    told = f"{more} more; the summary of the job and report.html have them all."
    return [*all[: MOST - 1], Annotation(kind, "And more", told)]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


@contextmanager
def untrusted(write: Callable[[str], object]) -> Iterator[None]:
    """What is written meanwhile holds words of a backend, and none of it is a workflow command."""
    token = secrets.token_hex(16)
    write(f"::stop-commands::{token}")
    try:
        yield
    finally:
        write(f"::{token}::")


def append_summary(report: Report, file: Path) -> None:
    """Adds the report to the summary of the step, as far as there is room. Raises OSError."""
    with file.open("ab") as summary:
        room = LARGEST - summary.tell() - 1
        if room > 0:
            summary.write(b"\n" + as_markdown(report, room).encode("utf-8", "replace"))
