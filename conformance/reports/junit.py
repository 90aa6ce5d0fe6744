"""junit.xml: a suite per group, a case per requirement, as CI systems read it.

No schema of this format is official. What is written keeps to what Jenkins' junit-10.xsd and
Ant's have in common: no attribute or element of one tool alone, one result per case.
"""

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterable

from conformance.judging.findings import Finding, Outcome, Status, left_open
from conformance.reports.report import Report

Result = tuple[str, ET.Element | None]
"""The counter of a suite that a case belongs to, empty where none, and the element that says so."""


def write_junit(report: Report) -> bytes:
    """The content of junit.xml."""
    tree = ET.ElementTree(as_junit(report))
    ET.indent(tree)
    content = io.BytesIO()
    tree.write(content, encoding="utf-8", xml_declaration=True)
    return content.getvalue() + b"\n"


def as_junit(report: Report) -> ET.Element:
    """The report as an element `testsuites`.

    A case fails by the findings that count. It is an error where something was not judged that
    leaves the run incomplete: that must not look green. It is skipped, with the reason, where
    something else was not judged, and where all findings are warnings or known to the baseline.
    """
    root = ET.Element("testsuites", name=f"r2c-contract {_clean(report.contract)}")
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for group, title, outcomes in report.groups():
        suite = _suite(report, f"{group} {title}", outcomes)
        for name in totals:
            totals[name] += int(suite.get(name, "0"))
        root.append(suite)
    for name, total in totals.items():
        root.set(name, str(total))
    root.set("time", f"{report.duration_s:.3f}")
    return root


def _suite(report: Report, name: str, outcomes: Iterable[Outcome]) -> ET.Element:
    suite = ET.Element("testsuite", name=name)
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("contract", report.contract),
        ("target", report.target),
        ("profile", report.profile),
        ("seed", str(report.seed)),
        ("strict", str(report.strict).lower()),
        ("verdict", report.verdict.value),
    ):
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    counters = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    seconds = 0.0
    for outcome in outcomes:
        requirement = outcome.requirement
        case = ET.SubElement(
            suite,
            "testcase",
            classname=name,
            name=_clean(f"{requirement.id} {requirement.text}"),
            time=f"{outcome.seconds:.3f}",
        )
        counter, result = _result(report, outcome)
        if result is not None:
            case.append(result)
        if said := _said(report, outcome):
            ET.SubElement(case, "system-out").text = _clean(said)
        counters["tests"] += 1
        if counter:
            counters[counter] += 1
        seconds += outcome.seconds
    for key, count in counters.items():
        suite.set(key, str(count))
    suite.set("time", f"{seconds:.3f}")
    suite.set("timestamp", report.started.strftime("%Y-%m-%dT%H:%M:%S"))
    return suite


def _result(report: Report, outcome: Outcome) -> Result:
    counted = [finding for finding in outcome.findings if report.counts_against(finding)]
    if counted:
        more = f" (and {len(counted) - 1} more)" if len(counted) > 1 else ""
        element = _element("failure", counted[0].level, counted[0].summary + more)
        element.text = _clean("\n\n".join(map(_words, counted)))
        return "failures", element
    if left_open(outcome, report.strict):
        return "errors", _element("error", outcome.status.label, outcome.reason or "")
    if outcome.findings:
        warnings = "; ".join(finding.summary for finding in outcome.findings)
        return "skipped", _element("skipped", "warning", f"warning: {warnings}")
    if outcome.known:
        known = "; ".join(finding.summary for finding in outcome.known)
        return "skipped", _element("skipped", "known", f"known to the baseline: {known}")
    if outcome.status in (Status.UNTESTABLE, Status.NOT_APPLICABLE):
        return "skipped", _element("skipped", outcome.status.label, outcome.reason or "")
    return "", None


def _said(report: Report, outcome: Outcome) -> str:
    """What a case has to say beside its result."""
    parts = [
        f"warning ({finding.level}): {_words(finding)}"
        for finding in outcome.findings
        if not report.counts_against(finding)
    ]
    for finding in outcome.known:
        entry = report.accepted(finding)
        reason = f", accepted: {entry.reason}" if entry else ""
        parts.append(f"known ({finding.level}{reason}): {_words(finding)}")
    return "\n\n".join(parts)


def _element(tag: str, kind: str, message: str) -> ET.Element:
    return ET.Element(tag, type=kind, message=_clean(message))


def _words(finding: Finding) -> str:
    return "\n".join(
        (
            finding.summary,
            f"expected: {finding.expected}",
            f"observed: {finding.observed}",
            *finding.reproduce,
        )
    )


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
