"""report.sarif: the findings as SARIF 2.1.0, which code scanning and editors read.

A rule is a requirement, a result a finding. Its place is the line of the document where the
requirement stands: the suite knows a backend by its URL and sees none of its source. That some of
the run was not judged is no result but a notification, since a result is taken for a defect.

Source: OASIS SARIF 2.1.0 errata 01; what GitHub reads of it is in its "SARIF support for code
scanning". GitHub reads neither `baselineState` nor `suppressions`, by which other readers tell
what a baseline knows, nor `originalUriBaseIds`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from conformance.judging.findings import Finding, Outcome, Status
from conformance.reports.report import Report
from contract import GROUPS, Place, Requirement, requirement_places

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "CONTRACT"
"""The name of the folder that the documents' paths begin at."""

SarifLevel = Literal["error", "warning", "note"]
_LEVELS: Mapping[str, SarifLevel] = {"must": "error", "should": "warning", "may": "note"}


def write_sarif(report: Report) -> bytes:
    """The content of report.sarif. Raises OSError where the documents cannot be read."""
    text = json.dumps(as_sarif(report, requirement_places()), indent=2, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def as_sarif(report: Report, places: Mapping[str, Place]) -> dict[str, Any]:
    """The report as a SARIF log of one run."""
    rules = {outcome.requirement.id: index for index, outcome in enumerate(report.outcomes)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "r2c-verify",
                        "fullName": "r2c-verify, the conformance suite of r2c-contract",
                        "version": report.contract,
                        "rules": [_rule(outcome.requirement) for outcome in report.outcomes],
                    }
                },
                "automationDetails": {"id": "r2c-verify/"},
                "invocations": [_invocation(report, rules)],
                "originalUriBaseIds": {
                    ROOT: {"description": {"text": "The root of r2c-contract."}}
                },
                "columnKind": "unicodeCodePoints",
                "results": list(_results(report, rules, places)),
                "properties": {
                    "target": report.target,
                    "profile": report.profile,
                    "seed": report.seed,
                    "strict": report.strict,
                    "verdict": report.verdict.value,
                },
            }
        ],
    }


def _rule(requirement: Requirement) -> dict[str, Any]:
    sentences = [requirement.text, *(f"{it.level}: {it.text}" for it in requirement.clauses)]
    if requirement.accepts:
        sentences.append(f"Accepted: {requirement.accepts}")
    advice = [f"The notes say so in {requirement.notes}."]
    if requirement.decisions:
        decisions = ", ".join(requirement.decisions)
        advice.append(f"Settled by {decisions} in docs/decisions.md.")
    advice.append(f"`r2c-verify explain {requirement.id}` tells what is checked.")
    return {
        "id": requirement.id,
        "shortDescription": {"text": requirement.text},
        "fullDescription": {"text": " ".join(sentences)},
        "help": {"text": " ".join(advice)},
        "defaultConfiguration": {"level": _LEVELS[requirement.level]},
        "properties": {
            "tags": [GROUPS[requirement.group], requirement.level],
            "notes": requirement.notes,
        },
    }


def _results(
    report: Report, rules: Mapping[str, int], places: Mapping[str, Place]
) -> Iterator[dict[str, Any]]:
    for outcome in report.outcomes:
        for finding in (*outcome.findings, *outcome.known):
            known = finding in outcome.known
            counts = not known and report.counts_against(finding)
            result = {
                "ruleId": finding.requirement,
                "ruleIndex": rules[finding.requirement],
                "kind": "fail",
                "level": "error" if counts else _LEVELS[finding.level],
                "message": {"text": _message(finding)},
                "locations": [_location(outcome.requirement, places)],
                # GitHub knows a result by the hash of its line, and several findings share one.
                "partialFingerprints": {
                    "r2cFinding/v1": finding.fingerprint,
                    "primaryLocationLineHash": f"{finding.fingerprint}:1",
                },
                "properties": {"reproduce": list(finding.reproduce)},
            }
            if report.baseline is not None:
                entry = report.accepted(finding) if known else None
                result["baselineState"] = "unchanged" if known else "new"
                result["suppressions"] = [] if entry is None else [_suppression(entry.reason)]
            yield result


def _message(finding: Finding) -> str:
    lines = [
        f"{finding.summary}.",
        f"Expected: {finding.expected}",
        f"Observed: {finding.observed}",
    ]
    lines += [f"Repeat: {command}" for command in finding.reproduce if "\n" not in command]
    # Two brackets in a row would begin a link.
    return "\n".join(lines).replace("](", "] (")


def _suppression(reason: str) -> dict[str, Any]:
    return {"kind": "external", "status": "accepted", "justification": reason}


def _location(requirement: Requirement, places: Mapping[str, Place]) -> dict[str, Any]:
    place = places.get(requirement.id)
    location: dict[str, Any] = {}
    if place is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": place.file, "uriBaseId": ROOT},
            "region": {"startLine": place.line},
        }
    if requirement.binds:
        location["logicalLocations"] = [
            {"name": operation, "kind": "operation"} for operation in requirement.binds
        ]
    return location


def _invocation(report: Report, rules: Mapping[str, int]) -> dict[str, Any]:
    faultless = report.stopped is None and not any(
        outcome.status is Status.ERROR for outcome in report.outcomes
    )
    return {
        "executionSuccessful": faultless,
        "exitCode": report.exit_status,
        "startTimeUtc": _utc(report.started),
        "endTimeUtc": _utc(report.started + timedelta(seconds=report.duration_s)),
        "toolExecutionNotifications": list(_notifications(report, rules)),
    }


def _notifications(report: Report, rules: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    if report.stopped is not None:
        yield _notification("error", f"The run ended early: {report.stopped}")
    for outcome in report.outcomes:
        if outcome.status in (Status.UNTESTABLE, Status.ERROR):
            yield _unjudged(outcome, rules)
    for sentence in report.stale:
        yield _notification("warning", f"Stale baseline: {sentence}")
    for event in report.undocumented_events:
        yield _notification("note", f"The backend sends an undocumented event: {event}")


def _unjudged(outcome: Outcome, rules: Mapping[str, int]) -> dict[str, Any]:
    id = outcome.requirement.id
    error = outcome.status is Status.ERROR
    word = "Error of the suite" if error else "Could not be judged"
    return {
        **_notification("error" if error else "warning", f"{word}: {outcome.reason or ''}"),
        "associatedRule": {"id": id, "index": rules[id]},
    }


def _notification(level: SarifLevel, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text.replace("](", "] (")}}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
