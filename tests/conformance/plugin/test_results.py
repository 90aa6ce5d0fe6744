"""What the test of a requirement says, given the report: never green without a reason."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conformance.judging.baseline import Baseline, Entry
from conformance.judging.findings import Finding, Outcome, Status
from conformance.plugin.results import Kind, Result, result
from conformance.reports.report import Report
from contract import Clause, Level, Requirement

MUST = Requirement("SEND-09", "must", "text", "§5", None, (), (), ())
SHOULD = replace(MUST, level="should")
SHOULD_WITH_A_MUST = replace(SHOULD, clauses=(Clause("must", "text"),))


def finding(level: Level = "must", summary: str = "it breaks") -> Finding:
    return Finding(MUST.id, level, summary, "this", "that", ("curl it",))


def outcome(status: Status, requirement: Requirement = MUST, *found: Finding, **more) -> Outcome:
    return Outcome(requirement, status, 1, findings=found, **more)


def said(of: Outcome, **run) -> Result:
    report = Report(
        contract="1.0.0",
        target="http://h",
        profile="quick",
        seed=1,
        strict=run.pop("strict", False),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=1.0,
        outcomes=(of,),
        undocumented_events=(),
        **run,
    )
    return result(report, MUST.id)


def test_what_is_kept_passes():
    assert said(outcome(Status.PASSED)) == Result(Kind.PASSED)


def test_a_broken_must_fails_with_what_was_expected_and_seen_and_how_to_repeat_it():
    told = said(outcome(Status.FAILED, MUST, finding()))
    assert told.kind is Kind.FAILED
    assert told.text.splitlines() == [
        "SEND-09 it breaks (must, §5)",
        "  expected  this",
        "  observed  that",
        "  curl it",
    ]


def test_the_first_findings_of_a_requirement_are_told_and_the_others_counted():
    told = said(outcome(Status.FAILED, MUST, *(finding(summary=f"it {n}") for n in range(5))))
    assert [f"it {n} (" in told.text for n in range(5)] == [True, True, True, False, False]
    assert told.text.endswith("SEND-09: 2 more in the reports")


def test_a_broken_should_warns_and_fails_when_strict():
    broken = outcome(Status.FAILED, SHOULD, finding("should"))
    told = said(broken)
    assert told.kind is Kind.PASSED
    assert told.warnings[0].startswith("SEND-09 it breaks (should, §5)")
    assert said(broken, strict=True).kind is Kind.FAILED


def test_a_must_fails_with_the_should_that_is_broken_beside_it_as_warning():
    told = said(outcome(Status.FAILED, MUST, finding(), finding("should", "it is rude")))
    assert told.kind is Kind.FAILED
    assert ["it is rude" in warning for warning in told.warnings] == [True]
    assert "it is rude" not in told.text


@pytest.mark.parametrize("requirement", [MUST, SHOULD_WITH_A_MUST])
def test_a_must_that_could_not_be_judged_is_open(requirement):
    told = said(outcome(Status.UNTESTABLE, requirement, reason="add a user"))
    assert told == Result(Kind.OPEN, "SEND-09 could not be judged: add a user")


def test_a_should_that_could_not_be_judged_is_skipped_and_open_when_strict():
    unjudged = outcome(Status.UNTESTABLE, SHOULD, reason="add a user")
    assert said(unjudged).kind is Kind.SKIPPED
    assert said(unjudged, strict=True).kind is Kind.OPEN


def test_a_finding_counts_where_the_rest_could_not_be_judged():
    assert said(outcome(Status.UNTESTABLE, MUST, finding(), reason="x")).kind is Kind.FAILED


def test_what_is_switched_off_is_skipped_with_the_reason():
    told = said(outcome(Status.NOT_APPLICABLE, reason="switched off in the target file"))
    assert told == Result(Kind.SKIPPED, "SEND-09: switched off in the target file")


@pytest.mark.parametrize("requirement", [MUST, SHOULD])
def test_an_error_of_the_suite_is_open_at_any_level(requirement):
    told = said(outcome(Status.ERROR, requirement, reason="oh"))
    assert told.kind is Kind.OPEN
    assert "an error of this suite" in told.text


def test_what_passed_in_a_run_that_ended_early_is_open():
    told = said(outcome(Status.PASSED), stopped="the backend is gone")
    assert told == Result(
        Kind.OPEN, "SEND-09 was judged in part: the run ended early: the backend is gone"
    )


@pytest.mark.parametrize("requirement", [MUST, SHOULD])
def test_what_a_run_that_ended_early_did_not_reach_is_open_at_any_level(requirement):
    unreached = outcome(Status.UNTESTABLE, requirement, reason="nothing answers")
    assert said(unreached, stopped="nothing answers").kind is Kind.OPEN


def test_what_is_broken_fails_in_a_run_that_ended_early_too():
    assert said(outcome(Status.FAILED, MUST, finding()), stopped="oh").kind is Kind.FAILED


def test_what_the_baseline_knows_is_an_expected_failure_with_its_reason():
    entry = Entry(MUST.id, finding().fingerprint, "until the next release")
    told = said(outcome(Status.PASSED, known=(finding(),)), baseline=Baseline((entry,)))
    assert told == Result(Kind.KNOWN, "until the next release (SEND-09 it breaks)")


def test_a_new_finding_beside_a_known_one_fails():
    told = said(outcome(Status.FAILED, MUST, finding(summary="new"), known=(finding(),)))
    assert told.kind is Kind.FAILED
    assert "it breaks" not in told.text


def test_a_stale_entry_of_the_baseline_fails_the_test_of_its_requirement_alone():
    stale = ("SEND-09 1234 no longer occurs; remove it from the baseline.",)
    told = said(outcome(Status.PASSED), stale=stale)
    assert told == Result(Kind.FAILED, f"stale baseline: {stale[0]}")
    assert said(outcome(Status.PASSED), stale=("SEND-01 12 expired.",)).kind is Kind.PASSED
