"""The verdict and the exit status of a run, as sentences."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from conformance.judging.baseline import Baseline, Entry
from conformance.judging.findings import Finding, Outcome, Status, Verdict
from conformance.reports.html import as_html
from conformance.reports.markdown import as_markdown
from conformance.reports.report import Report
from contract import Level, Requirement


def requirement(id: str = "SEND-01", level: Level = "must") -> Requirement:
    return Requirement(id, level, "text", "§3.2", None, (), (), ())


def outcome(status: Status, level: Level = "must", *, broken: bool = False) -> Outcome:
    of = requirement(level=level)
    findings = (Finding(of.id, level, "it breaks", "this", "that"),) if broken else ()
    return Outcome(of, status, findings=findings)


PASSED = outcome(Status.PASSED)
BROKEN_MUST = outcome(Status.FAILED, broken=True)
BROKEN_SHOULD = outcome(Status.FAILED, "should", broken=True)
OPEN_MUST = outcome(Status.UNTESTABLE)
OPEN_SHOULD = outcome(Status.UNTESTABLE, "should")
ERROR = outcome(Status.ERROR)
OFF = outcome(Status.NOT_APPLICABLE)


def report(*outcomes: Outcome, **fields) -> Report:
    return Report(
        contract="1.0.0",
        target="http://h",
        profile="quick",
        seed=1,
        strict=fields.pop("strict", False),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=1.0,
        outcomes=outcomes,
        undocumented_events=(),
        **fields,
    )


def said(*outcomes: Outcome, **fields) -> tuple[Verdict, int]:
    result = report(*outcomes, **fields)
    return result.verdict, result.exit_status


def test_all_kept_is_conformant_and_0():
    assert said(PASSED, OFF) == (Verdict.CONFORMANT, 0)


def test_a_broken_must_is_non_conformant_and_1():
    assert said(PASSED, BROKEN_MUST) == (Verdict.NON_CONFORMANT, 1)


def test_a_broken_should_is_conformant_and_0_and_when_strict_non_conformant_and_1():
    assert said(PASSED, BROKEN_SHOULD) == (Verdict.CONFORMANT, 0)
    assert said(PASSED, BROKEN_SHOULD, strict=True) == (Verdict.NON_CONFORMANT, 1)


def test_an_open_must_is_incomplete_and_3():
    assert said(PASSED, OPEN_MUST) == (Verdict.INCOMPLETE, 3)


def test_an_open_should_is_conformant_and_0_and_when_strict_incomplete_and_3():
    assert said(PASSED, OPEN_SHOULD) == (Verdict.CONFORMANT, 0)
    assert said(PASSED, OPEN_SHOULD, strict=True) == (Verdict.INCOMPLETE, 3)


def test_an_error_of_the_suite_is_incomplete_and_4_whatever_its_level():
    assert said(PASSED, ERROR) == (Verdict.INCOMPLETE, 4)
    assert said(PASSED, outcome(Status.ERROR, "should")) == (Verdict.INCOMPLETE, 4)


def test_a_run_that_ended_early_is_incomplete_and_3_though_all_it_judged_was_kept():
    assert said(PASSED, stopped="the run was interrupted") == (Verdict.INCOMPLETE, 3)


def test_a_run_that_the_suite_itself_broke_off_is_incomplete_and_4():
    stopped = "an error of this suite: KeyError: 'x'"
    assert said(PASSED, stopped=stopped, fault=True) == (Verdict.INCOMPLETE, 4)


def test_a_broken_must_outweighs_everything_else_and_is_1():
    assert said(BROKEN_MUST, OPEN_MUST) == (Verdict.NON_CONFORMANT, 1)
    assert said(BROKEN_MUST, ERROR) == (Verdict.NON_CONFORMANT, 1)
    assert said(BROKEN_MUST, stopped="interrupted") == (Verdict.NON_CONFORMANT, 1)
    assert said(BROKEN_MUST, stopped="broken", fault=True) == (Verdict.NON_CONFORMANT, 1)


def test_a_stale_baseline_is_1_though_the_backend_is_conformant():
    assert said(PASSED, stale=("SEND-01 no longer occurs.",)) == (Verdict.CONFORMANT, 1)


def test_a_stale_baseline_is_1_though_the_run_is_incomplete():
    assert said(OPEN_MUST, stale=("SEND-02 expired.",)) == (Verdict.INCOMPLETE, 1)


def test_an_error_of_the_suite_outweighs_a_stale_baseline():
    assert said(ERROR, stale=("SEND-02 expired.",)) == (Verdict.INCOMPLETE, 4)


def test_what_was_judged_is_what_passed_or_failed_in_a_run_that_came_to_its_end():
    outcomes = [
        replace(outcome(status), requirement=requirement(f"SEND-0{number}"))
        for number, status in enumerate(Status)
    ]
    assert report(*outcomes).judged == {"SEND-01", "SEND-02"}
    assert report(*outcomes, stopped="interrupted").judged == frozenset()


def test_outcomes_are_counted():
    assert report(PASSED, PASSED, OPEN_MUST).counts == Counter(
        {Status.PASSED: 2, Status.UNTESTABLE: 1}
    )


def test_a_known_finding_is_told_with_the_entry_that_accepts_it():
    accepted = Finding("SEND-01", "must", "it breaks", "this", "that")
    known = replace(outcome(Status.PASSED), known=(accepted,))
    entry = Entry("SEND-01", accepted.fingerprint, "a reason")
    given = report(known, BROKEN_SHOULD, baseline=Baseline((entry,)))
    assert given.known == ((known, accepted),)
    assert given.accepted(accepted) == entry
    assert given.accepted(BROKEN_SHOULD.findings[0]) is None
    assert report(known).accepted(accepted) is None
    assert given.state(known) == "known"


def test_which_findings_count_hangs_on_their_level_and_on_how_strict_the_run_is():
    must, should = BROKEN_MUST.findings[0], BROKEN_SHOULD.findings[0]
    assert [report().counts_against(it) for it in (must, should)] == [True, False]
    assert [report(strict=True).counts_against(it) for it in (must, should)] == [True, True]


def found(id: str, summary: str, level: Level = "must", cause: str | None = None) -> Outcome:
    finding = Finding(id, level, summary, "this", "that", cause=cause)
    return Outcome(requirement(id, level), Status.FAILED, findings=(finding,))


def test_deaths_come_first_then_what_counts_in_the_order_in_which_it_was_found():
    outcomes = (
        found("AUTH-01", "a warning", "should"),
        found("SEND-02", "of a cause", cause="its form"),
        found("SEND-16", "found late"),
        found("MSG-03", "found early"),
        found("ALL-01", "the schema", cause="its form"),
        found("ALL-05", "a death"),
    )
    by_id = {each.requirement.id: each.findings[0].fingerprint for each in outcomes}
    live = ("AUTH-01", "MSG-03", "ALL-01", "ALL-05", "SEND-16", "SEND-02")
    given = report(*outcomes, found=tuple(by_id[id] for id in live))
    order = [[finding.requirement for _, finding in group] for group in given.causes]
    assert order == [["ALL-05"], ["MSG-03"], ["SEND-02", "ALL-01"], ["SEND-16"], ["AUTH-01"]]
    assert [finding.summary for _, finding in given.warnings] == ["a warning"]
    for text in (as_html(given), as_markdown(given), str(given)):
        texts = ("a death", "found early", "of a cause", "the schema", "found late")
        places = [text.index(piece) for piece in texts]
        assert places == sorted(places)
