"""Writes report.json, junit.xml and report.html."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conformance.judging.findings import Finding, Outcome, Status, counted
from conformance.reports.html import as_html
from conformance.reports.report import Report
from contract import GROUPS

FILES = ("report.json", "junit.xml", "report.html")
"""What `write_reports` writes."""


def write_reports(report: Report, folder: Path) -> None:
    """Writes the reports into the folder. Raises OSError."""
    text = json.dumps(as_json(report), indent=2, ensure_ascii=False)
    # A lone surrogate, which no encoding holds, is written as JSON spells it.
    (folder / "report.json").write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    tree = ET.ElementTree(as_junit(report))
    ET.indent(tree)
    tree.write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)
    (folder / "report.html").write_text(as_html(report), encoding="utf-8", errors="replace")
    for _, finding in (*report.failures, *report.warnings):
        if finding.script is not None:
            path = folder / script_name(finding)
            path.write_text(finding.script + "\n", encoding="utf-8", errors="replace")


def script_name(finding: Finding) -> str:
    """The file that holds the script which repeats a finding."""
    return f"repeat-{finding.requirement}-{finding.fingerprint}.js"


def as_json(report: Report) -> dict[str, Any]:
    """The report as `report.schema.json` describes it."""
    return {
        "contract": report.contract,
        "target": report.target,
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
        "reason": outcome.reason,
        "findings": [_finding(finding) for finding in outcome.findings],
        "known": [finding.fingerprint for finding in outcome.known],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    fields = asdict(finding)
    del fields["requirement"]
    return {**fields, "fingerprint": finding.fingerprint}


def as_junit(report: Report) -> ET.Element:
    """One suite per group, one case per requirement; a *should* fails only in a strict run."""
    root = ET.Element("testsuites", name=f"r2c-contract {report.contract}")
    for group, title in GROUPS.items():
        outcomes = [o for o in report.outcomes if o.requirement.group == group]
        if not outcomes:
            continue
        suite = ET.SubElement(root, "testsuite", name=f"{group} {title}", tests=str(len(outcomes)))
        tally = {"failures": 0, "errors": 0, "skipped": 0}
        for outcome in outcomes:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{group} {title}",
                name=f"{outcome.requirement.id} {outcome.requirement.text}",
                time="0",
            )
            kind = _junit_result(case, outcome, report.strict)
            if kind:
                tally[kind] += 1
        for name, count in tally.items():
            suite.set(name, str(count))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{report.duration_s:.1f}")
    return root


def _junit_result(case: ET.Element, outcome: Outcome, strict: bool) -> str | None:
    """Adds what became of the requirement; returns the counter it belongs to."""
    levels = counted(strict)
    failures = [finding for finding in outcome.findings if finding.level in levels]
    warnings = [finding for finding in outcome.findings if finding.level not in levels]
    for finding in failures:
        failure = ET.SubElement(
            case, "failure", message=_clean(finding.summary), type=finding.level
        )
        failure.text = _clean(_words(finding))
    if warnings:
        ET.SubElement(case, "system-out").text = _clean(
            "\n\n".join(f"warning ({finding.level}): {_words(finding)}" for finding in warnings)
        )
    if failures:
        return "failures"
    if outcome.status in (Status.UNTESTABLE, Status.ERROR):
        # Both count as errors: what was not judged must not look green.
        ET.SubElement(
            case, "error", message=_clean(outcome.reason or ""), type=outcome.status.label
        )
        return "errors"
    if outcome.status is Status.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", message=_clean(outcome.reason or ""))
        return "skipped"
    return None


def _words(finding: Finding) -> str:
    lines = [
        finding.summary,
        f"expected: {finding.expected}",
        f"observed: {finding.observed}",
        *finding.reproduce,
    ]
    return "\n".join(lines)


def _clean(text: str) -> str:
    """The text without characters that XML 1.0 cannot hold."""
    return "".join(
        character
        if character in "\t\n\r"
        or "\x20" <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
        else "�"
        for character in text
    )
