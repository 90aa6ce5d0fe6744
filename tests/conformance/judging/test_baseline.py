"""Accepted findings: a list that may only shrink."""

import json
from datetime import date

import pytest

from conformance.judging.baseline import Baseline, BaselineError, Entry
from conformance.judging.findings import Finding, Outcome, Status
from contract import Level, Requirement

TODAY = date(2026, 11, 20)


def requirement(id: str, level: Level = "must") -> Requirement:
    return Requirement(id, level, "text", "§3.2", None, (), (), ())


def finding(id: str = "SEND-09", summary: str = "it breaks", level: Level = "must") -> Finding:
    return Finding(id, level, summary, "this", "that")


def failed(*findings: Finding) -> Outcome:
    first = findings[0]
    return Outcome(requirement(first.requirement, first.level), Status.FAILED, findings=findings)


def passed(id: str = "SEND-09") -> Outcome:
    return Outcome(requirement(id), Status.PASSED)


def entry(of: Finding | None = None, **fields) -> Entry:
    of = of or finding()
    return Entry(of.requirement, of.fingerprint, "until the next release", of.summary, **fields)


def applied(
    entries: list[Entry],
    outcomes: list[Outcome],
    *,
    judged: set[str] | None = None,
    today: date = TODAY,
) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
    ids = {outcome.requirement.id for outcome in outcomes}
    return Baseline(tuple(entries)).apply(
        outcomes,
        judged=frozenset(ids if judged is None else judged),
        known=frozenset({"SEND-09", "SEND-10", "HIST-07"}),
        today=today,
    )


# What is accepted and what is stale


def test_an_accepted_finding_counts_no_more():
    (outcome,), stale = applied([entry()], [failed(finding())])
    assert (outcome.status, outcome.findings, stale) == (Status.PASSED, (), ())


def test_a_new_finding_beside_an_accepted_one_still_fails():
    new = finding(summary="it breaks in another way")
    (outcome,), stale = applied([entry()], [failed(finding(), new)])
    assert (outcome.status, outcome.findings, stale) == (Status.FAILED, (new,), ())


def test_a_finding_that_no_longer_occurs_is_stale():
    _, stale = applied([entry()], [passed()])
    name = f"SEND-09 {finding().fingerprint}"
    assert stale == (f"{name} no longer occurs; remove it from the baseline.",)


def test_a_finding_that_occurs_in_another_way_now_is_new_and_the_old_entry_is_stale():
    new = finding(summary="it breaks in another way")
    (outcome,), stale = applied([entry()], [failed(new)])
    assert outcome.findings == (new,)
    assert len(stale) == 1


def test_an_entry_whose_requirement_this_run_did_not_judge_is_not_stale():
    assert applied([entry()], [passed("SEND-10")])[1] == ()
    untestable = Outcome(requirement("SEND-09"), Status.UNTESTABLE)
    assert applied([entry()], [untestable], judged=set())[1] == ()


def test_an_entry_that_names_no_requirement_is_stale_whatever_was_judged():
    _, stale = applied([entry(finding("SEND-99"))], [passed("SEND-10")])
    assert "SEND-99" in stale[0]
    assert stale[0].endswith("names no requirement; remove it from the baseline.")


def test_an_entry_holds_on_its_last_day_and_not_on_the_next():
    last = entry(expires=TODAY)
    assert applied([last], [failed(finding())])[1] == ()
    (outcome,), stale = applied([last], [failed(finding())], today=date(2026, 11, 21))
    assert outcome.status is Status.FAILED
    assert stale == (f"SEND-09 {finding().fingerprint} expired on 2026-11-20.",)


def test_an_expired_entry_is_stale_even_where_its_requirement_was_not_judged():
    _, stale = applied([entry(expires=date(2020, 1, 1))], [passed("SEND-10")])
    assert len(stale) == 1


def test_an_error_of_the_suite_cannot_be_accepted():
    broken = Outcome(requirement("SEND-09"), Status.ERROR, reason="KeyError")
    (outcome,), _ = applied([entry()], [broken], judged=set())
    assert outcome.status is Status.ERROR


# Updating


def updated(
    entries: list[Entry], outcomes: list[Outcome], *, judged: set[str], strict: bool = False
) -> tuple[Entry, ...]:
    known = frozenset({"SEND-09", "SEND-10", "HIST-07"})
    return (
        Baseline(tuple(entries))
        .updated(outcomes, judged=frozenset(judged), known=known, strict=strict)
        .entries
    )


def test_an_update_lists_what_fails_now_without_a_reason():
    (new,) = updated([], [failed(finding())], judged={"SEND-09"})
    assert new == Entry("SEND-09", finding().fingerprint, "", "it breaks")


def test_an_update_keeps_the_reasons_of_what_still_occurs_and_drops_what_does_not():
    gone = entry(finding(summary="long repaired"))
    kept = entry(link="https://example.com/1")
    assert updated([kept, gone], [failed(finding())], judged={"SEND-09"}) == (kept,)


def test_an_update_keeps_what_this_run_did_not_judge():
    unjudged = entry(finding("SEND-10"))
    assert updated([unjudged], [passed()], judged={"SEND-09"}) == (unjudged,)


def test_an_update_drops_what_names_no_requirement():
    assert updated([entry(finding("SEND-99"))], [passed()], judged={"SEND-09"}) == ()


def test_an_update_lists_a_should_only_when_strict_and_keeps_it_once_it_is_listed():
    warning = finding("HIST-07", level="should")
    assert updated([], [failed(warning)], judged={"HIST-07"}) == ()
    (listed,) = updated([], [failed(warning)], judged={"HIST-07"}, strict=True)
    assert listed.fingerprint == warning.fingerprint
    assert updated([listed], [failed(warning)], judged={"HIST-07"}) == (listed,)


# Files


def test_what_was_written_is_read_again(tmp_path):
    file = tmp_path / "baseline.json"
    first = entry(link="https://example.com/1", expires=date(2026, 12, 31))
    second = entry(finding("SEND-10", "etwas bricht: ü"))
    Baseline((first, second)).write(file)
    assert Baseline.read(file).entries == (first, second)


def test_an_updated_baseline_asks_for_its_reasons_before_it_is_used(tmp_path):
    file = tmp_path / "baseline.json"
    Baseline().updated(
        [failed(finding())],
        judged=frozenset({"SEND-09"}),
        known=frozenset({"SEND-09"}),
        strict=False,
    ).write(file)
    with pytest.raises(BaselineError, match=r"finding 1 \(SEND-09\) needs a reason"):
        Baseline.read(file)


RIGHT = {"requirement": "SEND-09", "fingerprint": "0123456789ab", "reason": "known"}


def file_of(tmp_path, content: object):
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(content))
    return file


def test_an_entry_needs_only_requirement_fingerprint_and_reason(tmp_path):
    (read,) = Baseline.read(file_of(tmp_path, {"format": 1, "findings": [RIGHT]})).entries
    assert read == Entry("SEND-09", "0123456789ab", "known")


def test_a_byte_order_mark_is_no_error(tmp_path):
    file = tmp_path / "baseline.json"
    file.write_bytes(b'\xef\xbb\xbf{"format": 1, "findings": []}')
    assert Baseline.read(file).entries == ()


def one(**fields) -> dict:
    changed = {key: value for key, value in (RIGHT | fields).items() if value is not ...}
    return {"format": 1, "findings": [RIGHT, changed]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], 'a baseline is an object with "format": 1 and a list "findings".'),
        (None, "a baseline is an object"),
        ({"findings": []}, "a baseline is an object"),
        ({"format": 2, "findings": []}, "a baseline is an object"),
        ({"format": 1, "findings": {}}, "a baseline is an object"),
        (
            {"format": 1, "findings": [], "finding": []},
            "has a field 'finding'; known: findings, format.",
        ),
        ({"format": 1, "findings": [RIGHT, 7]}, "finding 2 has to be an object."),
        (one(reson="x"), "finding 2 has a field 'reson'; known: expires, fingerprint"),
        (one(requirement=...), "finding 2 needs requirement, a text."),
        (one(fingerprint=7), "finding 2 needs fingerprint, a text."),
        (one(reason=...), "finding 2 needs reason, a text."),
        (one(reason=""), "finding 2 (SEND-09) needs a reason"),
        (one(reason=" \n"), "finding 2 (SEND-09) needs a reason"),
        (one(expires="soon"), "finding 2: expires has to be a day such as 2026-12-31."),
        (one(expires=20261231), "finding 2: expires has to be a day"),
        (one(expires="2026-02-30"), "finding 2: expires has to be a day"),
        (one(link=7), "finding 2: link has to be a text."),
        (one(summary=["x"]), "finding 2: summary has to be a text."),
    ],
)
def test_each_wrong_file_gets_its_sentence(tmp_path, content, expected):
    file = file_of(tmp_path, content)
    with pytest.raises(BaselineError) as caught:
        Baseline.read(file)
    assert str(caught.value).startswith(str(file))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "is no JSON: "),
        (b"{", "is no JSON: "),
        (b"\xff", "byte 0 is not UTF-8."),
        (b"[" * 100_000, "is no JSON: "),
        (b"9" * 5000, "is no JSON: "),
    ],
)
def test_what_is_no_json_is_said_to_be_none(tmp_path, raw, expected):
    file = tmp_path / "baseline.json"
    file.write_bytes(raw)
    with pytest.raises(BaselineError) as caught:
        Baseline.read(file)
    assert str(caught.value).startswith(str(file))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(BaselineError, match="No such file or directory"):
        Baseline.read(tmp_path / "missing.json")
