"""One trial: the suite against a mutated server, or against the unmutated one as the control."""

import contextlib
import gc
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from conformance import company, run
from conformance.backend.target import Target
from conformance.fuzzing.generation import Generator
from conformance.judging.findings import Status
from conformance.profiles import PROFILES
from conformance.reports.report import Report
from conformance.run import Plan
from conformance.stage.collecting import Scenario, collected
from contract import Contract
from tests.mutants.broken_server import NotStarted, running
from tests.mutants.registry import Mutant

PATIENCE = 0.3
"""Factor for the suite's deadlines: the servers run on this machine and answer in milliseconds."""

SEED = 1

USUAL = PROFILES["default"]
PROFILE = replace(PROFILES["quick"], plays=USUAL.plays, playing_s=USUAL.playing_s, shortening_s=1)
"""What only some interleavings bring about is looked for as by default; nobody reads how."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be run."""

    mutant: Mutant | None
    """None for the control, the unmutated server."""
    only: str | None
    """The requirement that is bound to the mutant, None for a run with all of them."""
    fuzzing: bool
    """With fuzzing, `only` is all that is judged. Without, the scenarios that judge `only` run and
    nothing else, and whatever they and the monitors notice of other requirements is kept too.
    """

    @property
    def name(self) -> str:
        """For people."""
        what = self.mutant.name if self.mutant else "the unmutated server"
        how = ", with fuzzing" if self.fuzzing else ""
        return f"{what} ({self.only or 'all requirements'}{how})"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the suite found."""

    requirement: str
    level: str
    summary: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial."""

    statuses: dict[str, str]
    """Status of each requirement that was judged, such as `failed`."""
    reasons: dict[str, str]
    """Why a requirement is untestable or in error."""
    findings: tuple[Finding, ...]
    faults: tuple[str, ...]
    """What failed in the server besides the defect: the mutant itself is broken then."""
    seconds: float
    problem: str | None = None
    """Why there is no result: the server did not start, the suite crashed or hung."""

    @classmethod
    def without(cls, problem: str, seconds: float) -> "Result":
        """A trial that came to nothing."""
        return cls({}, {}, (), (), seconds, problem)


def warm_up(contract: Contract) -> None:
    """Import and compile once what every trial would, in the process that trials are forked from.

    What is there by then is kept out of the garbage collector's sight, as it will not go away.
    """
    Generator(contract)
    gc.collect()
    gc.freeze()


def perform(trial: Trial, contract: Contract) -> Result:
    """Run the suite. Call it in a process of its own that may be killed."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        try:
            with running(trial.mutant, contract, folder) as server:
                with nullcontext() if trial.fuzzing else _scenarios_of(trial.only):
                    report = run.verify(_plan(trial, contract, server.target, folder))
                faults = server.faults.read_text().splitlines() if server.faults.exists() else []
        except NotStarted as problem:
            return Result.without(f"the server did not start: {problem}", time.monotonic() - begun)
    return _result(report, faults, time.monotonic() - begun)


@contextlib.contextmanager
def _scenarios_of(id: str | None) -> Iterator[None]:
    """Leaves of a run only the scenarios that name the requirement."""

    def select(folder: Path) -> tuple[Scenario, ...]:
        return tuple(one for one in collected(folder) if id in one.requirements)

    with mock.patch.object(run, "collected", select), mock.patch.object(company, "fuzz"):
        yield


def _plan(trial: Trial, contract: Contract, target: dict[str, Any], folder: Path) -> Plan:
    return Plan(
        contract=contract,
        target=Target.of(target),
        profile=PROFILE,
        folder=folder,
        seed=SEED,
        only=frozenset({trial.only}) if trial.only and trial.fuzzing else None,
        patience=PATIENCE,
    )


def _result(report: Report, faults: list[str], seconds: float) -> Result:
    return Result(
        statuses={o.requirement.id: o.status.label for o in report.outcomes},
        reasons={
            o.requirement.id: o.reason
            for o in report.outcomes
            if o.status > Status.FAILED and o.reason
        },
        findings=tuple(
            Finding(finding.requirement, finding.level, finding.summary)
            for outcome in report.outcomes
            for finding in outcome.findings
        ),
        faults=tuple(dict.fromkeys(faults)),
        seconds=seconds,
    )


def in_a_process(trial: Trial, contract: Contract, pipe: Any) -> None:
    """The life of a trial's process: leads a group that can be killed, reports through the pipe."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    begun = time.monotonic()
    try:
        result = perform(trial, contract)
    except BaseException as error:
        result = Result.without(
            f"the suite failed: {type(error).__name__}: {error}", time.monotonic() - begun
        )
    with contextlib.suppress(BrokenPipeError):
        pipe.send(result)
    pipe.close()
