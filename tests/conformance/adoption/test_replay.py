"""Which finding of a report is meant."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.adoption.replay import Now, Replayable, ReplayError, find, looked
from conformance.judging.findings import Finding, Outcome, Status
from conformance.reports.report import Report
from contract import load

ONE = {"fingerprint": "aaaa11112222", "summary": "One"}
TWO = {"fingerprint": "aaaa33334444", "summary": "Two"}


def report(tmp_path: Path, **findings: list[dict[str, str]]) -> Path:
    file = tmp_path / "report.json"
    requirements = [
        {"id": id.replace("_", "-"), "findings": entries} for id, entries in findings.items()
    ]
    content = {"seed": 7, "profile": "quick", "requirements": requirements}
    file.write_text(json.dumps(content))
    return file


def test_a_finding_is_known_by_its_fingerprint_or_the_beginning_of_it(tmp_path: Path) -> None:
    file = report(tmp_path, SEND_09=[ONE, TWO])
    assert [it.summary for it in find(file, "aaaa1")] == ["One"]
    (found,) = find(file, "AAAA33334444")
    assert (found.requirement, found.seed, found.profile) == ("SEND-09", 7, "quick")


def test_a_requirement_names_all_its_findings(tmp_path: Path) -> None:
    found = find(report(tmp_path, SEND_09=[ONE, TWO], MSG_01=[]), "send-09")
    assert [each.summary for each in found] == ["One", "Two"]


def test_a_fingerprint_that_fits_two_findings_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"fits 2 findings .*aaaa11112222, aaaa33334444"):
        find(report(tmp_path, SEND_09=[ONE, TWO]), "aaaa")


@pytest.mark.parametrize("wanted", ["aaa", "bbbb", "MSG-01", ""])
def test_what_fits_no_finding_is_refused(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(ReplayError, match="has no finding"):
        find(report(tmp_path, SEND_09=[ONE], MSG_01=[]), wanted)


BROKEN = (
    {"requirements": [1]},
    {"requirements": None},
    {"requirements": [{"id": "SEND-09"}]},
    {"requirements": [{"id": "SEND-09", "findings": [{"fingerprint": "aaaa1111", "summary": 5}]}]},
    {"profile": "huge"},
    {"profile": []},
    {"seed": "x"},
    {"seed": -1},
    {"seed": None},
)
DAMAGED = [
    json.dumps({"seed": 7, "profile": "quick", "requirements": []} | part) for part in BROKEN
]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"seed": 1}', "\x00", "[" * 200_000, *DAMAGED])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(text)
    with pytest.raises(ReplayError, match=r"is no (JSON|report)"):
        find(file, "aaaa")


def test_a_report_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="No such file"):
        find(tmp_path / "report.json", "aaaa")


def seen(id: str, *summaries: str, stopped: str | None = None) -> Report:
    requirement = load().requirements[id]
    found = tuple(Finding(id, requirement.level, each, "this", "that") for each in summaries)
    status = Status.FAILED if found else Status.PASSED
    return Report(
        contract="1.0.0",
        target="http://h",
        profile="quick",
        seed=7,
        strict=False,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=1.0,
        outcomes=(Outcome(requirement, status, 1, None, found),),
        undocumented_events=(),
        stopped=stopped,
    )


def meant(id: str, *summaries: str) -> tuple[Replayable, ...]:
    level = load().requirements[id].level
    return tuple(
        Replayable(id, Finding(id, level, each, "", "").fingerprint, each, 7, "quick")
        for each in summaries
    )


DEATH = "The backend stops answering during the run"


def test_what_its_own_scenario_does_not_find_any_more_is_gone() -> None:
    (one,) = looked(meant("SEND-09", "It breaks"), seen("SEND-09"), monitored=False)
    assert one.now is Now.GONE
    assert one.line.startswith("no longer occurs: SEND-09 It breaks (")


def test_a_death_that_a_replay_may_not_repeat_is_not_called_mended() -> None:
    (one,) = looked(meant("ALL-05", DEATH), seen("ALL-05"), monitored=True)
    assert one.now is Now.UNSEEN
    assert "does not say that it is mended" in one.line
    assert "r2c-verify --profile quick --seed 7 sends all of it" in one.line


def test_a_backend_that_dies_of_something_else_still_dies() -> None:
    again = seen("ALL-05", "The backend dies of a plain typing", stopped="it is gone")
    (one,) = looked(meant("ALL-05", DEATH), again, monitored=True)
    assert one.now is Now.OCCURS
    assert one.line.endswith("this time as “The backend dies of a plain typing”")


def test_findings_that_say_the_same_are_one_line_for_each_thing_that_became_of_them() -> None:
    every = [f"A client with a {kind} token is connected over polling" for kind in "abcdefgh"]
    now = looked(meant("CONN-02", *every), seen("CONN-02", *every[:4]), monitored=False)
    assert [each.line for each in now] == [
        "still occurs: CONN-02 A client with a … token is connected (4 cases): a; b; c; d",
        "no longer occurs: CONN-02 A client with a … token is connected (4 cases): e; f; g; h",
    ]
