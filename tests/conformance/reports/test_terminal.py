"""What a person sees: failures first, nothing wrapped that is to be copied, nothing that steers."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from conformance.judging.findings import Finding, Outcome, Status
from conformance.reports.report import Report
from conformance.reports.terminal import LiveProgress, print_report
from contract import load

CONTRACT = load()
CURL = (
    "curl -sS -X POST 'http://localhost:5000/api/messages/send' -H \"Authorization: Bearer "
    "$TOKEN_ASHA\" -H 'Content-Type: application/json' --data-raw "
    '\'{"recipientId": "ffffffffffffffffffffffff", "text": "hello 0123456789abcdef"}\''
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def finding(id: str = "SEND-09", level: str | None = None, **texts: str) -> Finding:
    given = {"summary": "An unknown recipient is not refused", "expected": "404", "observed": "201"}
    given |= texts
    reproduce = given.pop("reproduce", CURL)
    return Finding(id, level or CONTRACT.requirements[id].level, **given, reproduce=(reproduce,))  # type: ignore[arg-type]


def outcome(id: str, status: Status, *findings: Finding, reason: str | None = None) -> Outcome:
    return Outcome(CONTRACT.requirements[id], status, 3, reason, findings)


def report(*outcomes: Outcome, **fields) -> Report:
    return Report(
        **{
            "contract": CONTRACT.version,
            "target": "http://localhost:5000",
            "profile": "quick",
            "seed": 7,
            "strict": False,
            "started": datetime(2026, 1, 1, tzinfo=UTC),
            "duration_s": 1.25,
            "outcomes": outcomes,
            "undocumented_events": (),
        }
        | fields
    )


def printed(given: Report, width: int = 100, *, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, highlight=False)
    print_report(given, console, "r2c-report")
    return out.getvalue()


BROKEN = outcome("SEND-09", Status.FAILED, finding())
WARNED = outcome("HIST-07", Status.FAILED, finding("HIST-07", summary="Newest first"))
FULL = report(
    outcome("AUTH-01", Status.PASSED),
    BROKEN,
    WARNED,
    outcome("PRES-01", Status.UNTESTABLE, reason="needs to know who is whose friend"),
    outcome("PRES-03", Status.UNTESTABLE, reason="needs to know who is whose friend"),
    outcome("META-10", Status.NOT_APPLICABLE, reason="switched off in the target file"),
    outcome("ALL-06", Status.ERROR, reason="KeyError: 'x'"),
    undocumented_events=("messageStatusUpdate",),
    stale=("CHAT-03 0123456789ab no longer occurs; remove it from the baseline.",),
    stopped="the 300 s of the profile quick were over",
)


def test_what_fails_stands_first_and_the_verdict_last():
    text = printed(FULL, 200)
    order = [
        "Broken (must)",
        "SEND-09 An unknown recipient is not refused  §5",
        "expected  404",
        "observed  201",
        CURL,
        "Warnings (should)",
        "HIST-07 Newest first",
        "Could not be judged",
        "PRES-01, PRES-03  needs to know who is whose friend",
        "Errors of this suite; please report them",
        "ALL-06  KeyError: 'x'",
        "Switched off",
        "META-10  switched off in the target file",
        "Stale baseline: CHAT-03 0123456789ab no longer occurs",
        "Sending",
        "Undocumented events (allowed): messageStatusUpdate",
        "http://localhost:5000 · contract 1.0.0 · profile quick · seed 7 · 1.2 s",
        "The run ended early: the 300 s of the profile quick were over",
        "NON-CONFORMANT  1 of 7 requirements kept, 1 finding, 1 warning, 2 not judged, "
        "1 error of this suite, 1 switched off, 1 stale baseline entry",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_a_conformant_run_is_short():
    text = printed(report(outcome("AUTH-01", Status.PASSED)))
    assert len(text.strip().splitlines()) == 3
    assert text.strip().splitlines()[-1] == "CONFORMANT  1 of 1 requirements kept"


def test_a_strict_run_has_no_warnings_but_broken_shoulds():
    text = printed(report(WARNED, strict=True))
    assert "Broken (must or should)" in text
    assert "Warnings" not in text
    assert text.strip().splitlines()[-1].startswith("NON-CONFORMANT")


@pytest.mark.parametrize(
    ("one", "sign"),
    [
        (outcome("SEND-09", Status.PASSED), "✓"),
        (BROKEN, "✗"),
        (outcome("SEND-09", Status.UNTESTABLE), "?"),
        (outcome("SEND-09", Status.ERROR), "!"),
        (outcome("SEND-09", Status.NOT_APPLICABLE), "–"),
        (outcome("SEND-14", Status.FAILED, finding("SEND-14", "should")), "▲"),
    ],
)
def test_each_outcome_has_its_sign(one, sign):
    line = next(line for line in printed(report(one)).splitlines() if line.startswith("SEND "))
    assert line.split()[-1] == sign


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("colour", [False, True])
def test_a_reproducer_is_one_line_however_narrow_the_terminal(width, colour):
    text = COLOURS.sub("", printed(FULL, width, colour=colour))
    assert text.splitlines().count(f"  {CURL}") == 2


@pytest.mark.parametrize("width", [20, 40])
def test_what_is_only_read_is_wrapped_to_a_narrow_terminal(width):
    long = finding(observed="201 " + "a few words " * 20)
    lines = printed(report(outcome("SEND-09", Status.FAILED, long)), width).splitlines()
    told = [line for line in lines if "words" in line]
    assert len(told) > 3
    assert max(map(len, told)) <= width


HOSTILE = "\x1b[2J\x1b]0;pwned\x07\x9b31m\r\b\x00\u202e[bold red]markup[/] :smile: \ud800"


def test_nothing_that_a_backend_or_a_file_says_steers_the_terminal():
    nasty = finding(summary=HOSTILE, expected=HOSTILE, observed=HOSTILE, reproduce=HOSTILE)
    given = report(
        outcome("SEND-09", Status.FAILED, nasty),
        outcome("PRES-01", Status.UNTESTABLE, reason=HOSTILE),
        outcome("ALL-06", Status.ERROR, reason=HOSTILE),
        target=HOSTILE,
        undocumented_events=(HOSTILE,),
        stale=(HOSTILE,),
        stopped=HOSTILE,
    )
    for colour in (False, True):
        text = COLOURS.sub("", printed(given, 400, colour=colour))
        assert not set("\x1b\x07\x9b\r\b\x00\u202e\ud800") & set(text)
        text.encode()
        assert text.count("[bold red]markup[/] :smile:") == 10


def test_a_summary_on_the_way_is_shown_without_control_characters():
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=40, highlight=False)) as progress:
        progress({"kind": "scenario-started", "name": HOSTILE, "requirements": []})
        progress({"kind": "finding", "level": "must", "requirement": "SEND-09", "summary": HOSTILE})
        progress({"kind": "scenario-ended", "name": HOSTILE})
        progress({"kind": "fuzzing-started", "what": HOSTILE})
        progress({"kind": "anything else"})
    (line,) = out.getvalue().splitlines()
    assert line.startswith(" ✗ SEND-09 \\x1b[2J")
    assert not set("\x1b\x07\x9b\r\b\x00\u202e") & set(line)


def test_progress_on_a_terminal_survives_hostile_words_and_ends_clean():
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, highlight=False)
    with LiveProgress(console) as progress:
        progress({"kind": "scenarios-collected", "total": 2})
        progress({"kind": "scenario-started", "name": f"[/] {HOSTILE}", "requirements": []})
        progress({"kind": "fuzzing-started", "what": f"[/] {HOSTILE}"})
    assert "\x1b]0;" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def line_of(level: str, strict: bool = False, causes: tuple[str | None, ...] = (None,)) -> str:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=80, highlight=False), strict) as progress:
        for cause in causes:
            note = {"requirement": "SEND-09", "level": level, "summary": "x", "cause": cause}
            progress({"kind": "finding", **note})
    return out.getvalue()


@pytest.mark.parametrize(
    ("level", "strict", "sign"),
    [("must", False, "✗"), ("should", False, "▲"), ("should", True, "✗")],
)
def test_a_finding_on_the_way_has_the_sign_that_it_has_at_the_end(level, strict, sign):
    assert line_of(level, strict) == f" {sign} SEND-09 x\n"


def test_on_the_way_a_cause_is_told_once():
    assert line_of("must", causes=("the envelope", "the envelope")).count("\n") == 1
    assert line_of("must", causes=(None, None, "the envelope")).count("\n") == 3


CAUSE = "the form of status"
ONE_CAUSE = report(
    outcome("SEND-02", Status.FAILED, replace(finding("SEND-02", summary="Odd"), cause=CAUSE)),
    outcome("SEND-09", Status.FAILED, finding()),
    outcome("SEND-14", Status.FAILED, replace(finding("SEND-14", "should"), cause=CAUSE)),
    outcome("ALL-01", Status.FAILED, replace(finding("ALL-01", summary="Unfit"), cause=CAUSE)),
)


def test_what_has_the_same_cause_stands_in_a_line_each_below_the_first():
    lines = printed(ONE_CAUSE, 200).splitlines()
    start = lines.index("  the same cause, the form of status:")
    assert lines[start + 1 : start + 3] == [
        "  ✗ ALL-01 Unfit",
        "  ▲ SEND-14 An unknown recipient is not refused",
    ]
    assert next(i for i, line in enumerate(lines) if line.startswith("SEND-02 Odd")) < start
    assert "Warnings (should)" not in lines
    assert lines.count(f"  {CURL}") == 2
    assert lines[-1].endswith("3 findings (2 causes), 1 warning")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_is_seen_begins_beside_its_name_and_is_not_filled_with_spaces(width):
    body = json.dumps({f"field{number}": "some words" for number in range(30)}, separators=",:")
    seen = finding(observed=f"200 {body}")
    lines = printed(report(outcome("SEND-09", Status.FAILED, seen)), width).splitlines()
    assert [line for line in lines if "field" in line and line != line.rstrip()] == []
    first = next(line for line in lines if line.startswith("  observed"))
    assert '200 {"field0":' in first
    assert max(len(line) for line in lines if "field" in line) <= width


def test_fuzzing_that_had_no_time_for_all_is_told_quietly_and_with_what_to_do():
    given = outcome("AUTH-01", Status.PASSED)
    text = printed(report(given, fuzzed=229, fuzzed_all=False), 120)
    told = "229 generated requests and payloads fitted the time of fuzzing"
    assert f"{told}; --profile default takes more\n" in text
    thorough = printed(report(given, fuzzed=229, fuzzed_all=False, profile="thorough"), 120)
    assert f"{told}\n" in thorough
    assert told not in printed(report(given, fuzzed=229))
    assert told not in printed(report(given, fuzzed=2, fuzzed_all=False, stopped="it died"))


def test_a_run_begins_with_what_it_verifies_and_how_that_came_to_run():
    out = io.StringIO()
    console = Console(file=out, width=40, highlight=False)
    note = {"kind": "run-started", "target": "http://localhost:5000", "profile": "quick"}
    with LiveProgress(console) as progress:
        progress(note | {"backend": "started by `npm start`", "target_file": "target.toml"})
        progress(note | {"backend": "already running\x1b", "target_file": None})
    assert out.getvalue().splitlines() == [
        "Verifying http://localhost:5000, started by `npm start` · target.toml · profile quick",
        "Verifying http://localhost:5000, already running\\x1b · no target file · profile quick",
    ]


def test_what_is_found_before_the_run_says_what_it_verifies_stands_below_that():
    out = io.StringIO()
    begun = {"kind": "run-started", "target": "http://h", "profile": "quick", "backend": "running"}
    found = {"kind": "finding", "level": "must", "requirement": "ALL-02", "summary": "Early"}
    with LiveProgress(Console(file=out, width=80, highlight=False)) as progress:
        progress(found)
        progress(begun | {"target_file": None})
        progress(found | {"summary": "Late"})
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("Verifying http://h")
    assert lines[1:] == [" ✗ ALL-02 Early", " ✗ ALL-02 Late"]


TOKENS = [f"A client with a token {kind} is connected over polling" for kind in "abcdefghijklmnop"]


def test_on_the_way_what_is_found_for_many_stimuli_is_told_once():
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=80, highlight=False)) as progress:
        for summary in (*TOKENS, "Else"):
            note = {"requirement": "CONN-02", "level": "must", "summary": summary}
            progress({"kind": "finding", **note})
    assert out.getvalue().splitlines() == [f" ✗ CONN-02 {TOKENS[0]}", " ✗ CONN-02 Else"]


@pytest.mark.parametrize("width", [80, 200])
def test_what_is_found_for_many_stimuli_is_one_entry_with_its_kinds(width):
    found = [finding("CONN-02", summary=summary) for summary in (*TOKENS, "Else")]
    lines = printed(report(outcome("CONN-02", Status.FAILED, *found)), width).splitlines()
    heads = [line for line in lines if line.startswith("CONN-02")]
    assert [head.partition("  ")[0] for head in heads] == [
        "CONN-02 A client with a token … is connected (16 cases)",
        "CONN-02 Else",
    ]
    (kinds,) = (line for line in lines if line.startswith("  cases"))
    assert kinds == "  cases     a; b; c; d; e; f; g; h; i; j; k; l; and 4 more kinds"
    assert lines.count(f"  {CURL}") == 2
    assert "17 findings" in lines[-1]


NODE = "\n".join(
    (
        "refused; it does so again: Hiro: emits typing null",
        "`npm start` ended with status 1; the last it printed:",
        "  > node server.js",
        "  Listening",
        "  file:///events.js:25",
        "    socket.on('typing', async ({ recipientId }) => {",
        "                                 ^",
        "  ",
        "  TypeError: Cannot destructure 'recipientId' of 'null'",
        *(f"      at frame{number} (file:///{'x' * 90}.js:{number}:1)" for number in range(8)),
    )
)
PYTHON = "\n".join(
    ("refused", "it ended:", *(f"    File {n}" for n in range(10)), "  KeyError: 'recipientId'")
)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_a_backend_printed_before_it_died_keeps_its_lines_and_names_the_error(width):
    died = finding("ALL-05", summary="The backend dies", observed=NODE)
    lines = printed(report(outcome("ALL-05", Status.FAILED, died)), width).splitlines()
    (error,) = (n for n, line in enumerate(lines) if line.startswith("    TypeError: "))
    last = next(n for n, line in enumerate(lines) if CURL in line) - 1
    assert lines[error + 1].startswith("        at frame0 (")
    assert lines[last].startswith("        at frame3 (")
    assert last - error == 4
    assert max(map(len, lines[error : last + 1])) <= width
    assert any(line.startswith("    file:///events.js:25") for line in lines[:error])
    assert "    > node server.js" not in lines


def test_of_what_ends_with_the_error_the_end_is_shown():
    died = finding("ALL-05", summary="The backend dies", observed=PYTHON)
    lines = printed(report(outcome("ALL-05", Status.FAILED, died))).splitlines()
    last = lines.index("    KeyError: 'recipientId'")
    assert lines[last - 8 : last] == ["  it ended:", *(f"      File {n}" for n in range(3, 10))]


@pytest.mark.parametrize("width", [20, 40, 60, 72, 80, 200])
def test_a_reference_to_the_notes_never_stands_alone_on_a_line(width):
    for summary in ("Nobody is served any more", "One two " * 12 + "x", f"a  {'x' * (width - 6)}"):
        given = report(outcome("MSG-07", Status.FAILED, finding("MSG-07", summary=summary)))
        lines = printed(given, width).splitlines()
        (place,) = (n for n, line in enumerate(lines) if "  §4.2" in line)
        assert lines[place].split()[0] != "§4.2"
        assert lines[2].startswith("MSG-07")
        assert all(line == line.rstrip() for line in lines[: place + 1])
        told = "".join("".join(lines[2 : place + 1]).split())
        assert told == "".join(f"MSG-07 {summary} §4.2".split())


def test_how_the_backend_came_to_run_is_told_at_the_end_too():
    given = report(outcome("SEND-09", Status.PASSED), backend="started by `npm start`")
    assert "http://localhost:5000, started by `npm start` · contract" in printed(given)


def test_a_stale_baseline_is_no_green_verdict():
    given = report(outcome("SEND-09", Status.PASSED), stale=("SEND-09 no longer fails.",))
    assert given.exit_status == 1
    last = printed(given, colour=True).splitlines()[-1]
    assert COLOURS.sub("", last).startswith("CONFORMANT, BUT THE BASELINE IS STALE  1 of 1")
    assert "\x1b[1;31m" in last
    assert "\x1b[1;32m" not in last


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("target.toml", 'eval "$(r2c-verify token --all)"'),
        ("my targets/a.toml", "eval \"$(r2c-verify token --all --target 'my targets/a.toml')\""),
        (None, None),
    ],
)
def test_where_commands_need_tokens_it_is_told_how_to_get_them(file, line):
    text = printed(report(BROKEN, target_file=file), width=40)
    assert (f"  {line}\n" in text) if line else "token --all" not in text
    assert "token --all" not in printed(report(outcome("SEND-09", Status.PASSED), target_file=file))


def test_the_name_of_an_event_makes_no_line_of_its_own() -> None:
    """Lines that begin with two colons are commands in GitHub Actions."""
    said = printed(report(undocumented_events=("a\n::error::b",)))
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]
