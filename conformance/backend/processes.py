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

from conformance.backend import commands
from conformance.backend.commands import CommandError
from conformance.backend.target import Target, TargetError

START_TIMEOUT = 60.0
"""Seconds in which a started backend has to answer; cold containers take long."""
RESET_TIMEOUT = 120.0
"""Seconds a reset command may take."""
END_TIMEOUT = 5.0
"""Seconds a process may take to end after SIGTERM, before it is killed."""
LONGEST_TAIL = 10_000
"""Bytes at the end of a log that are searched for its last line."""
PLAYERS = Path(__file__).with_name("players.yaml")
"""Who the reference server knows when the suite verifies it."""
CHECK_EVERY = 0.05
"""Seconds between two looks at whether a backend answers."""


class ProcessError(Exception):
    """A command of the target file, or the reference server, failed; `str` is one sentence."""


class BackendProcess:
    """A backend in a process group of its own, so that all it started ends with it."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        shown: str | None = None,
        *,
        folder: Path | None = None,
        log_stdout: bool = True,
    ) -> None:
        """`shown` stands for the command in messages; it runs in `folder`, if any. Without
        `log_stdout` the log holds only what goes to standard error.
        """
        self.command = command
        self.log = log
        self._folder = folder
        self._log_stdout = log_stdout
        self._shown = f"`{shown or shlex.join(command)}`"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False

    def start(self, ready: Callable[[], bool], within: float = START_TIMEOUT) -> None:
        """Starts the command and waits until `ready`, at most so many seconds.

        A command that ends with status 0 may have put the backend into the background, so it is
        waited for all the same. Raises ProcessError.
        """
        self.stop()
        try:
            # What an earlier run left must not pass for this one's; an earlier start is part of it.
            with self.log.open("ab" if self._started else "wb") as output:
                self._process = subprocess.Popen(  # noqa: S603  the user's own command
                    self.command,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output if self._log_stdout else subprocess.DEVNULL,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{self._shown} cannot be started: {error.strerror}.") from None
        deadline = time.monotonic() + within
        try:
            while not ready():
                if status := self._process.poll():
                    raise ProcessError(
                        f"{self._shown} ended with status {status}: {self.last_line()}"
                    )
                if time.monotonic() > deadline:
                    raise ProcessError(
                        f"{self._shown} did not answer within {within:.0f} s; the last it "
                        f"printed: {self.last_line()}"
                    )
                threading.Event().wait(CHECK_EVERY)
        except BaseException:
            self.stop()
            raise

    @property
    def ended(self) -> int | None:
        """The status with which the process ended by itself; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def stop(self) -> None:
        """Ends the process and everything it started."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + END_TIMEOUT
        while process.poll() is None or _signal(process.pid, 0):
            if time.monotonic() > deadline:
                _signal(process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_TIMEOUT)
                return
            threading.Event().wait(CHECK_EVERY)

    def last_line(self) -> str:
        """The last line the process printed."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LONGEST_TAIL))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
            if lines:
                return lines[-1].strip()
        return "it printed nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _signal(group: int, number: int) -> bool:
    """Signals a process group, with 0 only asks for it; whether it still has a member."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # a member that became another user
        return True
    return True


def reset(command: str, folder: Path | None = None) -> None:
    """Runs the target file's reset command to its end, in a folder. Raises ProcessError."""
    try:
        commands.run(command, RESET_TIMEOUT, folder)
    except CommandError as error:
        raise ProcessError(f"[process] reset `{command}` {error}.") from None


def shell_process(command: str, log: Path, folder: Path | None = None) -> BackendProcess:
    """The process of a `start` command, which is a shell line, in a folder."""
    return BackendProcess(["/bin/sh", "-c", command], log, shown=command, folder=folder)


def reference_server(folder: Path) -> tuple[BackendProcess, Target]:
    """Starts the reference server on a free port of this machine.

    Raises ProcessError when it does not come up.
    """
    # The announcement holds the secret, so it does not stay in the folder.
    with tempfile.TemporaryDirectory() as private:
        announcement = Path(private) / "reference-server.json"
        process = BackendProcess(
            [
                sys.executable,
                "-m",
                "reference_server",
                "--port",
                "0",
                "--users",
                str(PLAYERS),
                "--announce",
                str(announcement),
            ],
            folder / "reference-server.log",
            shown="the reference server",
            log_stdout=False,  # where it shows the tokens of its users
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
