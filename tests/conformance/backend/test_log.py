"""What a process prints is kept without secrets, up to a bound, and the last of it is at hand."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.backend import log as logs
from conformance.backend.log import LEFT_OUT, NEW_LIFE, Log
from conformance.evidence.redaction import Redactor

SECRET = "a-secret-of-some-length"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor({"secret": SECRET})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backend.log"


@pytest.fixture
def log(file: Path, redactor: Redactor) -> Iterator[Log]:
    log = Log(file, redactor.data)
    yield log
    log.close()


def written(file: Path, text: str) -> bool:
    """Whether the file holds the text within some seconds."""
    deadline = time.monotonic() + 5
    while text not in file.read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_lines_are_in_the_file_while_the_process_runs(log: Log, file: Path) -> None:
    os.write(log.begin(), f"listening\nkey {SECRET}\n".encode())
    assert written(file, "listening\nkey $SECRET\n")


def test_a_line_that_comes_in_two_parts_hides_the_secret_between_them(log: Log, file: Path) -> None:
    output = log.begin()
    os.write(output, f"first\nkey {SECRET[:9]}".encode())
    assert written(file, "first\n")
    assert log.tail() == ["first", f"key {SECRET[:9]}"]
    os.write(output, f"{SECRET[9:]}\n".encode())
    assert log.tail() == ["first", "key $SECRET"]
    log.close()
    assert file.read_text() == "first\nkey $SECRET\n"


def test_a_last_line_without_an_end_is_kept(log: Log, file: Path) -> None:
    os.write(log.begin(), f"one\nfatal: {SECRET}".encode())
    log.end()
    assert file.read_text() == "one\nfatal: $SECRET"


def test_a_secret_that_becomes_known_later_is_taken_out_in_the_end(
    log: Log, file: Path, redactor: Redactor
) -> None:
    os.write(log.begin(), b"key of-another-kind\n")
    assert written(file, "of-another-kind")
    redactor.register("other", "of-another-kind")
    log.close()
    assert file.read_text() == "key $OTHER\n"


def test_of_a_loud_process_the_beginning_and_the_end_are_kept(
    log: Log, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LARGEST", 1_000_000)
    output = log.begin()
    for number in range(300_000):
        os.write(output, b"line %06d\n" % number)
    assert log.tail()[-1] == "line 299999"
    assert os.fstat(output).st_size <= 1_000_000 + logs.TAIL
    log.close()
    lines = file.read_text().splitlines()
    assert lines[0] == "line 000000"
    assert lines[-1] == "line 299999"
    assert file.stat().st_size <= 1_000_000 + 2 * logs.TAIL
    kept = sum(len(line) + 1 for line in lines if line.startswith("line"))
    (notice,) = (line for line in lines if line.startswith("---"))
    said = int("".join(filter(str.isdigit, notice.removeprefix("--- r2c-verify"))))
    assert kept + said <= 300_000 * 12
    assert kept + said > 0.9 * 300_000 * 12


def test_a_line_that_does_not_end_is_left_out(log: Log, file: Path) -> None:
    output = log.begin()
    os.write(output, b"before\n" + b"x" * (logs.LONGEST_LINE - 5) + SECRET[:9].encode())
    log.tail()
    os.write(output, SECRET[9:].encode() + b"y" * 100)
    log.tail()
    os.write(output, b"\nafter\n")
    log.close()
    count = logs.LONGEST_LINE - 5 + len(SECRET) + 100
    assert file.read_text() == f"before\n{LEFT_OUT.format(count)}\nafter\n"


def test_a_process_that_cuts_its_output_off_goes_on_from_there(log: Log, file: Path) -> None:
    output = log.begin()
    os.write(output, b"a long first line\n")
    log.tail()
    subprocess.run(
        ["/bin/sh", "-c", "echo short > /dev/stderr"], stderr=output, check=True, timeout=10
    )
    assert log.tail()[-1] == "short"


def test_lives_follow_each_other_and_only_the_last_one_is_quoted(log: Log, file: Path) -> None:
    file.write_text("an earlier run\n")
    os.write(log.begin(), b"one\n")
    os.write(log.begin(), b"two\n")
    assert log.tail() == ["two"]
    log.close()
    assert file.read_text() == f"one\n\n{NEW_LIFE}\ntwo\n"


def test_a_full_disk_costs_the_log_and_no_more(redactor: Redactor) -> None:
    log = Log(Path("/dev/full"), redactor.data)
    os.write(log.begin(), b"one\n")
    assert log.tail() == ["one"]
    log.end()


def test_no_thread_is_left_behind(log: Log) -> None:
    log.begin()
    log.close()
    followers = [each for each in threading.enumerate() if each.name == "r2c log"]
    for each in followers:
        each.join(5)
    assert not any(each.is_alive() for each in followers)
