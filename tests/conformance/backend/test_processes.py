"""Processes of the suite come up or say why not, and end with all they began."""

import json
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.backend import processes
from conformance.backend.log import NEW_LIFE
from conformance.backend.processes import (
    BackendProcess,
    ProcessError,
    reference_server,
    reset,
    shell_process,
)


def python(*lines: str) -> list[str]:
    return [sys.executable, "-u", "-c", "\n".join(lines)]


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, seconds: float = 10) -> bool:
    """Looks again and again until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def pid_in(file: Path) -> int:
    assert wait_until(lambda: file.exists() and file.read_text().strip())
    return int(file.read_text())


@pytest.fixture
def log(tmp_path):
    return tmp_path / "backend.log"


# Starting


def test_a_process_is_waited_for_until_it_is_ready(tmp_path, log):
    flag = tmp_path / "flag"
    program = python(
        "import time, pathlib", f"pathlib.Path({str(flag)!r}).touch()", "time.sleep(60)"
    )
    with BackendProcess(program, log) as process:
        process.start(flag.exists)
        assert flag.exists()
        assert process.ended is None


def failure(process: BackendProcess, within: float = 20) -> str:
    with pytest.raises(ProcessError) as caught:
        process.start(lambda: False, within)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_process_that_ends_says_its_last_word(log):
    program = python("import sys", "print('starting')", "sys.exit('no database')")
    said = failure(BackendProcess(program, log, shown="`npm start`"))
    assert said == "`npm start` ended with status 1: no database"


def test_a_process_that_ends_in_silence_is_said_to(log):
    said = failure(BackendProcess(python("import os", "os._exit(3)"), log, shown="`x`"))
    assert said == "`x` ended with status 3: it printed nothing"


def test_a_program_that_does_not_exist_is_named(log):
    said = failure(BackendProcess(["no-such-program", "--port"], log))
    assert said.startswith("`no-such-program --port` ended with status 127: ")
    assert said.endswith("no-such-program: not found")


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    said = failure(BackendProcess(python("pass"), tmp_path / "missing" / "log"))
    assert "cannot be started: No such file or directory." in said


def test_a_process_that_never_answers_is_ended_after_its_time(tmp_path, log):
    note = tmp_path / "pid"
    program = python(
        "import os, pathlib, time",
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))",
        "print('still migrating')",
        "time.sleep(60)",
    )
    said = failure(BackendProcess(program, log, shown="`x`"), within=1)
    assert said == "`x` did not answer within 1 s; the last it printed: still migrating"
    assert not running(pid_in(note))


def test_a_command_that_puts_the_backend_into_the_background_is_waited_for(tmp_path, log):
    flag = tmp_path / "flag"
    with shell_process(f"(sleep 0.3; touch {shlex.quote(str(flag))}; sleep 60) &", log) as process:
        process.start(flag.exists)
        assert flag.exists()


def test_a_wait_that_is_interrupted_leaves_no_process_behind(tmp_path, log):
    note = tmp_path / "pid"
    program = python(
        "import os, pathlib, time",
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))",
        "time.sleep(60)",
    )

    def interrupted() -> bool:
        pid_in(note)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BackendProcess(program, log).start(interrupted)
    assert not running(pid_in(note))


@pytest.mark.parametrize(
    "command",
    [
        "FLAG={flag} sh -c 'touch \"$FLAG\"; sleep 60'",
        "cd {folder} && touch flag && sleep 60",
        "touch {flag}; sleep 60 | cat",
        "exec sh -c 'touch {flag}; exec sleep 60'",
    ],
)
def test_a_start_command_may_be_any_shell_line(tmp_path, log, command):
    flag = tmp_path / "flag"
    process = shell_process(command.format(flag=flag, folder=tmp_path), log)
    process.start(flag.exists, within=10)
    process.stop()
    assert process.ended is None


def test_a_second_start_ends_the_first_process(tmp_path, log):
    note = tmp_path / "pid"
    program = python(
        "import os, pathlib, time",
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))",
        "time.sleep(60)",
    )
    with BackendProcess(program, log) as process:
        process.start(note.exists)
        first = pid_in(note)
        note.unlink()
        process.start(note.exists)
        assert pid_in(note) != first
        assert not running(first)


def test_the_log_holds_all_lives_with_a_line_between_them(tmp_path, log):
    flag, other = tmp_path / "flag", tmp_path / "other"
    log.write_text("an earlier run\n")
    with shell_process(f"echo one; touch {flag}; sleep 60", log) as process:
        process.start(flag.exists)
        process.command[-1] = f"echo two; touch {other}; sleep 60"
        process.start(other.exists)
    assert log.read_text() == f"one\n\n{NEW_LIFE}\ntwo\n"


# Ending


def test_an_interrupt_while_a_process_is_made_leaves_none_behind(tmp_path, log, monkeypatch):
    made = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)
            if len(made) == 2:  # the first one is the guard
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        BackendProcess(python("import time", "time.sleep(60)"), log).start(lambda: False)
    monkeypatch.undo()
    assert len(made) == 2
    assert wait_until(lambda: all(process.poll() is not None for process in made), 5)


def test_once_it_is_over_nobody_starts_it_again(tmp_path, log):
    flag = tmp_path / "flag"
    process = shell_process(f"touch {shlex.quote(str(flag))}; sleep 60", log)
    process.start(flag.exists)
    flag.unlink()
    process.end()
    with pytest.raises(ProcessError, match="is not started again, since the run is over"):
        process.start(flag.exists)
    assert not flag.exists()


def test_a_start_that_another_thread_waits_for_ends_with_the_run(tmp_path, log):
    note = tmp_path / "pid"
    process = shell_process(f"echo $$ > {shlex.quote(str(note))}; sleep 60", log)
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(process.start, lambda: False)
        pid = pid_in(note)
        process.end()
        with pytest.raises(ProcessError, match="was ended, since the run is over"):
            start.result(10)
    assert not running(pid)


def test_even_a_suite_that_is_killed_leaves_no_process_behind(tmp_path, log):
    note = tmp_path / "pid"
    suite = subprocess.Popen(
        python(
            "import pathlib, time",
            "from conformance.backend.processes import shell_process",
            f"process = shell_process({f'sleep 60 & echo $! > {note}; wait'!r}, "
            f"pathlib.Path({str(log)!r}))",
            f"process.start(pathlib.Path({str(note)!r}).exists)",
            "time.sleep(60)",
        )
    )
    grandchild = pid_in(note)
    assert running(grandchild)
    suite.kill()
    suite.wait()
    assert wait_until(lambda: not running(grandchild), 10)


def test_a_suite_that_is_killed_leaves_no_secret_in_the_log(tmp_path, log):
    suite = subprocess.Popen(
        python(
            "import pathlib, time",
            "from conformance.backend.processes import shell_process",
            "from conformance.evidence.redaction import Redactor",
            "redactor = Redactor({'token Asha': 'a-token-of-asha'})",
            "process = shell_process('echo Bearer a-token-of-asha; printf a-token-of-asha; "
            f"sleep 60', pathlib.Path({str(log)!r}), redact=redactor.data)",
            f"process.start(lambda: 'Bearer' in pathlib.Path({str(log)!r}).read_text())",
            "time.sleep(60)",
        )
    )
    assert wait_until(lambda: log.exists() and log.read_bytes().endswith(b"\n"))
    suite.kill()
    suite.wait()
    assert log.read_text() == "Bearer $TOKEN_ASHA\n"


def test_everything_a_process_started_ends_with_it(tmp_path, log):
    note = tmp_path / "child"
    program = python(
        "import pathlib, subprocess, sys, time",
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))",
        "time.sleep(60)",
    )
    process = BackendProcess(program, log)
    process.start(note.exists)
    process.stop()
    assert wait_until(lambda: not running(pid_in(note)), 2)


def test_what_outlives_the_process_that_started_it_is_ended_too(tmp_path, log):
    note = tmp_path / "child"
    process = shell_process(f"sleep 60 & echo $! > {shlex.quote(str(note))}", log)
    process.start(note.exists)
    assert wait_until(lambda: process.ended == 0)
    child = pid_in(note)
    assert running(child)
    process.stop()
    assert wait_until(lambda: not running(child), 2)


def test_a_process_that_ignores_sigterm_is_killed(tmp_path, log, monkeypatch):
    monkeypatch.setattr(processes, "END_TIMEOUT", 0.3)
    note = tmp_path / "pid"
    program = python(
        "import os, pathlib, signal, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))",
        "time.sleep(60)",
    )
    process = BackendProcess(program, log)
    process.start(note.exists)
    process.stop()
    assert not running(pid_in(note))


def test_a_process_may_take_a_moment_to_put_things_away(tmp_path, log):
    ready, away = tmp_path / "ready", tmp_path / "away"
    program = python(
        "import pathlib, signal, sys, time",
        "def end(*_):",
        "    time.sleep(0.3)",
        f"    pathlib.Path({str(away)!r}).touch()",
        "    sys.exit()",
        "signal.signal(signal.SIGTERM, end)",
        f"pathlib.Path({str(ready)!r}).touch()",
        "time.sleep(60)",
    )
    process = BackendProcess(program, log)
    process.start(ready.exists)
    process.stop()
    assert away.exists()


def test_stopping_what_does_not_run_is_nothing(log):
    process = BackendProcess(python("pass"), log)
    process.stop()
    assert process.ended is None


def test_before_it_is_started_a_process_is_silent(log):
    log.write_text("of an earlier run\n")
    assert BackendProcess([], log, shown="x").last_line() == "it printed nothing"


# Reset


def test_a_reset_is_run_to_its_end_as_a_shell_line(tmp_path):
    reset(f"cd {shlex.quote(str(tmp_path))} && sleep 0.2 && touch done")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo seeding; echo no database >&2; exit 2", "ended with status 2: no database."),
        ("exit 2", "ended with status 2: it printed nothing."),
        ("printf '\\377\\376' >&2; exit 1", "ended with status 1: \ufffd\ufffd."),
        ("no-such-program", "ended with status 127: "),
        ("kill -9 $$", "was ended by SIGKILL: it printed nothing."),
        ("kill -40 $$", "was ended by signal 40: it printed nothing."),
    ],
)
def test_a_reset_that_fails_says_its_last_word(command, expected):
    with pytest.raises(ProcessError) as caught:
        reset(command)
    assert str(caught.value).startswith(f"[process] reset `{command}` ")
    assert expected in str(caught.value)


def test_a_reset_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(processes, "RESET_TIMEOUT", 1)
    began = time.monotonic()
    with pytest.raises(ProcessError, match=r"did not end within 1 s\.$"):
        reset("sleep 60 | cat")
    assert time.monotonic() - began < 5


def test_what_a_reset_puts_into_the_background_is_not_waited_for():
    began = time.monotonic()
    reset("sleep 3 &")
    assert time.monotonic() - began < 2


def test_a_reset_gets_no_input():
    with pytest.raises(ProcessError, match="status 1"):
        reset("read answer")


# The reference server


def test_the_reference_server_starts_answers_and_ends(tmp_path):
    process, target = reference_server(tmp_path)
    try:
        assert len(target.users) >= 8
        assert target.friends
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{target.url}/api/messages/{target.users[0].id}", timeout=10)
        assert refused.value.code == 401
        assert json.loads(refused.value.read())["success"] is False
    finally:
        process.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(target.url, timeout=10)


def test_neither_secret_nor_token_of_the_reference_server_stays_in_the_folder(tmp_path):
    process, target = reference_server(tmp_path)
    process.stop()
    assert target.auth.secret
    assert [file.name for file in tmp_path.iterdir()] == ["reference-server.log"]
    log = (tmp_path / "reference-server.log").read_text()
    assert target.auth.secret not in log
    assert "eyJ" not in log
