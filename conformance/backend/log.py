"""What a process prints: kept in a file without secrets, and the last of it at hand."""

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

LARGEST = 8 * 1024 * 1024
"""Bytes that are kept of what is printed; of what comes then, only the last."""
LONGEST_LINE = 64 * 1024
"""Bytes after which the end of a line is not waited for, and the line left out: cut in two it might
show half a secret."""
TAIL = 10_000
"""Bytes at the end of what was printed that are at hand."""
FOLLOW_EVERY = 0.1
"""Seconds between two looks at whether more was printed."""
NEW_LIFE = "--- r2c-verify starts it again ---"
"""The line between two lives of a process."""
LEFT_OUT = "--- r2c-verify left out {:,} bytes ---"
"""The line in place of what was too much."""
_BLOCK = 256 * 1024


class Log:
    """A file of what all lives of a process print. Safe from any thread.

    The process writes to a spool that has no name and so ends with the suite, however that ends. A
    thread copies it line by line, without secrets. A pipe would hold a process back that prints
    faster than a busy suite reads, and its answers with it.
    """

    def __init__(self, file: Path, redact: Callable[[bytes], bytes]) -> None:
        """`redact` is called with whole lines."""
        self._file = file
        self._redact = redact
        self._lock = threading.RLock()
        self._out: IO[bytes] | None = None
        self._spool: IO[bytes] | None = None
        self._read = 0
        """Bytes of the spool that were read."""
        self._line = b""
        """The beginning of a line whose end has not come."""
        self._long = 0
        """Bytes of a line that is left out, whose end has not come."""
        self._kept = 0
        self._left_out = 0
        """Bytes of this life that are not kept, apart from long lines."""
        self._recent = b""
        self._over = threading.Event()

    def begin(self) -> int:
        """Begins a life; returns what it prints to, a file descriptor. Raises OSError."""
        with self._lock:
            self.end()
            if self._out is None:
                # What an earlier run left must not pass for this one's.
                self._out = self._file.open("wb", buffering=0)
            else:
                self._write(f"\n{NEW_LIFE}\n".encode())
            self._spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  open as long as the life
            spool = self._spool.fileno()
            # All that inherit it write behind each other, and behind what is cut off here.
            fcntl.fcntl(spool, fcntl.F_SETFL, fcntl.fcntl(spool, fcntl.F_GETFL) | os.O_APPEND)
            self._read, self._recent = 0, b""
            self._over = threading.Event()
            threading.Thread(
                target=self._follow, args=(self._over,), name="r2c log", daemon=True
            ).start()
            return spool

    def end(self) -> None:
        """Keeps what was printed until now; what comes from now on is lost."""
        with self._lock:
            self._over.set()
            if self._spool is None:
                return
            self._copy()
            if self._long:
                self._take(b"\n")
            self._keep(self._line)
            self._line = b""
            if self._left_out:
                last = self._recent[-self._left_out :]
                self._write(_left_out(self._left_out - len(last)) + last)
                self._left_out = 0
            self._spool.close()
            self._spool = None

    def close(self) -> None:
        """Ends, and takes out of the file what has become known for a secret since."""
        with self._lock:
            self.end()
            if self._out is None:
                return
            self._out.close()
            self._out = None
            with suppress(OSError):
                written = self._file.read_bytes()
                if (clean := self._redact(written)) != written:
                    self._file.write_bytes(clean)

    def tail(self) -> list[str]:
        """The last lines that were printed in this life, empty ones aside."""
        with self._lock:
            if self._spool is not None:
                self._copy()
            recent = self._recent + self._redact(self._line)
        lines = recent.decode("utf-8", "replace").splitlines()
        return [line.rstrip() for line in lines if line.strip()]

    def _follow(self, over: threading.Event) -> None:
        while not over.wait(FOLLOW_EVERY):
            with self._lock:
                if over.is_set() or self._spool is None:
                    return
                self._copy()

    def _copy(self) -> None:
        """Copies what was printed since the last time, up to the end of its last line."""
        assert self._spool is not None  # noqa: S101  of every caller
        spool = self._spool.fileno()
        size = os.fstat(spool).st_size
        if size < self._read:  # `> /dev/stderr` cuts off what stands there
            self._read = 0
        while self._read < size and (block := os.pread(spool, _BLOCK, self._read)):
            self._read += len(block)
            self._take(block)
        if self._read > LARGEST:
            # What is printed between the look and the cut is lost; it would be left out anyway.
            os.ftruncate(spool, 0)
            self._read = 0

    def _take(self, block: bytes) -> None:
        """Keeps the lines that end in a block."""
        if self._long:
            cut, end, block = block.partition(b"\n")
            self._long += len(cut)
            if not end:
                return
            self._keep(_left_out(self._long))
            self._long = 0
        lines, end, self._line = (self._line + block).rpartition(b"\n")
        self._keep(lines + end)
        if len(self._line) > LONGEST_LINE:
            self._long, self._line = len(self._line), b""

    def _keep(self, lines: bytes) -> None:
        clean = self._redact(lines)
        self._recent = (self._recent + clean)[-TAIL:]
        if self._left_out or self._kept + len(clean) > LARGEST:
            self._left_out += len(clean)
        else:
            self._write(clean)
            self._kept += len(clean)

    def _write(self, what: bytes) -> None:
        # A full disk must not end the run.
        if self._out is not None:
            with suppress(OSError):
                self._out.write(what)


def _left_out(count: int) -> bytes:
    return f"{LEFT_OUT.format(count)}\n".encode()
