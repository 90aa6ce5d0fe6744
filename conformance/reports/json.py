"""report.json: the report for programs, as `report.schema.json` describes it."""

import json
from typing import Any

from conformance.evidence.trace import Passage
from conformance.judging.findings import Finding, Outcome
from conformance.reports.report import Report


def write_json(report: Report) -> bytes:
    """The content of report.json."""
    text = json.dumps(as_json(report), indent=2, ensure_ascii=False)
    # A lone surrogate, which no encoding holds, is written as JSON spells it.
    return (text + "\n").encode("utf-8", "backslashreplace")


def as_json(report: Report) -> dict[str, Any]:
    """The report as a JSON value."""
    return {
        "contract": report.contract,
        "target": report.target,
        "backend": report.backend,
        "target_file": report.target_file,
        "profile": report.profile,
        "seed": report.seed,
        "strict": report.strict,
        "started": report.started.isoformat(timespec="seconds"),
        "duration_s": round(report.duration_s, 1),
        "verdict": report.verdict.value,
        "stopped": report.stopped,
        "fuzzing": {"cases": report.fuzzed, "complete": report.fuzzed_all},
        "requirements": [_requirement(outcome) for outcome in report.outcomes],
        "undocumented_events": list(report.undocumented_events),
        "stale_baseline": list(report.stale),
    }


def _requirement(outcome: Outcome) -> dict[str, Any]:
    requirement = outcome.requirement
    return {
        "id": requirement.id,
        "level": requirement.level,
        "text": requirement.text,
        "notes": requirement.notes,
        "status": outcome.status.label,
        "cases": outcome.cases,
        "seconds": round(outcome.seconds, 3),
        "reason": outcome.reason,
        "findings": [_finding(finding) for finding in outcome.findings],
        "known": [finding.fingerprint for finding in outcome.known],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "summary": finding.summary,
        "expected": finding.expected,
        "observed": finding.observed,
        "reproduce": list(finding.reproduce),
        "trace": [passage.line() for passage in finding.trace],
        "wire": [_passage(passage) for passage in finding.trace],
        "fingerprint": finding.fingerprint,
        "cause": finding.cause,
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {
        "at": passage.time,
        "direction": passage.direction,
        "actor": passage.actor,
        "head": passage.head,
        "headers": passage.headers,
        "body": passage.body,
    }
