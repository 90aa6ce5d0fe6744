"""One run in a process of its own, whatever is done to Python in the process of the team's tests.

A suite may turn warnings into errors, stop the clock, forbid sockets, measure coverage, or serve
its own backend from a thread: the run is to feel none of it, and to leave nothing behind.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.backend.target import Target
from conformance.evidence.journal import Note
from conformance.judging.baseline import Baseline
from conformance.profiles import PROFILES
from conformance.reports.report import Report

if TYPE_CHECKING:
    from conformance.reports.files import Unwritten

SLACK = 300.0
"""Seconds that a run may take beside what its profile allows: to reset and to start a backend."""
END_PATIENCE = 20.0
"""Seconds in which an interrupted run writes its reports and stops the backend it has started."""
SHOWN = frozenset(
    {"run-started", "scenarios-collected", "scenario-ended", "fuzzing-started", "finding"}
)
"""The kinds of notes of the journal that come back while the run goes on."""


class Undone(Exception):
    """There is no report; `str` says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be verified, and how."""

    target: Target
    overlays: tuple[Path, ...]
    only: frozenset[str]
    profile: str
    seed: int | None
    """None for one that is chosen by chance, or always the same with a baseline."""
    strict: bool
    baseline: Baseline | None
    folder: Path
    processes: int


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has ended."""

    report: Report
    folder: Path
    """Where its reports are."""
    unwritten: tuple[str, ...] = ()
    """Which of them are not there and why, a sentence each."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there will be no report."""

    reason: str


def carry_out(order: Order, listen: Callable[[Note], None] = lambda note: None) -> Ran:
    """Has a run done. Raises Undone."""
    here, there = Pipe()
    with there:
        process = subprocess.Popen(  # noqa: S603
            # -P: no package of the folder that the tests run in goes before one of ours.
            [sys.executable, "-P", "-m", "conformance.plugin.errand", str(there.fileno())],
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
        )
    limit = PROFILES[order.profile].whole_s + SLACK
    try:
        with here:
            here.send(order)
            return _ran(here, listen, time.monotonic() + limit)
    except TimeoutError:
        why = f"did not end within {limit:.0f} s"
    except (EOFError, OSError):
        why = "ended"
    finally:
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_PATIENCE)
        process.kill()
        process.wait()
    raise Undone(f"the process of the suite {why}, with status {process.returncode}.")


def _ran(here: Connection, listen: Callable[[Note], None], deadline: float) -> Ran:
    while here.poll(max(0.0, deadline - time.monotonic())):
        match here.recv():
            case Ran() as ran:
                return ran
            case Refusal(reason):
                raise Undone(reason)
            case note:
                listen(note)
    raise TimeoutError


def main(descriptor: int) -> None:
    """The life of the process: takes an order, sends notes, then the report."""
    line = Connection(descriptor)
    order = line.recv()
    done = threading.Event()
    threading.Thread(target=_end_with, args=(line, done), daemon=True).start()
    lock = threading.Lock()

    def tell(message: object) -> None:
        with lock, suppress(OSError):  # nobody listens any more
            line.send(message)

    def listen(note: Note) -> None:
        if note["kind"] in SHOWN:
            tell(dict(note))

    answer = _answer(order, listen)
    done.set()
    tell(answer)


def _end_with(line: Connection, done: threading.Event) -> None:
    """Ends a run that is not done when the other side goes."""
    with suppress(EOFError, OSError):
        line.recv()
    if not done.is_set():
        os.kill(os.getpid(), signal.SIGINT)


def _answer(order: Order, listen: Callable[[Note], None]) -> Ran | Refusal:
    from conformance.backend.target import TargetError
    from conformance.cli.checks import checks_of
    from conformance.reports.files import write_reports
    from conformance.reports.folder import cleared
    from conformance.run import Plan, chosen_seed, verify
    from contract import load

    try:
        contract = load(order.overlays)
        plan = Plan(
            contract=contract,
            target=order.target,
            profile=PROFILES[order.profile],
            folder=cleared(order.folder),
            seed=chosen_seed(order.seed, baseline=order.baseline is not None),
            strict=order.strict,
            only=order.only,
            processes=order.processes,
        )
        report = verify(plan, listen)
        if order.baseline is not None:
            report = report.against(order.baseline, frozenset(contract.requirements))
        checks = {id: tuple(it.sentences()) for id, it in checks_of(contract).items()}
        lost = write_reports(replace(report, checks=checks), order.folder)
    except TargetError as error:
        return Refusal(str(error))
    except OSError as error:
        place = error.filename or order.folder
        return Refusal(f"{place} cannot be written: {error.strerror or error}.")
    except KeyboardInterrupt:
        return Refusal("the run was interrupted.")
    except Exception as error:
        return Refusal(f"an error of this suite, please report it: {type(error).__name__}: {error}")
    return Ran(report, order.folder, tuple(_unwritten(report, lost)))


def _unwritten(report: Report, lost: "Iterable[Unwritten]") -> Iterator[str]:
    for each in lost:
        yield f"{each.file} cannot be written: {each.error}."
    if report.unwritten is not None:
        yield f"events.ndjson is not complete: {report.unwritten}."


if __name__ == "__main__":
    # As the module that it is for the other side: what it sends has to have the same types.
    from conformance.plugin.errand import main as _main

    _main(int(sys.argv[1]))
