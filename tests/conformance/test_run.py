"""Whole runs against backends that misbehave: a verdict each, in time, and nothing lost."""

import base64
import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import tomli_w

from conformance import company
from conformance.backend.processes import PLAYERS, reference_server
from conformance.backend.target import Target, TargetError
from conformance.judging.findings import Outcome, Status, Verdict
from conformance.profiles import PROFILES
from conformance.reports.files import write_reports
from conformance.reports.json import as_json
from conformance.reports.report import Report
from conformance.run import Plan, verify
from conformance.scenarios import FOLDER
from conformance.stage import watch as backend
from conformance.stage.collecting import collected
from contract import load

from .conftest import answer, answering, read_request

CONTRACT = load()
ROOT = Path(__file__).parents[2]
USERS = [
    {"_id": f"60d0fe4f5311236168a109c{digit}", "userId": f"R2C00{digit}", "name": name}
    for digit, name in enumerate(("Asha", "Ben", "Cara", "Dev"))
]
SHORT = replace(PROFILES["quick"], examples=2, payloads=2, fuzzing_s=2, whole_s=60)
SCHEMA = jsonschema_rs.Draft202012Validator(
    json.loads(files("conformance.reports").joinpath("report.schema.json").read_text())
)


def target_at(url: str, **sections) -> Target:
    return Target.of(
        {
            "target": {"url": url},
            "auth": {"secret": "s" * 32},
            "users": USERS,
            "friends": {"pairs": [["R2C000", "R2C001"]]},
        }
        | sections
    )


@pytest.fixture
def run(tmp_path):
    """Runs the suite with short deadlines and gives report, notes and seconds taken."""

    def run(target: Target | str, listen=lambda note: None, *, within: float = 90, **plan):
        target = target_at(target) if isinstance(target, str) else target
        given = {"profile": SHORT, "patience": 0.1} | plan
        began = time.monotonic()
        report = verify(Plan(CONTRACT, target, folder=tmp_path, seed=7, **given), listen)
        assert time.monotonic() - began < within
        assert write_reports(report, tmp_path) == ()
        written = json.loads((tmp_path / "report.json").read_text())
        assert SCHEMA.is_valid(written)
        assert written == json.loads(json.dumps(as_json(report)))
        assert last_note(tmp_path)["kind"] == "run-ended"
        findings = {f.fingerprint for outcome in report.outcomes for f in outcome.findings}
        assert findings <= set(report.found)
        assert last_note(tmp_path)["verdict"] == report.verdict
        return report

    return run


def notes(folder: Path) -> list[dict]:
    lines = (folder / "events.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


def last_note(folder: Path) -> dict:
    return notes(folder)[-1]


def of(report: Report, id: str) -> Outcome:
    return next(outcome for outcome in report.outcomes if outcome.requirement.id == id)


def broken(report: Report) -> set[str]:
    return {outcome.requirement.id for outcome in report.outcomes if outcome.findings}


def after_scenarios(count: int, do):
    """A listener that does something once so many scenarios have started."""
    seen = Counter()

    def listen(note) -> None:
        seen[note["kind"]] += note["kind"] == "scenario-started"
        if seen["scenario-started"] == count:
            seen["scenario-started"] += 1
            do()

    return listen


# Backends with which a run cannot begin


def hold(connection: socket.socket) -> None:
    """Takes everything and never says a word."""
    while connection.recv(65536):
        pass


ERROR_401 = answer(b'{"success": false, "message": "no"}', "401 Unauthorized")
NO_BACKEND = {
    "that never answers": (hold, "(no answer within 1 s); start the backend"),
    "that closes each connection": (
        lambda connection: None,
        "before an answer came)",  # closed or reset, as the request comes sooner or later
    ),
    "that closes after each request": (
        lambda connection: connection.recv(65536) and None,
        "(the connection was closed before an answer came)",
    ),
    "that speaks no HTTP": (
        lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"),
        "(the answer is no HTTP that can be read",
    ),
    "that answers 401 to all": (
        answering(lambda request: ERROR_401),
        "answers 401 to the tokens of the first three users; check [auth]",
    ),
}


@pytest.mark.parametrize("name", NO_BACKEND)
def test_a_backend(run, serve, name):
    handle, expected = NO_BACKEND[name]
    report = run(serve(handle), within=10)
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert report.stopped is not None
    assert expected in report.stopped
    assert "\n" not in report.stopped
    unjudged = [o for o in report.outcomes if o.status is Status.UNTESTABLE]
    assert len(unjudged) > 90
    assert {outcome.reason for outcome in unjudged} == {report.stopped}


def test_a_place_where_nothing_listens(run, nothing_listens):
    report = run(nothing_listens, within=5)
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert "(the connection was refused); start the backend, correct the URL" in report.stopped


def test_a_host_that_nobody_knows(run):
    report = run("http://no-such-host.invalid:5000", within=20)
    assert report.exit_status == 3
    assert "nothing usable answers at http://no-such-host.invalid:5000" in report.stopped


def test_a_backend_that_takes_seconds_for_each_answer(run, serve, monkeypatch):
    monkeypatch.setattr(backend, "SLOWEST", 0.3)
    asked = []

    def respond(request: bytes) -> bytes:
        asked.append(request)
        threading.Event().wait(0.4)
        return answer(b'{"success": true, "data": []}')

    report = run(serve(answering(respond)), within=10)
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert "takes 0.4 s for an answer; the suite needs less than 0 s" in report.stopped
    assert len(asked) == 4


@pytest.mark.parametrize("seconds", [1, 3600])
def test_a_backend_that_always_asks_to_come_back_later(run, serve, seconds):
    busy = f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n"
    report = run(serve(answering(lambda request: busy.encode())), within=10)
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert "answers 429 for longer than the suite waits" in report.stopped


# Backends that are something else


HTML = {
    "200": answering(lambda request: answer(b"<h1>Welcome</h1>", media="text/html")),
    "404": answering(lambda request: answer(b"<h1>No</h1>", "404 Not Found", "text/html")),
}


@pytest.mark.slow
@pytest.mark.parametrize("status", HTML)
def test_a_web_server_that_answers_html_everywhere(run, serve, status):
    report = run(serve(HTML[status]))
    assert (report.verdict, report.exit_status) == (Verdict.NON_CONFORMANT, 1)
    assert report.stopped is None
    assert {"HIST-01", "SEND-01", "META-01", "CONN-01", "ERR-07"} <= broken(report)
    assert not any(outcome.status is Status.ERROR for outcome in report.outcomes)
    assert not any(outcome.status is Status.PASSED for outcome in report.outcomes if
                   outcome.requirement.group in ("MSG", "TYPE"))  # fmt: skip


HOSTILE = (
    b'{"success": true, "data": [{"_id": "60d0fe4f5311236168a10901", "text": "\\ud800 \\u001b[2J",'
    b' "status": "sent", "\\udfff\\u2028": [' + b"[" * 400 + b"]" * 400 + b'], "n": 1e999}]}'
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [HOSTILE, b"[" * 20_000, b'{"success": true, "data": NaN}', b"\xff\xfe\x00", b""],
    ids=["surrogates", "deep", "NaN", "bytes", "nothing"],
)
def test_a_backend_whose_answers_nobody_can_read(run, serve, body):
    report = run(serve(answering(lambda request: answer(body))))
    assert (report.verdict, report.exit_status) == (Verdict.NON_CONFORMANT, 1)
    assert not any(outcome.status is Status.ERROR for outcome in report.outcomes)


# Backends that end


@pytest.fixture
def reference(tmp_path_factory):
    process, target = reference_server(tmp_path_factory.mktemp("reference"))
    yield process, target
    process.stop()


def kill(process) -> None:
    os.kill(process._process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_backend_that_dies_ends_the_run_with_what_was_found(run, reference, tmp_path):
    process, target = reference
    report = run(target, after_scenarios(12, lambda: kill(process)))
    assert (report.verdict, report.exit_status) == (Verdict.NON_CONFORMANT, 1)
    assert report.stopped.startswith("the backend no longer answers (connection refused); with")
    assert broken(report) == {"ALL-05"}
    (finding,) = of(report, "ALL-05").findings
    assert "connection refused; sent just before, the last one last: " in finding.observed
    # What is named was sent before the death, not refused after it.
    assert "the connection was refused" not in finding.observed
    assert finding.observed.count(" | ") == 7
    assert sum(outcome.status is Status.PASSED for outcome in report.outcomes) > 5
    reasons = Counter(o.reason for o in report.outcomes if o.status is Status.UNTESTABLE)
    assert reasons.most_common(1)[0][0] == report.stopped
    assert not any(outcome.status is Status.ERROR for outcome in report.outcomes)


@pytest.mark.slow
def test_a_backend_that_dies_while_it_is_fuzzed_is_found_dead(run, reference):
    process, target = reference

    def listen(note) -> None:
        if note["kind"] == "fuzzing-started":
            kill(process)

    report = run(target, listen, only=frozenset({"SEND-07", "MSG-06", "ALL-05"}))
    assert (report.verdict, report.exit_status) == (Verdict.NON_CONFORMANT, 1)
    assert broken(report) == {"ALL-05"}
    assert report.stopped is not None


@pytest.mark.slow
def test_fuzzing_takes_no_longer_than_is_left_of_the_run(run, reference, monkeypatch):
    granted = []
    fuzz = company.Company.fuzz

    def noted(self, profile, backend):
        granted.append(profile.fuzzing_s)
        return fuzz(self, replace(profile, fuzzing_s=0.1), backend)

    monkeypatch.setattr(company.Company, "fuzz", noted)
    _, target = reference
    run(target, only=frozenset({"SEND-09"}), profile=replace(SHORT, whole_s=30, fuzzing_s=1000))
    assert len(granted) == 1
    assert 0 < granted[0] < 30


@pytest.mark.slow
def test_a_backend_that_dies_is_started_again_and_the_run_goes_on(run, reference, tmp_path):
    process, target = reference
    process.stop()
    note = tmp_path / "pid"
    port = urlsplit(target.url).port
    line = (
        f"echo $$ > {shlex.quote(str(note))}; exec {sys.executable} -m reference_server "
        f"--port {port} --users {shlex.quote(str(PLAYERS))} "
        f"--secret {shlex.quote(target.auth.secret)}"
    )
    target = replace(target, start=f"cd {shlex.quote(str(ROOT))}; {line}")
    report = run(target, after_scenarios(3, lambda: os.kill(int(note.read_text()), signal.SIGKILL)))
    assert report.stopped is None
    assert broken(report) == {"ALL-05"}
    assert report.exit_status == 1
    told = [n["kind"] for n in notes(tmp_path)]
    assert told.count("backend-restarted") == 1
    assert "scenario-ended" in told[told.index("backend-restarted") :]
    assert "fuzzing-ended" in told
    assert sum(outcome.status is Status.PASSED for outcome in report.outcomes) > 80
    # Started by the run, it ends with the run.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


# A backend that speaks an older protocol


def engine_io_3(connection: socket.socket, request: bytes) -> None:
    """What Socket.IO 2.x says to whoever comes: its client is connected without asking."""
    hello = b'0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}'
    key = next(
        (
            line.partition(b":")[2].strip()
            for line in request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key:")
        ),
        None,
    )
    if key is None:
        payload = b"%d:%s2:40" % (len(hello), hello)
        connection.sendall(answer(payload, media="text/plain; charset=UTF-8"))
        return
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    for frame in (hello, b"40"):
        connection.sendall(bytes([0x81, len(frame)]) + frame)
    hold(connection)


def with_engine_io_3(url: str):
    """Hands everything to the backend at the URL but what goes to its sockets."""
    port = urlsplit(url).port

    def handle(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"/socket.io" in request.split(b"\r\n", 1)[0]:
                engine_io_3(connection, request)
                continue
            with socket.create_connection(("127.0.0.1", port)) as behind:
                behind.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                while piece := behind.recv(65536):
                    connection.sendall(piece)
            return

    return handle


@pytest.mark.slow
def test_a_backend_that_speaks_engine_io_3_alone(run, reference, serve):
    _, target = reference
    report = run(replace(target, url=serve(with_engine_io_3(target.url))))
    assert (report.verdict, report.exit_status) == (Verdict.NON_CONFORMANT, 1)
    assert "CONN-01" in broken(report)
    assert not {"SEND-01", "HIST-01", "META-01", "ERR-01"} & broken(report)
    assert not any(outcome.status is Status.ERROR for outcome in report.outcomes)
    assert of(report, "MSG-01").status is Status.UNTESTABLE


# Time and interruption


@pytest.mark.slow
def test_a_run_ends_when_its_time_is_over(run, reference):
    _, target = reference
    profile = replace(SHORT, whole_s=1)
    report = run(target, profile=profile)
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert report.stopped == "the 1 s of the profile quick were over"


def test_an_interrupt_in_a_scenario_leaves_a_report(run, reference):
    _, target = reference

    def interrupt() -> None:
        raise KeyboardInterrupt

    report = run(target, after_scenarios(5, interrupt))
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 3)
    assert report.stopped == "the run was interrupted"
    assert any(outcome.status is Status.PASSED for outcome in report.outcomes)


def test_a_fault_of_the_suite_leaves_a_report_and_says_what_it_was(
    run, reference, monkeypatch, tmp_path
):
    _, target = reference

    def fault(*arguments: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(company, "fuzz", fault)
    report = run(target, only=frozenset({"HIST-08"}))
    assert (report.verdict, report.exit_status) == (Verdict.INCOMPLETE, 4)
    assert report.stopped == "an error of this suite: KeyError: 'x'"
    (note,) = [n for n in notes(tmp_path) if n["kind"] == "suite-error"]
    assert "in fault" in note["traceback"]
    assert of(report, "HIST-08").status is Status.PASSED


def test_a_token_command_that_fails_for_one_user_is_no_run_at_all(tmp_path, nothing_listens):
    auth = {"token_command": "sh -c 'test $0 != R2C002 && echo a.b.c' {userId}"}
    plan = Plan(CONTRACT, target_at(nothing_listens, auth=auth), SHORT, tmp_path, 7)
    with pytest.raises(TargetError, match="ended with status 1"):
        verify(plan)


@pytest.fixture
def command(reference, tmp_path):
    """Starts `python -m conformance` against the reference server, in a group of its own."""
    _, target = reference
    file = tmp_path / "target.toml"
    content = {
        "target": {"url": target.url},
        "auth": {"secret": target.auth.secret},
        "users": [{"_id": u.id, "userId": u.public_id, "name": u.name} for u in target.users],
        "friends": {"pairs": [sorted(pair) for pair in target.friends]},
    }
    file.write_bytes(tomli_w.dumps(content).encode())
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "--target", file, "--report-dir", tmp_path / "out"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process, tmp_path / "out"
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_for_scenarios(folder: Path, count: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if (folder / "events.ndjson").read_text().count('"scenario-started"') >= count:
                return
        threading.Event().wait(0.05)
    pytest.fail(f"{count} scenarios did not start within {seconds} s")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_with_its_report(command, number):
    process, folder = command
    wait_for_scenarios(folder, 6)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert err == ""
    assert "The run ended early: the run was interrupted" in out
    report = json.loads((folder / "report.json").read_text())
    assert SCHEMA.is_valid(report)
    assert report["stopped"] == "the run was interrupted"
    assert sum(r["status"] == "passed" for r in report["requirements"]) > 2
    assert (folder / "junit.xml").exists()
    assert last_note(folder)["kind"] == "run-ended"


@pytest.mark.slow
def test_a_signal_while_several_troupes_play_leaves_no_backend_behind(run, reference, monkeypatch):
    # The troupes go on for a moment; the backend that they find gone must not be started again.
    monkeypatch.setattr(backend, "GRACE", 0.1)
    process, target = reference
    process.stop()
    port = urlsplit(target.url).port
    line = (
        f"cd {shlex.quote(str(ROOT))} && {sys.executable} -m reference_server --port {port} "
        f"--secret {shlex.quote(target.auth.secret)}; true"
    )
    together = sum(one.undisturbed for one in collected(FOLDER)) + 4
    signalled = after_scenarios(together, lambda: os.kill(os.getpid(), signal.SIGTERM))
    report = run(replace(target, start=line), signalled)
    assert report.stopped == "the run was interrupted"
    deadline = time.monotonic() + 40
    while any(thread.name.startswith("r2c troupe") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.slow
def test_a_target_file_that_lacks_friends_is_named_in_the_finding(run, reference):
    _, target = reference
    users = target.users[:4]
    known = {user.id for user in users}
    pairs = sorted((pair for pair in target.friends if pair <= known), key=sorted)
    mistaken = replace(target, users=users, friends=frozenset(pairs[:1]))
    report = run(mistaken, only=frozenset({"PRES-03"}))
    (finding,) = of(report, "PRES-03").findings
    names = "|".join(user.name for user in users)
    told = rf"({names}) is told of ({names}), and the target file calls them no friends"
    assert re.match(told, finding.observed)
