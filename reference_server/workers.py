"""Several processes at one address: who starts them, starts them again, and ends them.

Each worker is a whole server with a listening socket of its own (SO_REUSEPORT, socket(7)), over
which the kernel spreads connections; what they share is in `bus.py`, the store and `handover.py`.
The parent serves nobody. Workers are forked from it once all modules are imported, so each listens
within some tenths of a second. A pipe to each tells the parent that it listens or why it cannot,
and tells the worker when its parent is gone.
"""

import asyncio
import contextlib
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from reference_server.errors import StartError
from reference_server.handover import LENGTH_OF_NAME, Handover

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST_REST = 0.25  # seconds until a worker that ended is started again
LONGEST_REST = 8.0  # each time it ends soon again, the rest doubles up to this
STEADY = 20.0  # seconds after which a worker has not ended soon
FAREWELL = 10.0  # seconds that workers get to end before they are killed

Tell = Callable[[str], None]


class Worker:
    """One life of a worker, as it sees itself."""

    def __init__(self, folder: Path, name: str, parent: Connection) -> None:
        self.handover = Handover(folder, name)
        self._folder = folder
        self._parent = parent

    async def speaks(self, end: Callable[[], None]) -> bool:
        """Say that it listens, once it does; returns whether it is the one to say so to people,
        once all listen. Calls `end` when the parent is gone.
        """
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_reader(self._parent.fileno(), heard.set)
        self._say_so()
        await heard.wait()
        try:
            return bool(self._parent.recv())
        except EOFError:
            return False
        finally:
            loop.add_reader(self._parent.fileno(), self._orphaned, end)

    def has_spoken(self) -> None:
        """Say that people have been told."""
        self._say_so()

    def _say_so(self) -> None:
        with contextlib.suppress(OSError):  # the parent is gone, which is heard of next
            self._parent.send(None)

    def _orphaned(self, end: Callable[[], None]) -> None:
        """The parent says nothing more, so it is gone, and cannot clear up."""
        asyncio.get_running_loop().remove_reader(self._parent.fileno())
        shutil.rmtree(self._folder, ignore_errors=True)
        end()


Serve = Callable[[Worker], None]
"""Serves until it is told to end by a signal. Raises StartError where it cannot."""


@dataclass(slots=True)
class _Life:
    """A worker, as its parent sees it."""

    number: int
    name: str
    process: BaseProcess
    line: Connection
    begun: float
    listens: bool = False
    reason: str | None = None
    """Why it cannot serve, as it said itself."""

    def ending(self) -> str:
        """How it ended, for people."""
        code = self.process.exitcode or 0
        if self.reason is not None:
            return f"does not come up: {self.reason.rstrip('.')}"
        if code >= 0:
            return f"ended with status {code}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"


def check() -> None:
    """Raises StartError on a system where processes cannot share an address."""
    if not (
        hasattr(socket, "SO_REUSEPORT") and hasattr(socket, "send_fds") and hasattr(os, "fork")
    ):
        raise StartError("--workers needs SO_REUSEPORT and fork, which this system does not have.")


def run(count: int, serve: Serve, complain: Tell) -> None:
    """Run so many workers until a signal says that it is time to end.

    Raises StartError, in the words of a worker, where they cannot begin to serve. From then on each
    that ends is started again, and `complain` says so.
    """
    with tempfile.TemporaryDirectory(prefix="r2c-workers-") as folder, _signals() as told:
        workers = _Workers(count, serve, complain, Path(folder), told)
        try:
            workers.run()
        finally:
            workers.end()


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket at which something is to be read once one of SIGNALS has come."""
    hears, says = socket.socketpair()
    with hears, says:
        says.setblocking(False)
        before = {each: signal.signal(each, lambda *_: None) for each in SIGNALS}
        wakes = signal.set_wakeup_fd(says.fileno())
        try:
            yield hears
        finally:
            signal.set_wakeup_fd(wakes)
            for each, handler in before.items():
                signal.signal(each, handler)


class _Workers:
    def __init__(
        self, count: int, serve: Serve, complain: Tell, folder: Path, told: socket.socket
    ) -> None:
        self._count = count
        self._serve = serve
        self._complain = complain
        self._folder = folder
        self._told = told
        self._lives: dict[int, _Life] = {}
        self._rests: dict[int, float] = {}
        """By number, how long the worker rested before its present life."""
        self._due: dict[int, float] = {}
        """By number, when the worker is to be started again."""
        self._everybody_knows = False
        """Whether people have been told that all listen."""

    def run(self) -> None:
        for number in range(1, self._count + 1):
            self._begin(number)
        while True:
            lines = {each.line: each for each in self._lives.values()}
            ends = {each.process.sentinel: each for each in self._lives.values()}
            rest = min(self._due.values(), default=None)
            patience = None if rest is None else max(0.0, rest - time.monotonic())
            ready = wait([self._told, *lines, *ends], patience)
            if self._told in ready:
                return
            for life in [lines[each] for each in ready if each in lines]:
                self._hear(life)
            for life in [ends[each] for each in ready if each in ends]:
                self._ended(life)
            for number in [number for number, due in self._due.items() if due <= time.monotonic()]:
                del self._due[number]
                self._begin(number)

    def end(self) -> None:
        """End all, by force those that do not end in time."""
        for life in self._lives.values():
            life.process.terminate()
        deadline = time.monotonic() + FAREWELL
        for life in self._lives.values():
            life.process.join(max(0.0, deadline - time.monotonic()))
            if life.process.exitcode is None:
                self._complain(f"Worker {life.number} does not end and is killed.")
                life.process.kill()
                life.process.join()
            life.line.close()

    def _begin(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        line, its_line = multiprocessing.Pipe()
        name = secrets.token_hex(LENGTH_OF_NAME // 2)
        worker = Worker(self._folder, name, its_line)
        process = multiprocessing.get_context("fork").Process(
            target=self._live, args=(worker, line, its_line), name=f"worker {number}"
        )
        # A signal that comes meanwhile is the parent's, until the worker has its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        its_line.close()
        self._lives[number] = _Life(number, name, process, line, time.monotonic())

    def _live(self, worker: Worker, parents: Connection, own: Connection) -> None:
        """What a worker does, from its first moment on."""
        signal.set_wakeup_fd(-1)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        # The ends of the parent: as long as one is open here, no worker sees that it is gone.
        for line in (parents, *(life.line for life in self._lives.values())):
            line.close()
        try:
            self._serve(worker)
        except StartError as error:
            own.send(str(error))
            sys.exit(2)

    def _hear(self, life: _Life) -> None:
        try:
            life.reason = life.line.recv()
        except (EOFError, OSError):
            self._ended(life)
            return
        if life.reason is not None:
            return  # it is about to end
        if life.listens:
            self._everybody_knows = True
            return
        life.listens = True
        if self._everybody_knows:
            life.line.send(False)
        elif len(self._lives) == self._count and all(e.listens for e in self._lives.values()):
            for number, each in self._lives.items():
                with contextlib.suppress(OSError):  # it has ended, which is heard of next
                    each.line.send(number == 1)

    def _ended(self, life: _Life) -> None:
        if self._lives.get(life.number) is not life:
            return  # both its pipe and its process said so
        life.process.join()
        while life.line.poll():  # what it said last
            try:
                life.reason = life.line.recv()
            except (EOFError, OSError):
                break
        life.line.close()
        (self._folder / life.name).unlink(missing_ok=True)
        del self._lives[life.number]
        if not self._everybody_knows:
            raise StartError(life.reason or f"A worker {life.ending()} before all listened.")
        lived = time.monotonic() - life.begun
        before = self._rests.get(life.number, 0.0) if lived < STEADY else 0.0
        rest = min(max(FIRST_REST, 2 * before), LONGEST_REST)
        self._rests[life.number] = rest
        self._due[life.number] = time.monotonic() + rest
        self._complain(f"Worker {life.number} {life.ending()}; it is started again in {rest:g} s.")


def reserved(listen: Callable[[], list[Any]]) -> int:
    """The port at which workers can listen, given what listens there alone. It is free once this
    returns: with SO_REUSEPORT they would not notice another server that listens in the same way.
    """
    listening = listen()
    port = int(listening[0].getsockname()[1])
    for each in listening:
        each.close()
    return port
