"""junit.xml shows each requirement in a CI system, which fails on what counts and nothing else."""

import re
import xml.etree.ElementTree as ET

import pytest

from conformance.judging.findings import Outcome, Status
from conformance.reports.junit import as_junit, write_junit
from conformance.reports.report import Report
from tests.conformance.reports.samples import (
    CURL,
    EVERY_KIND,
    NASTY,
    WITH_BASELINE,
    any_report,
    finding,
    outcome,
    report,
)

# What Jenkins' junit-10.xsd and Ant's JUnit.xsd both know: attributes, those that are required
# first, and what may stand inside.
GRAMMAR = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "timestamp"},
        {"skipped", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name", "classname", "time"},
        set(),
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}
NUMBERS = {"tests", "failures", "errors", "skipped"}
RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def check(root: ET.Element) -> None:
    """Holds a tree against the grammar and its own counters. Raises AssertionError."""
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, inside = GRAMMAR[element.tag]
        given = set(element.keys())
        assert required <= given <= required | optional, element.tag
        assert {child.tag for child in element} <= inside, element.tag
        for name in NUMBERS & given:
            assert re.fullmatch(r"\d+", element.get(name, ""))
        if "time" in given:
            assert re.fullmatch(r"\d+\.\d{3}", element.get("time", ""))
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for tag, counter in RESULTS.items():
            if counter in element.attrib:
                assert element.get(counter) == str(sum(it.find(tag) is not None for it in cases))
    for case in root.iter("testcase"):
        assert sum(child.tag in RESULTS for child in case) <= 1


def parsed(given: Report) -> ET.Element:
    return ET.fromstring(write_junit(given))


def elements(*outcomes: Outcome, strict: bool = False) -> dict[str, list[str]]:
    """By requirement, the elements inside its case."""
    return {
        case.get("name", "").partition(" ")[0]: [element.tag for element in case]
        for case in as_junit(report(*outcomes, strict=strict)).iter("testcase")
    }


@any_report(60)
def test_every_report_keeps_to_what_readers_of_junit_know(given):
    check(parsed(given))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: root.set("skipped", "1"),
        lambda root: root[0].set("failures", "7"),
        lambda root: ET.SubElement(root[0], "testcase", name="one", classname="x", time="0.000"),
        lambda root: root.find(".//testcase").set("file", "x"),
        lambda root: ET.SubElement(root.find(".//failure/.."), "skipped", type="x", message="x"),
        lambda root: root[0].set("time", "1e-7"),
    ],
)
def test_the_check_knows_a_wrong_file(spoil):
    root = parsed(WITH_BASELINE)
    check(root)
    spoil(root)
    with pytest.raises(AssertionError):
        check(root)


def test_each_outcome_has_its_element():
    assert elements(*EVERY_KIND) == {
        "AUTH-01": [],
        "AUTH-02": ["error"],
        "AUTH-03": ["failure"],
        "AUTH-04": ["error"],
        "AUTH-05": ["skipped"],
        "AUTH-07": ["skipped"],
        "HIST-07": ["skipped", "system-out"],
        "META-01": ["skipped", "system-out"],
        "MSG-13": [],
        "SEND-09": ["failure"],
    }


def test_a_should_fails_only_in_a_strict_run():
    assert elements(*EVERY_KIND, strict=True)["HIST-07"] == ["failure"]


def test_what_was_not_judged_is_an_error_where_the_verdict_hangs_on_it():
    assert elements(*EVERY_KIND, strict=True)["AUTH-07"] == ["error"]


def test_a_suite_is_a_group_and_says_what_was_run():
    suites = {suite.get("name"): suite for suite in parsed(report(*EVERY_KIND))}
    assert list(suites)[:2] == ["AUTH Authentication over HTTP", "HIST Message history"]
    sending = suites["SEND Sending"]
    assert {it.get("name"): it.get("value") for it in sending.iter("property")} == {
        "contract": "1.0.0",
        "target": "http://localhost:5000",
        "profile": "quick",
        "seed": "1",
        "strict": "false",
        "verdict": "non-conformant",
    }
    (case,) = sending.iter("testcase")
    assert case.get("classname") == "SEND Sending"
    assert case.get("name") == "SEND-09 A recipient who does not exist is answered 404."
    assert (case.get("time"), sending.get("time")) == ("0.250", "0.250")
    assert sending.get("timestamp") == "2026-01-01T00:00:00"


def test_several_findings_are_one_failure_that_holds_them_all():
    several = outcome("SEND-09", Status.FAILED, finding(), finding(text="another"))
    (failure,) = parsed(report(several)).iter("failure")
    assert failure.get("message") == "it breaks (and 1 more)"
    assert "another observed" in (failure.text or "")


def test_a_failure_holds_what_is_needed_to_repeat_it():
    (failure,) = parsed(report(outcome("SEND-09", Status.FAILED, finding()))).iter("failure")
    assert (failure.get("type"), failure.get("message")) == ("must", "it breaks")
    assert failure.text == (
        f"it breaks\nexpected: it breaks expected\nobserved: it breaks observed\n{CURL}"
    )


def test_what_a_baseline_accepts_is_skipped_with_its_reason():
    root = parsed(WITH_BASELINE)
    (skipped,) = (it for it in root.iter("skipped") if it.get("type") == "known")
    assert skipped.get("message") == "known to the baseline: it is known"
    said = [it.text or "" for it in root.iter("system-out")]
    assert any("accepted: ticket 12" in text for text in said)


def test_characters_that_xml_cannot_hold_are_replaced_and_no_others():
    (failure,) = parsed(report(outcome("SEND-09", Status.FAILED, finding(text=NASTY)))).iter(
        "failure"
    )
    said = (failure.text or "").splitlines()[0]
    assert said == "��[31m��]]>&<\"'"
    assert "\u202e😀" in (failure.text or "")
