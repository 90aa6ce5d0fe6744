"""Which finding of a report is meant."""

import json
from pathlib import Path

import pytest

from conformance.adoption.replay import ReplayError, find

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
