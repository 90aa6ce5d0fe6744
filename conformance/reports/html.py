"""The HTML report: one file that people send to each other, which needs no network."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from conformance.judging.findings import Outcome, Status, Verdict
from conformance.reports.report import SIGNS, Report

_TONES = {
    Verdict.CONFORMANT: "passed",
    Verdict.NON_CONFORMANT: "failed",
    Verdict.INCOMPLETE: "untestable",
}


def as_html(report: Report) -> str:
    """The report as one page. Everything a backend said is escaped."""
    environment = Environment(
        loader=PackageLoader("conformance", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        tone=_TONES[report.verdict],
        groups=[
            {
                "id": group,
                "title": title,
                "notes": ", ".join(sorted({s for o in outcomes for s in _sections(o)})),
                "rows": [_row(report, outcome) for outcome in outcomes],
            }
            for group, title, outcomes in report.groups()
        ],
        sections=[
            {"title": "Broken", "tone": "failed", "findings": report.failures},
            {"title": "Warnings", "tone": "warning", "findings": report.warnings},
        ],
        reasons=[
            {"title": title, "tone": status.label, "entries": report.reasons(status).items()}
            for title, status in (
                ("Could not be judged", Status.UNTESTABLE),
                ("Errors of the suite; please report them", Status.ERROR),
                ("Switched off", Status.NOT_APPLICABLE),
            )
        ],
    )


def _sections(outcome: Outcome) -> list[str]:
    return outcome.requirement.notes.split(", ")


def _row(report: Report, outcome: Outcome) -> dict[str, Any]:
    state = report.state(outcome)
    return {
        "requirement": outcome.requirement,
        "number": outcome.requirement.id.partition("-")[2],
        "cases": outcome.cases,
        "tone": state,
        "sign": SIGNS[state],
        "state": "switched off" if outcome.status is Status.NOT_APPLICABLE else state,
    }
