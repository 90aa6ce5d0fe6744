"""Runs trials, some at a time, each in a process forked from this warmed-up one."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from contract import Contract
from tests.mutants.trial import Result, Trial, in_a_process

DEADLINE = 60.0
"""Seconds for a trial with one requirement; a trial that takes longer hangs."""
WHOLE_DEADLINE = 240.0
"""Seconds for a trial with all requirements."""

_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class _Run:
    trial: Trial
    process: multiprocessing.process.BaseProcess
    began: float

    @property
    def deadline(self) -> float:
        return self.began + (DEADLINE if self.trial.only else WHOLE_DEADLINE)


def run(
    trials: Iterable[Trial],
    contract: Contract,
    jobs: int,
    done: Callable[[Trial, Result], None] = lambda trial, result: None,
) -> dict[Trial, Result]:
    """The results of all trials, `jobs` at a time. This process must have no other thread.

    `done` hears each result as it comes. A trial that hangs is killed with all it started.
    """
    waiting = deque(dict.fromkeys(trials))
    running: dict[Connection, _Run] = {}
    results: dict[Trial, Result] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                pipe, each = _begin(waiting.popleft(), contract)
                running[pipe] = each
            nearest = min(each.deadline for each in running.values())
            ready = wait(list(running), max(0.0, nearest - time.monotonic()))
            for pipe, each in list(running.items()):
                if pipe in ready:
                    result = _received(pipe, each)
                elif time.monotonic() >= each.deadline:
                    took = time.monotonic() - each.began
                    result = Result.without(f"it hung for {took:.0f} s", took)
                else:
                    continue
                _end(each)
                pipe.close()
                del running[pipe]
                results[each.trial] = result
                done(each.trial, result)
    finally:
        for each in running.values():
            _end(each)
    return results


def _begin(trial: Trial, contract: Contract) -> tuple[Connection, _Run]:
    here, there = _fork.Pipe(duplex=False)
    process = _fork.Process(target=in_a_process, args=(trial, contract, there))
    process.start()
    there.close()
    return here, _Run(trial, process, time.monotonic())


def _received(pipe: Connection, run: _Run) -> Result:
    try:
        result: Result = pipe.recv()
    except EOFError:
        return Result.without("the suite's process died", time.monotonic() - run.began)
    return result


def _end(run: _Run) -> None:
    """End a trial's process with all it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(run.process.pid or 0, signal.SIGKILL)
    run.process.kill()
    run.process.join()
