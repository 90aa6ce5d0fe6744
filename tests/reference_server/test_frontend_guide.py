"""The commands of docs/frontend.md work when they are pasted one after the other."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "frontend.md"
DEADLINE = 90  # seconds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the commands print, on a port of their own."""
    folder = tmp_path_factory.mktemp("pasted")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))
    commands = commands.replace("127.0.0.1:5000", f"127.0.0.1:{port}")
    commands = commands.replace("r2c-server > ", f"r2c-server --port {port} > ")
    commands = re.sub(r"(r2c-server play \S+)", rf"\1 --url http://127.0.0.1:{port}", commands)
    program = folder / "r2c-server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reference_server "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eu", "-c", f"trap 'kill %1 2> /dev/null || true' EXIT\n{commands}"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(GUIDE.parents[1]),
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert {file.name for file in folder.iterdir()} == {"r2c-server", "server.log", "late.yaml"}
    return done.stdout


def test_nothing_is_refused_but_what_is_to_be(told: str) -> None:
    refusals = re.findall(r'"success":false,"message":"([^"]*)"', told)
    assert refusals == [
        "The message could not be stored.",
        "No user has the id 60d0fe4f5311236168a10999.",
        "listMessages has no answer 418 in the document; it has 200, 400, 401, 404, 414, 429, 431,"
        " 500.",
        "recipientId is not valid: the recipient's ObjectId.",
    ]


def test_they_show_what_they_say(told: str) -> None:
    assert "HTTP/1.1 500" in told
    assert "Are you coming to the rehearsal tonight?" in told  # an example
    assert '"requirement":"SEND-08"' in told
    assert told.count("finished") == 2
    assert "Sorry, I fell asleep." in told
