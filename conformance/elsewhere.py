"""A troupe that plays in a process of its own: where several play, Python lets one at a time work.

Such a troupe has users of its own and enters what it sees into a ledger of its own, which it hands
over after each job. All that is one for the whole run stays in the run's process: the backend and
whether it lives, the ledger, the journal, the order of the scenarios.
"""

import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from conformance.backend.target import User
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal, Note
from conformance.evidence.redaction import Redactor
from conformance.evidence.steps import Step
from conformance.fuzzing import Tally, fuzz_events
from conformance.judging.findings import Ledger, Outcome
from conformance.profiles import Profile
from conformance.scenarios import FOLDER
from conformance.stage.absence import Away
from conformance.stage.autopsy import Cause
from conformance.stage.collecting import Scenario, collected
from conformance.stage.performing import LocalTroupe, Performance
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import Contract, Requirement

END_PATIENCE = 5.0
"""Seconds in which the process has to end once the run is over."""
LONGEST_SILENCE = 30.0
"""Deadlines for an answer of the backend after which a process that plays, and says nothing of it,
is taken to hang. Each thing that is done is told, so the longest wait of a scenario is far shorter.
"""


class Lost(Exception):
    """The process of a troupe ended, hangs or failed, which is the suite's own fault."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a troupe has to know before it plays."""

    contract: Contract
    mint: TokenMint
    everyone: tuple[User, ...]
    users: tuple[User, ...]
    """Those of the troupe, of whom nobody else makes use."""
    requirements: tuple[Requirement, ...]
    pace: Pace
    seed: int
    profile: Profile


# What the run says to a troupe, one at a time


@dataclass(frozen=True, slots=True)
class Perform:
    """Play this scenario."""

    scenario: str
    avoided: frozenset[str]
    """What the backend dies of."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """The scenario that was played last ended like this."""

    survived: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class FuzzEvents:
    """Fuzz the events for so long."""

    profile: Profile
    seconds: float
    avoided: frozenset[str]
    """What the backend dies of."""


# What a troupe says to the run, until the job is done


@dataclass(frozen=True, slots=True)
class Noted:
    """A note for the journal, redacted."""

    note: Note


@dataclass(frozen=True, slots=True)
class DoesItLive:
    """Whether the backend lives; answered True or False."""

    away: Away | None
    """How it was seen to be away meanwhile, without the steps, which were told."""


@dataclass(frozen=True, slots=True)
class Done:
    """The job is done."""

    result: Any
    """Of a scenario why it did not go on and how it failed itself, of fuzzing the tally."""
    outcomes: tuple[Outcome, ...]
    undocumented_events: frozenset[str]
    secrets: dict[str, str]
    """What must stand in no report: secret to placeholder."""
    away: Away | None
    """How the backend was seen to be away meanwhile, without the steps, which were told."""
    blocked: frozenset[frozenset[str]]
    """Users whom a block keeps apart for good."""
    error: str | None = None
    """How the job failed by itself."""


class DistantTroupe:
    """Users of a world who play in a process of their own, which ends with `close`."""

    def __init__(self, world: World, users: Sequence[User]) -> None:
        """`world` is the whole run's; its pace is measured."""
        self.world = world
        context = get_context("spawn")
        self._line, there = context.Pipe()
        engagement = Engagement(
            world.contract,
            world.mint,
            world.everyone,
            tuple(users),
            world.ledger.requirements,
            world.pace,
            world.seed,
            world.profile,
        )
        self._process = context.Process(target=play, args=(there, engagement), daemon=True)
        with _deaf():
            self._process.start()
        there.close()

    @property
    def process(self) -> int:
        """The id of its process."""
        return self._process.pid or 0

    def perform(self, scenario: Scenario) -> "DistantPerformance":
        """Has a scenario played. Raises Lost."""
        done = self._have_done(Perform(scenario.name, frozenset(self.world.avoided)))
        self._take(done)
        reason, error = done.result
        return DistantPerformance(self, reason, error)

    def conclude(self, *, survived: bool, certain: bool) -> None:
        """Has the scenario that was played last concluded. Raises Lost."""
        self._take(self._have_done(Conclude(survived, certain)))

    def fuzz_events(
        self, profile: Profile, lives: Callable[[], bool], seconds: float
    ) -> tuple[Tally, tuple[Outcome, ...]]:
        """Has the events fuzzed; returns what came of it, which is not entered. Raises Lost."""
        done = self._have_done(FuzzEvents(profile, seconds, frozenset(self.world.avoided)), lives)
        self._learn(done)
        return done.result, done.outcomes

    def close(self) -> None:
        """Ends the process; one that is in the middle of a job ends there. From any thread."""
        self._process.terminate()
        self._process.join(END_PATIENCE)
        self._process.kill()  # one that was stopped hears nothing else, and would hold up our end
        self._process.join(END_PATIENCE)
        self._line.close()

    def _have_done(self, job: Any, lives: Callable[[], bool] = lambda: True) -> Done:
        try:
            self._line.send(job)
            while not isinstance(message := self._heard(), Done):
                if isinstance(message, Noted):
                    self.world.journal.pass_on(message.note)
                elif isinstance(message, Step):
                    self.world.remember(message)
                elif isinstance(message, DoesItLive):
                    self._note_absence(message.away)
                    self._line.send(lives())
        except (EOFError, OSError):
            raise Lost("the process of a troupe ended before its work was done") from None
        if message.error is not None:
            raise Lost(message.error)
        return message

    def _heard(self) -> Any:
        """What the process says next. Raises Lost where it says nothing."""
        patience = LONGEST_SILENCE * self.world.pace.answer
        if not self._line.poll(patience):
            raise Lost(f"the process of a troupe hangs: it has said nothing for {patience:.0f} s")
        return self._line.recv()

    def _take(self, done: Done) -> None:
        self._learn(done)
        self.world.ledger.take(done.outcomes)

    def _note_absence(self, away: Away | None) -> None:
        if away is not None:
            self.world.lookout.note(replace(away, before=list(self.world.last_steps)))

    def _learn(self, done: Done) -> None:
        self._note_absence(done.away)
        self.world.blocked |= done.blocked
        self.world.memory.note_undocumented(*done.undocumented_events)
        for secret, placeholder in done.secrets.items():
            self.world.redactor.register(placeholder.removeprefix("$"), secret)


@dataclass(frozen=True, slots=True)
class DistantPerformance:
    """What a troupe has played elsewhere."""

    troupe: DistantTroupe
    reason: str | None
    error: str | None

    def conclude(self, *, survived: bool, certain: bool = True, cause: Cause | None = None) -> None:
        """See `Performance`; who plays elsewhere does not play alone, so no cause is known."""
        self.troupe.conclude(survived=survived, certain=certain)


@contextmanager
def _deaf() -> Iterator[None]:
    """A process that starts meanwhile has SIGINT blocked: Ctrl-C goes to all processes of a
    terminal, and one that is still importing would print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def play(line: Connection, engagement: Engagement) -> None:
    """The life of a troupe's process: plays what it is told until nobody tells it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's process hears it, and ends this one
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with suppress(EOFError, OSError):
        guests = _Guests(_Home(line), engagement)
        while True:
            guests.obey(line.recv())


class _Home:
    """The line to the run's process, for every thread that has something to say."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._lock = threading.Lock()

    def tell(self, message: Any) -> None:
        """Says something, unless the run is over."""
        with self._lock, suppress(OSError):
            self._line.send(message)

    def note(self, note: Note) -> None:
        """Passes a note on to the journal."""
        self._tell_if_it_can_be_told(Noted(note))

    def step(self, step: Step) -> None:
        """Tells what was done to the backend, which is named if it dies."""
        self._tell_if_it_can_be_told(step)

    def lives(self, away: Away | None) -> bool:
        """Asks whether the backend lives, which was maybe seen to be away."""
        self.tell(DoesItLive(away))
        return bool(self._line.recv())

    def _tell_if_it_can_be_told(self, message: Any) -> None:
        # What is nested by the thousand cannot be pickled.
        with suppress(RecursionError, pickle.PicklingError):
            self.tell(message)


class _Guests:
    """The troupe in its own process."""

    def __init__(self, home: _Home, engagement: Engagement) -> None:
        self._home = home
        self._requirements = {each.id: each for each in engagement.requirements}
        self._redactor = Redactor()
        journal = Journal(self._redactor)
        journal.listen(home.note)
        whole = World.with_tokens(
            engagement.contract,
            engagement.mint,
            self._ledger(),
            journal,
            self._redactor,
            engagement.pace,
            engagement.seed,
            engagement.profile,
        )
        self._world = whole.part(engagement.users)
        self._world.listen(home.step)
        self._scenarios = {scenario.name: scenario for scenario in collected(FOLDER)}
        self._played: Performance | None = None

    def obey(self, job: Any) -> None:
        """Does a job and says what came of it."""
        self._world.ledger = self._ledger()
        result, error = None, None
        try:
            result = self._result(job)
        except Exception as failure:
            self._world.journal.note(
                "suite-error", name="a troupe elsewhere", traceback=traceback.format_exc()
            )
            error = self._redactor.text(f"{type(failure).__name__}: {failure}")
        self._home.tell(
            Done(
                result,
                self._world.ledger.said(),
                self._world.memory.undocumented_events,
                self._redactor.secrets,
                self._absence(),
                frozenset(self._world.blocked),
                error,
            )
        )

    def _result(self, job: Any) -> Any:
        match job:
            case Perform(scenario, avoided):
                self._world.avoided.update(avoided)
                self._played = LocalTroupe(self._world).perform(self._scenarios[scenario])
                return self._played.reason, self._played.error
            case Conclude(survived, certain) if self._played is not None:
                return self._played.conclude(survived=survived, certain=certain)
            case FuzzEvents(profile, seconds, avoided):
                self._world.avoided.update(avoided)
                return fuzz_events(self._world, profile, self._lives, seconds)
        raise ValueError(f"{job} is nothing a troupe can do")

    def _lives(self) -> bool:
        return self._home.lives(self._absence())

    def _absence(self) -> Away | None:
        away = self._world.lookout.take()
        return None if away is None else replace(away, before=())

    def _ledger(self) -> Ledger:
        return Ledger(self._requirements, redact=self._redactor.text)
