"""report.json and junit.xml can be read by machines whatever a backend sent."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.judging.findings import Finding, Ledger, Outcome, Status
from conformance.reports.files import FILES, as_json, as_junit, script_name, write_reports
from conformance.reports.report import Report
from contract import load

CONTRACT = load()
SCHEMA = json.loads(files("conformance.reports").joinpath("report.schema.json").read_text())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
NASTY = "\x00\x1b[31m\ud800\ufffe]]>&<\"'\r\n\t\u202e😀"


def report(*outcomes: Outcome, **fields) -> Report:
    return Report(
        **{
            "contract": CONTRACT.version,
            "target": "http://h",
            "profile": "quick",
            "seed": 1,
            "strict": False,
            "started": datetime(2026, 1, 1, tzinfo=UTC),
            "duration_s": 1.25,
            "outcomes": outcomes,
            "undocumented_events": (),
        }
        | fields
    )


def outcome(id: str, status: Status, *findings: Finding, reason: str | None = None) -> Outcome:
    return Outcome(CONTRACT.requirements[id], status, 3, reason, findings)


def finding(id: str = "SEND-09", text: str = "it breaks") -> Finding:
    level = CONTRACT.requirements[id].level
    return Finding(id, level, text, text, text, (text, "curl …"), (text,))


EVERY_KIND = (
    outcome("SEND-09", Status.FAILED, finding()),
    outcome("HIST-07", Status.FAILED, finding("HIST-07")),
    outcome("AUTH-01", Status.PASSED),
    outcome("AUTH-02", Status.UNTESTABLE, reason="needs a user"),
    outcome("AUTH-03", Status.UNTESTABLE, finding("AUTH-03"), reason="the backend is gone"),
    outcome("AUTH-04", Status.ERROR, reason="KeyError"),
    outcome("AUTH-05", Status.NOT_APPLICABLE, reason="switched off in the target file"),
    outcome("MSG-13", Status.PASSED, reason="acknowledges every message"),
)

TEXTS = st.text() | st.just(NASTY) | st.text(st.characters(), max_size=5)
OUTCOMES = st.builds(
    lambda id, status, texts, reason: outcome(
        id, status, *(finding(id, text) for text in texts), reason=reason
    ),
    st.sampled_from(sorted(CONTRACT.requirements)),
    st.sampled_from(Status),
    st.lists(TEXTS, max_size=3),
    st.none() | TEXTS,
)
REPORTS = st.builds(
    lambda outcomes, **fields: report(*outcomes, **fields),
    st.lists(OUTCOMES, max_size=6),
    strict=st.booleans(),
    stopped=st.none() | TEXTS,
    stale=st.lists(TEXTS, max_size=2).map(tuple),
    undocumented_events=st.lists(TEXTS, max_size=2).map(tuple),
    profile=st.sampled_from(["quick", "default", "thorough"]),
    seed=st.integers(0, 10**18),
    started=st.datetimes(timezones=st.just(UTC)),
)


# report.json


def test_the_schema_itself_is_right():
    jsonschema_rs.meta.validate(SCHEMA)


@given(REPORTS)
def test_every_report_fits_its_schema(given):
    content = json.loads(json.dumps(as_json(given)))
    errors = [error.message for error in VALIDATOR.iter_errors(content)]
    assert errors == []


def test_the_schema_knows_a_wrong_report():
    content = as_json(report(*EVERY_KIND))
    assert VALIDATOR.is_valid(content)
    for wrong in ({"verdict": "fine"}, {"seed": -1}, {"more": 1}, {"requirements": [{}]}):
        assert not VALIDATOR.is_valid(content | wrong)


def test_a_report_says_of_each_requirement_what_became_of_it():
    content = as_json(report(*EVERY_KIND))
    assert [(r["id"], r["status"]) for r in content["requirements"]] == [
        ("SEND-09", "failed"),
        ("HIST-07", "failed"),
        ("AUTH-01", "passed"),
        ("AUTH-02", "untestable"),
        ("AUTH-03", "untestable"),
        ("AUTH-04", "error"),
        ("AUTH-05", "not-applicable"),
        ("MSG-13", "passed"),
    ]
    assert content["verdict"] == "non-conformant"
    (told,) = content["requirements"][0]["findings"]
    assert told["fingerprint"] == finding().fingerprint
    assert list(told["reproduce"]) == ["it breaks", "curl …"]
    assert "requirement" not in told


def test_a_run_that_ended_early_says_why():
    content = as_json(report(stopped="the run was interrupted"))
    assert (content["stopped"], content["verdict"]) == ("the run was interrupted", "incomplete")


# Both files


@given(REPORTS)
def test_whatever_a_backend_sent_both_files_can_be_read_again(tmp_path_factory, given):
    folder = tmp_path_factory.mktemp("report")
    write_reports(given, folder)
    scripts = {script_name(f) for _, f in (*given.failures, *given.warnings) if f.script}
    assert {file.name for file in folder.iterdir()} == {*FILES, *scripts}
    assert json.loads((folder / "report.json").read_bytes()) == json.loads(
        json.dumps(as_json(given))
    )
    ET.parse(folder / "junit.xml")


def test_a_folder_that_is_gone_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_reports(report(), tmp_path / "gone")


# junit.xml


def suites(*outcomes: Outcome, strict: bool = False) -> dict[str, ET.Element]:
    root = as_junit(report(*outcomes, strict=strict))
    return {suite.get("name", "").partition(" ")[0]: suite for suite in root}


def cases(*outcomes: Outcome, strict: bool = False) -> dict[str, list[str]]:
    """By requirement, the elements inside its case."""
    return {
        case.get("name", "").partition(" ")[0]: [element.tag for element in case]
        for suite in suites(*outcomes, strict=strict).values()
        for case in suite
    }


def test_each_outcome_has_its_element():
    assert cases(*EVERY_KIND) == {
        "AUTH-01": [],
        "AUTH-02": ["error"],
        "AUTH-03": ["failure"],
        "AUTH-04": ["error"],
        "AUTH-05": ["skipped"],
        "HIST-07": ["system-out"],
        "MSG-13": [],
        "SEND-09": ["failure"],
    }


def test_a_should_fails_only_in_a_strict_run():
    assert cases(*EVERY_KIND, strict=True)["HIST-07"] == ["failure"]


def test_the_counters_are_those_of_the_cases():
    root = as_junit(report(*EVERY_KIND))
    for element in (root, *root):
        inside = list(element.iter("testcase"))
        assert element.get("tests") == str(len(inside))
        for counter, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            held = sum(case.find(tag) is not None for case in inside)
            assert element.get(counter) == str(held)


def test_a_case_has_at_most_one_result_though_several_findings():
    several = outcome("SEND-09", Status.FAILED, finding(), finding(text="another"))
    (case,) = suites(several)["SEND"].iter("testcase")
    assert [element.tag for element in case] == ["failure", "failure"]
    assert suites(several)["SEND"].get("failures") == "1"


def test_a_failure_holds_what_is_needed_to_repeat_it():
    (case,) = suites(outcome("SEND-09", Status.FAILED, finding()))["SEND"].iter("testcase")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "it breaks"
    assert failure.text == "it breaks\nexpected: it breaks\nobserved: it breaks\nit breaks\ncurl …"


def test_characters_that_xml_cannot_hold_are_replaced_and_no_others(tmp_path):
    write_reports(report(outcome("SEND-09", Status.FAILED, finding(text=NASTY))), tmp_path)
    failure = ET.parse(tmp_path / "junit.xml").find(".//failure")
    assert failure is not None
    said = (failure.text or "").splitlines()[0]
    assert said == "��[31m��]]>&<\"'"
    assert "\u202e😀" in (failure.text or "")


# What ships


def test_the_wheel_holds_the_schema_and_what_the_scenarios_need():
    from hatchling.builders.wheel import WheelBuilder

    root = Path(__file__).parents[3]
    builder = WheelBuilder(str(root))
    inside = {file.distribution_path for file in builder.recurse_included_files()}
    assert "conformance/reports/report.schema.json" in inside
    assert "conformance/scenarios/pytest.ini" in inside
    assert {f"conformance/{file.name}" for file in (root / "conformance").glob("*.py")} <= inside
    assert not any("node_modules" in name or name.startswith("tests/") for name in inside)


def test_a_ledger_without_checks_makes_a_right_report():
    content = as_json(report(*Ledger(CONTRACT.requirements).outcomes()))
    assert VALIDATOR.is_valid(content)
    assert content["verdict"] == "incomplete"
    assert {r["reason"] for r in content["requirements"]} == {"no check reached it in this run"}
