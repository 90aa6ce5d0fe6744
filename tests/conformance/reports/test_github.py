"""Annotations are few and cannot be forged; the summary of a step takes what there is room for."""

import re
from contextlib import suppress

import pytest

from conformance.judging.findings import Status
from conformance.reports.github import (
    MOST,
    Annotation,
    annotations,
    append_summary,
    untrusted,
    wanted,
)
from conformance.reports.markdown import LARGEST
from conformance.reports.report import Report
from tests.conformance.reports.samples import (
    CONTRACT,
    EVERY_KIND,
    WITH_BASELINE,
    any_report,
    finding,
    hostile,
    outcome,
    report,
)


def lines(given: Report) -> list[str]:
    return [annotation.command() for annotation in annotations(given)]


def test_a_broken_must_is_an_error_and_a_broken_should_a_warning():
    said = lines(report(*EVERY_KIND))
    assert said[0] == (
        "::error title=SEND-09 (must)::it breaks%0Aexpected: it breaks expected"
        "%0Aobserved: it breaks observed"
    )
    assert any(line.startswith("::warning title=HIST-07 (should)::newest first") for line in said)
    assert not any("HIST-07" in line and "warning" in line for line in lines(strict()))


def strict() -> Report:
    return report(*EVERY_KIND, strict=True)


def test_what_keeps_the_run_from_a_verdict_is_said_and_nothing_else_of_what_was_not_judged():
    said = "\n".join(lines(report(*EVERY_KIND)))
    assert "::warning title=Could not be judged::AUTH-02: needs a user; add one" in said
    assert "AUTH-07" not in said
    assert "::error title=AUTH-04 (must)::Error of the suite: KeyError" in said


def test_a_run_that_ended_early_and_a_stale_baseline_are_errors():
    said = lines(report(stopped="it was interrupted", stale=("SEND-01 expired.",)))
    assert said == [
        "::error title=Stale baseline::SEND-01 expired.",
        "::error title=The run ended early::it was interrupted",
    ]


def test_what_a_baseline_accepts_is_not_annotated():
    assert not any("META-01" in line for line in lines(WITH_BASELINE))


def test_nothing_is_said_of_a_conformant_backend():
    assert lines(report(outcome("AUTH-01", Status.PASSED))) == []


def test_several_findings_of_a_requirement_are_one_annotation():
    several = outcome("SEND-09", Status.FAILED, *(finding(text=f"it breaks {n}") for n in "abc"))
    (said,) = lines(report(several))
    assert said.endswith("%0Aand 2 more of this requirement")


def test_there_are_no_more_than_github_shows():
    many = [outcome(id, Status.FAILED, finding(id)) for id in CONTRACT.requirements]
    said = annotations(report(*many))
    for kind in ("error", "warning"):
        assert sum(annotation.kind == kind for annotation in said) == MOST
    errors = [annotation for annotation in said if annotation.kind == "error"]
    broken = sum(outcome.requirement.level == "must" for outcome in many)
    assert errors[-1].text.startswith(f"{broken - MOST + 1} more;")


@any_report(60)
def test_each_is_one_line_with_one_command(given):
    for line in lines(given):
        assert line.isprintable()
        assert re.fullmatch(r"::(error|warning) title=[^:,]*::.*", line)


def test_what_is_hostile_stays_in_its_place():
    for line in lines(hostile()):
        assert re.fullmatch(r"::(error|warning) title=[^:,]*::[^\r\n]*", line)


def test_titles_and_texts_are_escaped_as_github_asks():
    said = Annotation("error", "a: b, 100%\nc", "x: y, 100%\nz\r").command()
    assert said == r"::error title=a%3A b%2C 100%25 c::x: y, 100%25%0Az\r"


@pytest.mark.parametrize(
    ("choice", "environment", "result"),
    [
        ("auto", {}, False),
        ("auto", {"GITHUB_ACTIONS": "true"}, True),
        ("auto", {"GITHUB_ACTIONS": "false"}, False),
        ("github", {}, True),
        ("none", {"GITHUB_ACTIONS": "true"}, False),
    ],
)
def test_annotations_are_wanted_where_github_runs_us_or_as_is_said(choice, environment, result):
    assert wanted(choice, environment) is result


def test_no_command_is_taken_from_the_words_of_a_backend():
    said: list[str] = []
    with suppress(KeyError), untrusted(said.append):
        said.append("::set-output name=x::taken")
        raise KeyError
    begin, _, end = said
    token = begin.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert end == f"::{token}::"
    with untrusted(said.append):
        pass
    assert said[-1] != end


def test_the_summary_comes_after_what_is_there_and_leaves_off_where_the_page_is_full(tmp_path):
    file = tmp_path / "summary"
    file.write_text("before")
    append_summary(report(*EVERY_KIND), file)
    assert file.read_text().startswith("before\n## ✗ Non-conformant")
    file.write_bytes(b"x" * (LARGEST - 500))
    append_summary(report(*EVERY_KIND), file)
    assert LARGEST - 500 < file.stat().st_size <= LARGEST
    file.write_bytes(b"x" * LARGEST)
    append_summary(report(*EVERY_KIND), file)
    assert file.stat().st_size == LARGEST


def test_a_summary_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        append_summary(report(), tmp_path / "gone" / "summary")
