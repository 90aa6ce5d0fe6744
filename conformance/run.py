"""One run: from a target to a report."""

import contextlib
import secrets
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from conformance.backend.processes import (
    BackendProcess,
    ProcessError,
    reference_server,
    reset,
    shell_process,
)
from conformance.backend.target import Target, TargetError
from conformance.company import Company
from conformance.evidence.journal import Journal, NdjsonFile, Note
from conformance.evidence.redaction import Redactor
from conformance.fuzzing import Tally
from conformance.interrupts import Interrupts
from conformance.judging.findings import Finding, Ledger
from conformance.profiles import Profile
from conformance.reports.report import Report
from conformance.scenarios import FOLDER
from conformance.stage.clearing import clear_blocks
from conformance.stage.collecting import collected
from conformance.stage.programme import INTERRUPTED, Programme, relevant
from conformance.stage.readiness import readiness
from conformance.stage.watch import Backend, Unusable
from conformance.stage.world import World
from contract import Contract, Requirement
from contract.generation import keep_tables

FIRST_PACE_PATIENCE = 1.0
"""Deadlines until the latency is measured are the ordinary ones."""
BASELINE_SEED = 1
ENOUGH = 10
"""Scenarios from which on the start of another process takes less time than it saves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do."""

    contract: Contract
    target: Target | None
    """None: start the reference server and verify that."""
    profile: Profile
    folder: Path
    """Where reports and logs go; exists."""
    seed: int
    strict: bool = False
    only: frozenset[str] | None = None
    """Ids of the requirements to judge; None for all."""
    patience: float = FIRST_PACE_PATIENCE
    """Factor for all deadlines."""
    processes: int = 1
    """In how many processes to play, where the target has users for as many troupes."""


def verify(plan: Plan, listen: Callable[[Note], None] = lambda note: None) -> Report:
    """Verifies a backend. Whatever happens on the way, what was found is in the report.

    `listen` hears every note of the journal. Raises TargetError for a target that cannot be used,
    and OSError when events.ndjson cannot be opened; where it cannot be written further, the run
    goes on without it.
    """
    keep_tables()
    with Interrupts() as interrupts, contextlib.ExitStack() as stack:
        started, clock = datetime.now(UTC), time.monotonic()
        redactor = Redactor()
        journal = Journal(redactor)
        events = NdjsonFile.create(plan.folder / "events.ndjson")
        stack.callback(events.close)
        journal.listen(events)
        journal.listen(listen)
        found: dict[str, None] = {}
        journal.listen(lambda note: _remember(note, found))
        ledger = Ledger(
            selected(plan), lambda finding: _note_finding(journal, finding), redactor.text
        )
        world: World | None = None
        stopped: str | None = None
        fault = False
        tally = Tally()
        backend: Backend | None = None
        url = plan.target.url if plan.target else "the reference server"
        try:
            process, target = _backend(plan, stack, redactor)
            url = target.url
            _switch_off(ledger, plan, target)
            world = World.of(
                plan.contract,
                target,
                ledger,
                journal,
                redactor,
                plan.patience,
                plan.seed,
                plan.profile,
            )
            stack.callback(world.close)
            end = time.monotonic() + plan.profile.whole_s
            backend = Backend(world, process, end)
            stopped = _judge(plan, world, backend, end, tally, stack)
        except (Unusable, ProcessError) as obstacle:
            stopped = str(obstacle)
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except TargetError:
            raise
        except Exception as failure:
            # The suite's own fault must not lose what it has found.
            journal.note("suite-error", name="the run", traceback=traceback.format_exc())
            stopped = f"an error of this suite: {type(failure).__name__}: {failure}"
            fault = True
            for id in ledger.unreached():
                ledger.error(id, stopped)
        interrupts.ignore()
        if stopped is not None:
            stopped = redactor.text(stopped)
        ledger.close(stopped)
        report = Report(
            contract=plan.contract.version,
            target=url,
            backend=redactor.text(backend.origin) if backend and backend.origin else None,
            target_file=str(plan.target.file) if plan.target and plan.target.file else None,
            profile=plan.profile.name,
            seed=plan.seed,
            strict=plan.strict,
            started=started,
            duration_s=time.monotonic() - clock,
            outcomes=ledger.outcomes(),
            undocumented_events=_undocumented(world),
            fuzzed=tally.cases,
            fuzzed_all=tally.complete,
            stopped=stopped,
            fault=fault,
            found=tuple(found),
        )
        journal.note(
            "run-ended",
            verdict=report.verdict,
            stopped=stopped,
            requirements=len(report.outcomes),
            findings=sum(len(outcome.findings) for outcome in report.outcomes),
        )
        events.close()  # before a troupe that did not hear of the end adds to it
        return replace(report, unwritten=events.failure)


def selected(plan: Plan) -> dict[str, Requirement]:
    """The requirements that the plan judges. Raises TargetError for an unknown id."""
    known = plan.contract.requirements
    off = plan.target.off if plan.target else frozenset()
    for id in sorted((plan.only or frozenset()) | off):
        if id not in known:
            raise TargetError(
                f"{id} is no requirement; `r2c-verify requirements` lists those there are."
            )
    return {id: known[id] for id in known if plan.only is None or id in plan.only}


def chosen_seed(given: int | None, *, baseline: bool) -> int:
    """The seed of a run: the given one; with a baseline always the same, since what fails must not
    depend on chance; else a new one that is small enough to type again.
    """
    if given is not None:
        return given
    return BASELINE_SEED if baseline else secrets.randbelow(1_000_000)


def _backend(
    plan: Plan, stack: contextlib.ExitStack, redactor: Redactor
) -> tuple[BackendProcess | None, Target]:
    if plan.target is None:
        process, target = reference_server(plan.folder, redactor.data)
        stack.callback(process.end)
        return process, target
    if plan.target.reset is not None:
        reset(plan.target.reset, plan.target.folder)
    if plan.target.start is None:
        return None, plan.target
    log = plan.folder / "backend.log"
    process = shell_process(plan.target.start, log, plan.target.folder, redactor.data)
    stack.callback(process.end)
    return process, plan.target


def _undocumented(world: World | None) -> tuple[str, ...]:
    """The events that the contract does not name, without the secrets that a name may hold."""
    return (
        tuple(sorted(map(world.redactor.text, world.memory.undocumented_events))) if world else ()
    )


def _switch_off(ledger: Ledger, plan: Plan, target: Target) -> None:
    for id in target.off:
        if plan.only is None or id in plan.only:
            ledger.switch_off(id, "switched off in the target file")


def _judge(
    plan: Plan,
    world: World,
    backend: Backend,
    end: float,
    tally: Tally,
    stack: contextlib.ExitStack,
) -> str | None:
    """Scenarios, none of which begins after the `end`, then fuzzing, which is added to the tally;
    returns why the run ended early.
    """
    world.slow_down_to(replace(backend.begin(plan.patience), throttled_until=end))
    ready, keeps_alive = readiness(world), world.http.keeps_alive
    world.slow_down_to(replace(world.pace, readiness=ready, keeps_alive=keeps_alive))
    world.journal.note(
        "run-started",
        target=world.target.url,
        backend=backend.origin,
        target_file=str(world.target.file) if world.target.file else None,
        profile=plan.profile.name,
        seed=plan.seed,
        contract=plan.contract.version,
        latency_ms=round(world.pace.median * 1000, 2),
        readiness_ms=round(world.pace.readiness * 1000, 2),
    )
    clear_blocks(world)
    scenarios = relevant(collected(FOLDER), world.ledger)
    company = Company(world, plan.processes if len(scenarios) >= ENOUGH else 1)
    stack.callback(company.close)
    late = f"the {plan.profile.whole_s:.0f} s of the profile {plan.profile.name} were over"
    programme = Programme(
        company.troupes, backend, lambda: late if time.monotonic() >= end else None
    )
    stopped = programme.play(scenarios)
    if stopped is None:
        left = max(0.0, end - time.monotonic())
        profile = replace(plan.profile, fuzzing_s=min(plan.profile.fuzzing_s, left))
        tally.add(company.fuzz(profile, backend))
        backend.lives()
    return stopped or backend.gone


def _remember(note: Note, found: dict[str, None]) -> None:
    if note["kind"] == "finding":
        found.setdefault(note["fingerprint"])


def _note_finding(journal: Journal, finding: Finding) -> None:
    journal.note(
        "finding",
        requirement=finding.requirement,
        level=finding.level,
        summary=finding.summary,
        expected=finding.expected,
        observed=finding.observed,
        reproduce=list(finding.reproduce),
        fingerprint=finding.fingerprint,
        cause=finding.cause,
    )
