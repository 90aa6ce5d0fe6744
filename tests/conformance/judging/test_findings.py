"""Outcomes only go up, and the verdict follows from them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.evidence.trace import Passage
from conformance.judging.findings import (
    Finding,
    Ledger,
    Outcome,
    Status,
    Verdict,
    failing,
    verdict,
    without,
)
from contract import Clause, Level, Requirement


def requirement(id: str = "SEND-01", level: Level = "must", *clauses: Level) -> Requirement:
    parts = tuple(Clause(clause, "a clause") for clause in clauses)
    return Requirement(id, level, "text", "§3.2", None, (), parts, ())


MUST = requirement()
SHOULD = requirement("HIST-07", "should")
MAY = requirement("MSG-13", "may", "must")
KNOWN = {r.id: r for r in (MUST, SHOULD, MAY)}


def finding(
    of: Requirement = MUST, summary: str = "it breaks", level: Level | None = None
) -> Finding:
    return Finding(of.id, level or of.level, summary, "this", "that")


def outcome(status: Status, of: Requirement = MUST, *findings: Finding) -> Outcome:
    return Outcome(of, status, findings=findings)


def only(ledger: Ledger, id: str = "SEND-01") -> Outcome:
    return next(outcome for outcome in ledger.outcomes() if outcome.requirement.id == id)


# The ladder

STEPS = {
    Status.PASSED: lambda ledger: ledger.passed("SEND-01"),
    Status.FAILED: lambda ledger: ledger.fail(finding()),
    Status.UNTESTABLE: lambda ledger: ledger.untestable("SEND-01", "a user is missing"),
    Status.ERROR: lambda ledger: ledger.error("SEND-01", "KeyError"),
}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8))
def test_an_outcome_is_the_highest_of_all_that_was_said_in_whatever_order(steps):
    ledger = Ledger(KNOWN)
    seen = []
    for step in steps:
        STEPS[step](ledger)
        seen.append(only(ledger).status)
    assert seen == sorted(seen)
    assert seen[-1] == max(steps)


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
def test_nothing_moves_a_requirement_that_was_switched_off(steps):
    ledger = Ledger(KNOWN)
    ledger.switch_off("SEND-01", "switched off in the target file")
    for step in steps:
        STEPS[step](ledger)
    result = only(ledger)
    assert result.status is Status.NOT_APPLICABLE
    assert (result.cases, result.findings) == (0, ())
    assert result.reason == "switched off in the target file"


def test_a_requirement_that_no_check_reached_is_untestable_and_says_so():
    result = only(Ledger(KNOWN))
    assert result.status is Status.UNTESTABLE
    assert result.reason == "no check reached it in this run"


def test_findings_stay_when_a_requirement_becomes_untestable_later():
    ledger = Ledger(KNOWN)
    ledger.fail(finding())
    ledger.untestable("SEND-01", "the backend is gone")
    result = only(ledger)
    assert (result.status, result.findings) == (Status.UNTESTABLE, (finding(),))
    assert verdict([result]) is Verdict.NON_CONFORMANT


def test_the_first_reason_stays_and_a_higher_step_brings_its_own():
    ledger = Ledger(KNOWN)
    ledger.untestable("SEND-01", "the first")
    ledger.untestable("SEND-01", "the second")
    assert only(ledger).reason == "the first"
    ledger.error("SEND-01", "KeyError")
    assert only(ledger).reason == "KeyError"


def test_an_observation_passes_and_keeps_what_was_seen():
    ledger = Ledger(KNOWN)
    ledger.passed("MSG-13")
    ledger.observed("MSG-13", "acknowledges every message")
    result = only(ledger, "MSG-13")
    assert (result.status, result.cases) == (Status.PASSED, 2)
    assert result.reason == "acknowledges every message"


def test_the_same_finding_twice_is_one_finding_two_cases_and_heard_once():
    heard = []
    ledger = Ledger(KNOWN, heard.append)
    ledger.fail(finding())
    ledger.fail(Finding("SEND-01", "must", "it breaks", "this", "another observation"))
    result = only(ledger)
    assert (result.cases, len(result.findings), len(heard)) == (2, 1, 1)
    assert result.findings[0].observed == "that"


def test_what_this_run_does_not_judge_is_neither_counted_nor_heard():
    heard = []
    ledger = Ledger({"HIST-07": SHOULD}, heard.append)
    ledger.fail(finding())
    ledger.passed("SEND-01")
    ledger.error("SEND-01", "x")
    assert not ledger.knows("SEND-01")
    assert [o.requirement.id for o in ledger.outcomes()] == ["HIST-07"]
    assert heard == []


def test_a_finding_at_a_level_that_no_clause_has_is_the_suites_mistake():
    ledger = Ledger(KNOWN)
    with pytest.raises(ValueError, match="SEND-01 has no clause of level should"):
        ledger.fail(finding(level="should"))
    assert only(ledger).findings == ()


def test_outcomes_stand_in_the_order_of_the_contract_not_of_the_findings():
    ledger = Ledger(KNOWN)
    ledger.passed("MSG-13")
    ledger.passed("SEND-01")
    assert [o.requirement.id for o in ledger.outcomes()] == ["SEND-01", "HIST-07", "MSG-13"]


def test_many_threads_lose_no_case_and_double_no_finding():
    heard = []
    ledger = Ledger(KNOWN, heard.append)
    gate = threading.Barrier(8)

    def judge() -> None:
        gate.wait()
        for number in range(200):
            ledger.passed("SEND-01")
            ledger.fail(finding(summary=f"way {number % 5}"))

    threads = [threading.Thread(target=judge) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = only(ledger)
    assert (result.cases, len(result.findings), len(heard)) == (3200, 5, 5)


def test_time_adds_up_and_makes_no_outcome_another():
    ledger = Ledger(KNOWN)
    ledger.passed("SEND-01")
    untimed = ledger.outcomes()
    ledger.took("SEND-01", 0.5)
    ledger.took("SEND-01", 0.25)
    ledger.took("NONE-01", 9)
    timed = ledger.outcomes()
    assert [outcome.seconds for outcome in timed] == [0.75, 0, 0]
    assert timed == untimed


def test_labels_are_words():
    assert [status.label for status in Status] == [
        "not-applicable",
        "passed",
        "failed",
        "untestable",
        "error",
    ]


# Fingerprints


def test_a_fingerprint_is_known_from_run_to_run():
    # A literal: baselines that people keep depend on it.
    assert finding().fingerprint == "df096e16b85d"


def test_what_changes_between_runs_does_not_change_the_fingerprint():
    other = Finding(
        "SEND-01", "must", "it breaks", "x", "y", ("curl …",), (Passage("sent", "Asha", "GET /"),)
    )
    assert other.fingerprint == finding().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        finding(SHOULD),
        finding(MAY, level="must"),
        finding(summary="it breaks in another way"),
        Finding("SEND-01", "should", "it breaks", "this", "that"),
    ],
)
def test_another_requirement_level_or_summary_has_another_fingerprint(other):
    assert other.fingerprint != finding().fingerprint


# The verdict


def test_nothing_but_passed_is_conformant():
    assert verdict([outcome(Status.PASSED), outcome(Status.PASSED, SHOULD)]) is Verdict.CONFORMANT


def test_a_broken_must_is_non_conformant():
    assert verdict([outcome(Status.FAILED, MUST, finding())]) is Verdict.NON_CONFORMANT


def test_a_broken_should_is_a_warning_unless_strict():
    outcomes = [outcome(Status.PASSED), outcome(Status.FAILED, SHOULD, finding(SHOULD))]
    assert verdict(outcomes) is Verdict.CONFORMANT
    assert verdict(outcomes, strict=True) is Verdict.NON_CONFORMANT
    assert failing(outcomes) == ()
    assert failing(outcomes, strict=True) == (finding(SHOULD),)


def test_the_must_clause_of_a_may_counts_as_a_must():
    broken = [outcome(Status.FAILED, MAY, finding(MAY, level="must"))]
    assert verdict(broken) is Verdict.NON_CONFORMANT


def test_an_open_must_is_incomplete_an_open_should_only_when_strict():
    assert verdict([outcome(Status.UNTESTABLE)]) is Verdict.INCOMPLETE
    open_should = [outcome(Status.PASSED), outcome(Status.UNTESTABLE, SHOULD)]
    assert verdict(open_should) is Verdict.CONFORMANT
    assert verdict(open_should, strict=True) is Verdict.INCOMPLETE


def test_an_open_must_clause_of_a_may_is_incomplete():
    assert verdict([outcome(Status.UNTESTABLE, MAY)]) is Verdict.INCOMPLETE


def test_an_error_of_the_suite_is_never_conformant_at_any_level():
    assert verdict([outcome(Status.PASSED), outcome(Status.ERROR, SHOULD)]) is Verdict.INCOMPLETE


def test_one_broken_must_outweighs_whatever_is_open():
    outcomes = [
        outcome(Status.ERROR, SHOULD),
        outcome(Status.UNTESTABLE, MAY),
        outcome(Status.FAILED, MUST, finding()),
    ]
    assert verdict(outcomes) is Verdict.NON_CONFORMANT


def test_what_is_switched_off_does_not_count():
    assert verdict([outcome(Status.NOT_APPLICABLE)]) is Verdict.CONFORMANT


# Accepted findings


def test_a_requirement_whose_findings_are_all_accepted_passes_and_says_why():
    (kept,) = without([outcome(Status.FAILED, MUST, finding())], frozenset({finding().fingerprint}))
    assert (kept.status, kept.findings) == (Status.PASSED, ())
    assert kept.reason == "the baseline accepts its findings"


def test_a_finding_that_is_not_accepted_stays_and_fails():
    other = finding(summary="it breaks in another way")
    (kept,) = without(
        [outcome(Status.FAILED, MUST, finding(), other)], frozenset({finding().fingerprint})
    )
    assert (kept.status, kept.findings) == (Status.FAILED, (other,))


@pytest.mark.parametrize("status", [Status.UNTESTABLE, Status.ERROR])
def test_accepting_a_finding_makes_nothing_judged_that_was_not(status):
    (kept,) = without([outcome(status, MUST, finding())], frozenset({finding().fingerprint}))
    assert (kept.status, kept.findings) == (status, ())


def test_a_ledger_takes_what_another_has_entered_and_no_more():
    heard = []
    here, there = (Ledger(KNOWN, listen) for listen in (heard.append, lambda finding: None))
    there.passed(MUST.id, 3)
    there.fail(finding(SHOULD))
    there.untestable(SHOULD.id, "add a user")
    here.passed(SHOULD.id)
    here.take(there.said())
    one, two, _ = here.outcomes()
    assert (one.status, one.cases) == (Status.PASSED, 3)
    assert (two.status, two.cases, two.reason) == (Status.UNTESTABLE, 2, "add a user")
    assert two.findings == (finding(SHOULD),)
    assert heard == [finding(SHOULD)]
    assert here.unreached() == (MAY.id,)
