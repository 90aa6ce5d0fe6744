"""Backends that the suite starts itself: the reference server, or what `[process]` names."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from conformance.target import Target, TargetError

START_TIMEOUT = 60.0
"""Seconds in which a started backend has to answer; cold containers take long."""
RESET_TIMEOUT = 120.0
"""Seconds a reset command may take."""
END_TIMEOUT = 5.0
"""Seconds a process may take to end after SIGTERM, before it is killed."""
CHECK_EVERY = 0.05
"""Seconds between two looks at whether a backend answers."""
TAIL = 20
"""Lines of a process's output that are shown when it fails."""


class ProcessError(Exception):
    """A command of the target file, or the reference server, failed; `str` is one sentence."""


class BackendProcess:
    """A backend in a process group of its own, so that all it started ends with it."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.command = command
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Starts the command and waits until `ready`. Raises ProcessError."""
        self.stop()
        shown = shlex.join(self.command)
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603  the user's own command
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"`{shown}` cannot be started: {error.strerror}.") from None
        deadline = time.monotonic() + START_TIMEOUT
        while not ready():
            if (status := self._process.poll()) is not None:
                raise ProcessError(f"`{shown}` ended with status {status}: {self.last_line()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ProcessError(f"`{shown}` did not answer within {START_TIMEOUT:.0f} s.")
            threading.Event().wait(CHECK_EVERY)

    @property
    def ended(self) -> int | None:
        """The status with which the process ended by itself; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def stop(self) -> None:
        """Ends the process and everything it started."""
        process, self._process = self._process, None
        if process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_TIMEOUT)
                break

    def last_line(self) -> str:
        """The last line the process printed."""
        with suppress(OSError):
            lines = self.log.read_text(errors="replace").strip().splitlines()
            if lines:
                return lines[-1].strip()
        return "it printed nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def reset(command: str) -> None:
    """Runs the target file's reset command to its end. Raises ProcessError."""
    try:
        done = subprocess.run(  # noqa: S602  a shell line of the user's own target file
            command, shell=True, capture_output=True, text=True, timeout=RESET_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"`{command}` did not end within {RESET_TIMEOUT:.0f} s.") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
        raise ProcessError(f"`{command}` ended with status {done.returncode}: {lines[-1]}")


def shell_process(command: str, log: Path) -> BackendProcess:
    """The process of a `start` command, which is a shell line."""
    return BackendProcess(["/bin/sh", "-c", f"exec {command}"], log)


def reference_server(folder: Path) -> tuple[BackendProcess, Target]:
    """Starts the reference server on a free port of this machine.

    Raises ProcessError when it does not come up.
    """
    announcement = Path(tempfile.mkdtemp(dir=folder)) / "reference-server.json"
    process = BackendProcess(
        [
            sys.executable,
            "-m",
            "reference_server",
            "--port",
            "0",
            "--announce",
            str(announcement),
        ],
        folder / "reference-server.log",
    )
    process.start(announcement.exists)
    content = json.loads(announcement.read_text(encoding="utf-8"))
    try:
        target = Target.of(
            {
                "target": {"url": content["url"]},
                "auth": {"secret": content["secret"]},
                "users": content["users"],
                "friends": {"pairs": content["friends"]},
            }
        )
    except (KeyError, TargetError) as error:
        process.stop()
        raise ProcessError(f"the reference server announced no usable target: {error}") from None
    return process, target
