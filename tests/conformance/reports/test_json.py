"""report.json fits its schema whatever a backend sent, and says what became of each requirement."""

import json
from importlib.resources import files

import jsonschema_rs

from conformance.judging.findings import Ledger
from conformance.reports.json import as_json, write_json
from tests.conformance.reports.samples import (
    CONTRACT,
    CURL,
    EVERY_KIND,
    any_report,
    finding,
    report,
)

SCHEMA = json.loads(files("conformance.reports").joinpath("report.schema.json").read_text())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)


def test_the_schema_itself_is_right():
    jsonschema_rs.meta.validate(SCHEMA)


@any_report(60)
def test_every_report_fits_its_schema(given):
    content = json.loads(write_json(given))
    assert [error.message for error in VALIDATOR.iter_errors(content)] == []
    assert content == json.loads(json.dumps(as_json(given)))


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
        ("AUTH-07", "untestable"),
        ("META-01", "passed"),
        ("MSG-13", "passed"),
    ]
    assert content["verdict"] == "non-conformant"
    (told,) = content["requirements"][0]["findings"]
    assert told["fingerprint"] == finding().fingerprint
    assert told["reproduce"] == [CURL]
    assert "requirement" not in told


def test_a_finding_tells_what_went_over_the_wire_in_short_and_in_full():
    (told,) = as_json(report(*EVERY_KIND))["requirements"][0]["findings"]
    assert told["trace"] == [
        'Asha → POST /api/messages/send {"text": "hello"}',
        'Asha ← 201 Created {"success": true, "data": {"text": "hello"}}',
    ]
    assert told["wire"][1] == {
        "at": "2026-01-01T00:00:00.012+00:00",
        "direction": "received",
        "actor": "Asha",
        "head": "201 Created",
        "headers": "Content-Type: application/json",
        "body": '{"success": true, "data": {"text": "hello"}}',
    }


def test_a_run_that_ended_early_says_why():
    content = as_json(report(stopped="the run was interrupted"))
    assert (content["stopped"], content["verdict"]) == ("the run was interrupted", "incomplete")


def test_a_ledger_without_checks_makes_a_right_report():
    content = as_json(report(*Ledger(CONTRACT.requirements).outcomes()))
    assert VALIDATOR.is_valid(content)
    assert content["verdict"] == "incomplete"
    assert {r["reason"] for r in content["requirements"]} == {"no check reached it in this run"}
