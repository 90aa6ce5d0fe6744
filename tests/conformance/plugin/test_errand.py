"""A run in a process of its own always comes to an end, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from conformance.backend.target import Target
from conformance.plugin import errand
from conformance.plugin.errand import Order, Undone, carry_out
from tests.conformance.plugin.conftest import QUIET, Suite, target_at

PATIENCE = 30.0


@pytest.fixture
def order(tmp_path: Path, nothing_listens: str) -> Order:
    return Order(
        target=Target.of(target_at(nothing_listens)),
        overlays=(),
        only=frozenset({"HIST-05"}),
        profile="quick",
        seed=1,
        strict=False,
        baseline=None,
        folder=tmp_path / "reports",
        processes=1,
    )


def python(folder: Path, script: str) -> str:
    """A program in the place of Python."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_process_that_ends_by_itself_is_told(order: Order, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sys, "executable", python(tmp_path, "exit 7"))
    with pytest.raises(Undone, match="ended, with status 7"):
        carry_out(order)


def test_a_process_that_does_not_end_is_ended(order: Order, tmp_path: Path, monkeypatch):
    marker = tmp_path / "pid"
    monkeypatch.setattr(sys, "executable", python(tmp_path, f"echo $$ > {marker}; exec sleep 60"))
    monkeypatch.setattr(errand, "SLACK", 1 - 300)
    monkeypatch.setattr(errand, "END_PATIENCE", 0.1)
    with pytest.raises(Undone, match="did not end within 1 s"):
        carry_out(order)
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_a_module_of_the_team_does_not_pass_for_one_of_ours(
    order: Order, tmp_path: Path, monkeypatch
):
    (tmp_path / "contract.py").write_text("raise RuntimeError('a module of the team')")
    monkeypatch.chdir(tmp_path)
    report = carry_out(order).report
    assert report.stopped is not None
    assert report.stopped.startswith("nothing usable answers")


def test_a_folder_that_cannot_be_written_is_named(order: Order, tmp_path: Path):
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(Undone, match="reports cannot be written: File exists"):
        carry_out(order)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_suite_that_is_ended_ends_its_run_which_writes_its_reports(suite: Suite, number):
    asked = count()

    def slow(*request):
        time.sleep(0.5 if next(asked) > 15 else 0)
        return ...

    suite.serve(slow)
    suite.write("HIST-09")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *QUIET, "--r2c-report-dir", "reports"],
        cwd=suite.pytester.path,
        stdout=subprocess.PIPE,
        text=True,
    ) as pytest_process:
        assert pytest_process.stdout is not None
        for line in pytest_process.stdout:
            if " is verified, " in line:
                break
        pytest_process.send_signal(number)
        rest = pytest_process.stdout.read()
    if number is signal.SIGINT:
        assert pytest_process.returncode == pytest.ExitCode.INTERRUPTED, rest
    report = suite.pytester.path / "reports" / "report.json"
    deadline = time.monotonic() + PATIENCE
    while not report.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert json.loads(report.read_text())["stopped"] == "the run was interrupted"
