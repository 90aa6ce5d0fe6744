"""The command `r2c-server` as a process of its own."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import jwt

START_PATIENCE = 20.0  # seconds
COMMAND = [sys.executable, "-m", "reference_server"]
ROOT = Path(__file__).parents[2]

Start = Callable[..., tuple["subprocess.Popen[str]", Any]]


def environment(**more: str) -> dict[str, str]:
    """What the command finds the package by, on a terminal of 60 columns."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "60", **more}


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Gives what starts the command, with `within` before it, and returns the process and what it
    announces; ends them.
    """
    processes: list[subprocess.Popen[str]] = []

    def begin(
        *arguments: str, within: Sequence[str] = (), **variables: str
    ) -> tuple["subprocess.Popen[str]", Any]:
        announced = folder / f"announced{len(processes) or ''}.json"
        process = subprocess.Popen(
            [*within, *COMMAND, "--port", "0", "--announce", str(announced), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**variables),
        )
        processes.append(process)
        deadline = time.monotonic() + START_PATIENCE
        while not announced.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.01)
        return process, json.loads(announced.read_text())

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


def run_command(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=START_PATIENCE,
        env=environment(**variables),
    )


class Lines:
    """What a process writes, line by line, with a deadline for each wait."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)

    def until(self, part: str) -> str:
        """The next line with this in it; fails when none comes."""
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {part!r} after {self.seen}") from None
            self.seen.append(line)
            if part in line:
                return line


def token(announced: Any, number: int = 0) -> str:
    """A token of one of the announced users."""
    claims = {"id": announced["users"][number]["_id"]}
    return jwt.encode(claims, announced["secret"], algorithm="HS256")
