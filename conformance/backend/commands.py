"""Commands that a target file names and that have to come to an end: `reset`, `token_command`."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LARGEST_OUTPUT = 1_000_000
"""Bytes of output after which a command is ended: one that never stops must not fill the disk."""
SHORTEST_LOOK = 0.005
LONGEST_LOOK = 0.1
"""Seconds between two looks at whether a command has ended; they grow from one to the other."""


class CommandError(Exception):
    """A command that could not do its work; `str` says what became of it, without its name."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command that ended well has printed."""

    lines: tuple[str, ...]
    """The lines of its standard output that are not empty."""


def run(command: Sequence[str] | str, timeout: float, folder: Path | None = None) -> Output:
    """Runs words, or a text as a shell line, to the end, in a folder. It gets no input.

    Whatever it left running in the background goes on, unless the command had to be ended. Raises
    CommandError when it cannot be started, takes longer than `timeout` seconds, prints more than
    `LARGEST_OUTPUT` bytes, or ends with another status than 0.
    """
    # Files, not pipes: a pipe stays open as long as anything in the background holds it.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(  # noqa: S603  the user's own command
                command,
                cwd=folder,
                shell=isinstance(command, str),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(f"cannot be run: {error.strerror}") from None
        except ValueError as error:
            raise CommandError(f"cannot be run: {error}") from None
        try:
            _await(process, (out, err), timeout)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        printed, complaints = _lines(out), _lines(err)
    if process.returncode:
        last = (complaints or printed or ("it printed nothing",))[-1]
        raise CommandError(f"{how_ended(process.returncode)}: {last}")
    return Output(printed)


def _await(process: subprocess.Popen[bytes], files: Sequence[BinaryIO], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    look = SHORTEST_LOOK
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise CommandError(f"did not end within {timeout:.0f} s")
        if any(os.fstat(file.fileno()).st_size > LARGEST_OUTPUT for file in files):
            raise CommandError(f"printed more than {LARGEST_OUTPUT:,} bytes")
        threading.Event().wait(look)
        look = min(LONGEST_LOOK, 2 * look)


def _lines(file: BinaryIO) -> tuple[str, ...]:
    file.seek(0)
    text = file.read(LARGEST_OUTPUT + 1).decode("utf-8", "replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def how_ended(status: int) -> str:
    """What became of a process, from its status as `subprocess` has it."""
    if status < 0:
        known = {each.value: each.name for each in signal.Signals}
        return f"was ended by {known.get(-status, f'signal {-status}')}"  # of real time: no name
    return f"ended with status {status}"
