"""report.html: one page that people send to each other. It needs no network, and no script to be
read; nothing a backend said becomes markup.

Style and script stand in the page and are named in its policy by their hashes, so that nothing else
could run there, even if something were not escaped.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.evidence.printable import printable
from conformance.evidence.trace import ARROWS, SHORTEST_TEXT, Passage, fitted
from conformance.judging.baseline import Entry
from conformance.judging.findings import Finding, Outcome, Status, Verdict
from conformance.reports.report import SIGNS, Report
from contract import Requirement

SHOWN = 3
"""Findings of a requirement that are unfolded."""
PAGE_ROOM = 2_000_000
"""Characters of long texts in all traces on a page: one with hundreds of findings still opens on a
phone."""

_TONES = {
    Verdict.CONFORMANT: "passed",
    Verdict.NON_CONFORMANT: "failed",
    Verdict.INCOMPLETE: "untestable",
}
WORDS = {
    "passed": "kept",
    "failed": "broken",
    "warning": "warning",
    "known": "known",
    "untestable": "not judged",
    "error": "error of the suite",
    "not-applicable": "switched off",
}
"""Each state of a requirement as a word for people."""


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement in the matrix and in the table."""

    outcome: Outcome
    state: str
    checks: tuple[str, ...]
    has_card: bool

    @property
    def requirement(self) -> Requirement:
        """What the row is about."""
        return self.outcome.requirement


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as the page tells it."""

    finding: Finding
    state: str
    entry: Entry | None
    trace: tuple[Passage, ...]
    first: Finding | None = None
    """The finding that tells the same cause, where another does."""
    others: tuple[Finding, ...] = ()
    """The findings of the same cause that this one is the first of."""

    @property
    def times(self) -> list[str]:
        """When each passage went, from the first one on."""
        begin = next((passage.at for passage in self.trace if passage.at is not None), None)
        return [
            "" if passage.at is None or begin is None else f"+{passage.at - begin:.3f} s"
            for passage in self.trace
        ]


@dataclass(frozen=True, slots=True)
class Card:
    """A requirement that has findings."""

    outcome: Outcome
    state: str
    told: tuple[Told, ...]


def write_html(report: Report) -> bytes:
    """The content of report.html."""
    return as_html(report).encode("utf-8", "replace")


def as_html(report: Report) -> str:
    """The report as one page."""
    loader = PackageLoader("conformance", "reports")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = printable
    style, script = (
        loader.get_source(environment, name)[0] for name in ("report.css", "report.js")
    )
    cards = tuple(_cards(report))
    with_cards = {card.outcome.requirement.id for card in cards}
    page = environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(style),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        tone=_TONES[report.verdict],
        signs=SIGNS,
        words=WORDS,
        arrows=ARROWS,
        most_shown=SHOWN,
        states=[(state, report.states[state]) for state in SIGNS if report.states[state]],
        levels=sorted({o.requirement.level for o in report.outcomes}, key=_rank),
        groups=[
            (
                group,
                title,
                ", ".join(sorted({s for o in outcomes for s in o.requirement.notes.split(", ")})),
                [_row(report, outcome, with_cards) for outcome in outcomes],
            )
            for group, title, outcomes in report.groups()
        ],
        sections=[
            (title, state, found)
            for title, state in (
                ("Broken", "failed"),
                ("Warnings", "warning"),
                ("Known to the baseline", "known"),
            )
            if (found := [card for card in cards if card.state == state])
        ],
        reasons=[
            (title, status.label, report.reasons(status).items())
            for title, status in (
                ("Could not be judged", Status.UNTESTABLE),
                ("Errors of the suite; please report them", Status.ERROR),
                ("Switched off", Status.NOT_APPLICABLE),
            )
            if report.reasons(status)
        ],
    )
    return page.lstrip()


def _hash(content: str) -> str:
    """A source for a Content-Security-Policy."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _rank(level: str) -> int:
    return ("must", "should", "may").index(level)


def _row(report: Report, outcome: Outcome, with_cards: set[str]) -> Row:
    id = outcome.requirement.id
    return Row(outcome, report.state(outcome), report.checks.get(id, ()), id in with_cards)


def _cards(report: Report) -> Iterator[Card]:
    count = len(report.failures) + len(report.warnings) + len(report.known)
    room = PAGE_ROOM // max(count, 1)
    causes = {
        (finding.requirement, finding.fingerprint): tuple(each for _, each in group)
        for group in report.causes
        for _, finding in group
    }
    pairs = (*(pair for group in report.causes for pair in group), *report.known)
    places = {finding.fingerprint: place for place, (_, finding) in enumerate(pairs)}
    outcomes = {outcome.requirement.id: outcome for outcome, _ in pairs}
    for outcome in outcomes.values():
        told = [
            *(
                _told(report, finding, room, of=causes[finding.requirement, finding.fingerprint])
                for finding in outcome.findings
            ),
            *(_told(report, finding, room, known=True) for finding in outcome.known),
        ]
        told.sort(
            key=lambda it: (
                ("failed", "warning", "known").index(it.state),
                places[it.finding.fingerprint],
            )
        )
        if told:
            yield Card(outcome, told[0].state, tuple(told))


def _told(
    report: Report,
    finding: Finding,
    room: int,
    *,
    known: bool = False,
    of: tuple[Finding, ...] = (),
) -> Told:
    """`of` are the findings of the same cause, this one among them."""
    state = "known" if known else "failed" if report.counts_against(finding) else "warning"
    entry = report.accepted(finding) if known else None
    shortest = min(SHORTEST_TEXT, room // 40)
    trace = fitted(finding.trace, room, shortest, lambda length: "… (report.json has more)")
    if of and of[0].fingerprint != finding.fingerprint:
        return Told(finding, state, entry, trace, first=of[0])
    return Told(finding, state, entry, trace, others=of[1:])
