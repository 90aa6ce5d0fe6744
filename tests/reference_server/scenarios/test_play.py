"""`r2c-server play` as a process: what it tells, how it ends, what it says when it cannot."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reference_server import RunningServer, running
from reference_server.users import User

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0  # seconds

pytestmark = pytest.mark.slow


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reference_server", "play", *arguments]


def play(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def written(*steps: str) -> str:
        path = tmp_path / "mine.yaml"
        lines = [f"  - {step}" for step in steps]
        path.write_text("\n".join(["title: What happens", "steps:", *lines, ""]))
        return str(path)

    return written


def test_each_step_is_told_and_the_end(
    control: Any, server: RunningServer, file: Any, history: Any, asha: User, ben: User
) -> None:
    steps = ["connect: {as: Ben}", "send: {as: Ben, to: Asha, text: Hello}", "leave: {as: Ben}"]
    done = play(file(*steps), "--url", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "What happens",
        "   1/3  connect  as: Ben",
        "   2/3  send  as: Ben, to: Asha, text: Hello",
        "   3/3  leave  as: Ben",
        "finished",
    ]
    assert history(asha, ben) == ["Hello"]


def test_a_run_that_fails_says_why(control: Any, server: RunningServer, file: Any) -> None:
    done = play(file("leave: {as: Ben}"), "--url", server.url)
    assert done.returncode == 1
    assert done.stderr == "r2c-server play: Step 1, leave: Ben has no virtual device.\n"


def test_an_interruption_stops_the_run(control: Any, server: RunningServer, file: Any) -> None:
    path = Path(file("connect: {as: Ben}", "leave: {as: Ben}"))
    path.write_text(path.read_text().replace("- leave", "- after: 1min\n    leave"))
    process = subprocess.Popen(
        command(str(path), "--url", server.url),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)][1] == "   1/2  connect  as: Ben\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "stopped\n"
    assert process.returncode == 1
    deadline = time.monotonic() + PATIENCE
    while any(user["online"] for user in control("GET", "state")["users"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert control("GET", "runs")[-1]["state"] == "stopped"


def test_a_wrong_file_is_refused_with_line_and_reason(
    control: Any, server: RunningServer, file: Any
) -> None:
    path = file("connect: {as: Ben}", "send: {as: Ben, to: Nobody, text: x}")
    done = play(path, "--url", server.url)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"r2c-server: The scenario {path}, line 4: steps.1.send.to names no user. There is no user"
        " Nobody; there is: Asha, Ben,"
    )
    done = play(file("sned: {}"), "--url", server.url)
    assert done.returncode == 2
    assert done.stderr == (
        f"r2c-server: The scenario {path}, line 3: steps.0.sned is no field here (did you"
        " mean send?).\n"
    )


def test_without_a_file_it_lists_what_ships() -> None:
    done = play()
    assert done.returncode == 0
    assert "ben-sends-a-picture (6 s)\n  Ben comes online," in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml: No such file or directory."),
        (["nope"], "nor a scenario that ships; there are bad-connection, ben-sends-a-picture, "),
        (["three-at-once", "--url", "http://127.0.0.1:1"], "No server answers at http://127.0.0.1"),
        (["three-at-once", "--url", "here"], "No server answers at here"),
        (["a", "b"], "see r2c-server"),
    ],
)
def test_what_cannot_begin_says_why_in_one_line(arguments: list[str], message: str) -> None:
    done = play(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_without_control_is_named() -> None:
    with running() as server:
        done = play("three-at-once", "--url", server.url)
    assert done.returncode == 2
    assert "has no control interface (status 404)" in done.stderr
