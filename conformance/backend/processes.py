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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from conformance.backend import commands
from conformance.backend.commands import CommandError, how_ended
from conformance.backend.log import Log
from conformance.backend.target import Target, TargetError

START_TIMEOUT = 60.0
"""Seconds in which a started backend has to answer; cold containers take long."""
RESET_TIMEOUT = 120.0
"""Seconds a reset command may take."""
END_TIMEOUT = 5.0
"""Seconds a process may take to end after SIGTERM, before it is killed."""
LAST_WORDS = 12
"""Lines that are shown of what a process printed last."""
PLAYERS = Path(__file__).with_name("players.yaml")
"""Who the reference server knows when the suite verifies it."""
CHECK_EVERY = 0.05
"""Seconds between two looks at whether a backend answers."""

_GUARD = """\
read -r group && [ "$group" != over ] || exit
read -r over && exit
kill -TERM "-$group" 2>/dev/null
looks=0
while kill -0 "-$group" 2>/dev/null && [ "$looks" -lt "$1" ]; do
  sleep 0.1
  looks=$((looks + 1))
done
kill -KILL "-$group" 2>/dev/null
"""
"""Ends the process group it is told when its input then ends without a word, that is with the
suite, however that ended: nothing else is told of a SIGKILL."""

_UNDER_GUARD = ("/bin/sh", "-c", '(echo "$$" >&0) 2>/dev/null; exec "$@" </dev/null', "r2c-start")
"""Tells the guard, whose input stands as standard input, the group that a command is about to lead.
The suite may be killed at any moment, even before it knows that itself."""


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
        redact: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`shown` is what messages call the command; it runs in `folder`, if any. Without
        `log_stdout` the log holds only what goes to standard error; `redact` takes secrets out of
        its lines.
        """
        self.command = command
        self._log = Log(log, redact)
        self._folder = folder
        self._log_stdout = log_stdout
        self.shown = shown or f"`{shlex.join(command)}`"
        """How messages call the command."""
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.lives = 0
        """How many times it was started."""
        self._over = False
        self._lock = threading.RLock()

    def start(self, ready: Callable[[], bool], within: float = START_TIMEOUT) -> None:
        """Starts the command and waits until `ready`, at most so many seconds.

        A command that ends with status 0 may have put the backend into the background, so it is
        waited for all the same. Raises ProcessError, after `end` too.
        """
        self.stop()
        try:
            # An interrupt, which comes to the main thread, must not get between a process and the
            # note that it is there.
            with ThreadPoolExecutor(1, "r2c start") as pool:
                pool.submit(self._launch).result()
            deadline = time.monotonic() + within
            while not ready():
                process = self._process
                if process is None:
                    raise ProcessError(f"{self.shown} was ended, since the run is over.")
                if status := process.poll():
                    raise ProcessError(f"{self.shown} {how_ended(status)}: {self.last_line()}")
                if time.monotonic() > deadline:
                    raise ProcessError(
                        f"{self.shown} did not answer within {within:.0f} s; the last it "
                        f"printed: {self.last_line()}"
                    )
                threading.Event().wait(CHECK_EVERY)
        except BaseException:
            self.stop()
            raise

    def _launch(self) -> None:
        with self._lock:
            if self._over:
                raise ProcessError(f"{self.shown} is not started again, since the run is over.")
            self._guard = guard = _guard()
            try:
                output = self._log.begin()
                self._process = subprocess.Popen(  # noqa: S603  the user's own command
                    [*(_UNDER_GUARD if guard else ()), *self.command],
                    cwd=self._folder,
                    stdin=guard.stdin if guard else subprocess.DEVNULL,
                    stdout=output if self._log_stdout else subprocess.DEVNULL,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise ProcessError(f"{self.shown} cannot be started: {error.strerror}.") from None
            self.lives += 1

    @property
    def ended(self) -> int | None:
        """The status with which the process ended by itself; None while it runs."""
        return self._process.poll() if self._process is not None else None

    @property
    def last_words(self) -> str | None:
        """How the process ended by itself and the last lines it printed; None while it runs."""
        if (status := self.ended) is None:
            return None
        lines = self._log.tail()[-LAST_WORDS:]
        said = "".join(f"\n  {line}" for line in lines) or " nothing"
        return f"{self.shown} {how_ended(status)}; the last it printed:{said}"

    def end(self) -> None:
        """Stops for good: whoever wants to start it again, in another thread, is refused."""
        with self._lock:
            self._over = True
        self.stop()
        self._log.close()

    def stop(self) -> None:
        """Ends the process and everything it started. From any thread."""
        with self._lock:
            process, self._process = self._process, None
            guard, self._guard = self._guard, None
        if process is not None:
            _end_group(process)
        if guard is not None:
            guard.communicate(b"over\n")
        with self._lock:
            if self._process is None:  # nobody has started it again meanwhile
                self._log.end()

    def last_line(self) -> str:
        """The last line the process printed."""
        lines = self._log.tail()
        return lines[-1].strip() if lines else "it printed nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    _signal(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_TIMEOUT
    while process.poll() is None or _signal(process.pid, 0):
        if time.monotonic() > deadline:
            _signal(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_TIMEOUT)
            return
        threading.Event().wait(CHECK_EVERY)


def _guard() -> subprocess.Popen[bytes] | None:
    """What ends a process group if the suite cannot; None where there can be none."""
    looks = str(int(END_TIMEOUT * 10))
    with suppress(OSError):
        return subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _GUARD, "r2c-guard", looks],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return None


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


def shell_process(
    command: str,
    log: Path,
    folder: Path | None = None,
    redact: Callable[[bytes], bytes] = bytes,
) -> BackendProcess:
    """The process of a `start` command, which is a shell line, in a folder."""
    shell = ["/bin/sh", "-c", command]
    return BackendProcess(shell, log, shown=f"`{command}`", folder=folder, redact=redact)


def reference_server(
    folder: Path, redact: Callable[[bytes], bytes] = bytes
) -> tuple[BackendProcess, Target]:
    """Starts the reference server on a free port of this machine.

    Raises ProcessError when it does not come up.
    """
    # The announcement holds the secret, so it does not stay in the folder.
    with tempfile.TemporaryDirectory() as private, ExitStack() as unless_it_runs:
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
            redact=redact,
        )
        unless_it_runs.callback(process.end)
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
            raise ProcessError(
                f"the reference server announced no usable target: {error}"
            ) from None
        unless_it_runs.pop_all()
    return process, target
