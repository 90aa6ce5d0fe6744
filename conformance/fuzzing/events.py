"""Fuzzing of the events: emit payloads in groups, fence each group, judge what the sockets heard.

A payload that has to be refused may reach nobody and be stored nowhere; one that has to be taken
reaches its recipient as it was sent; and after any payload the service goes on. A fence is a valid
event that follows on the same connection: once it has arrived, what came before it is handled.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from conformance.fuzzing.budget import Budget
from conformance.fuzzing.expectation import Expectation, Kind, of_event
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.judgement import why
from conformance.fuzzing.party import FENCE, NOTICES, Party
from conformance.fuzzing.people import People, addressed
from conformance.fuzzing.rest import SHRINKING, BackendGone, Tally
from conformance.fuzzing.rounds import Content, arguments, meant, strays, told
from conformance.fuzzing.shrinking import shrink
from conformance.fuzzing.stimulus import ABSENT, Stimulus, spelt
from conformance.judgements import Judgement
from conformance.messages import attachment, by_id, content, member, same_id, text, unwrapped
from conformance.sockets import NotConnected
from conformance.steps import Step
from conformance.world import Actor
from contract import Event

GROUP = 12
"""Payloads between two settle times; also between two fences where the backend is slow."""
QUICK = 0.05
"""Seconds of latency (95th percentile) up to which every payload gets a fence of its own, so that
the one that kills the backend is known."""
PATIENCE = 3
"""Valid payloads that may fail to arrive before the rest is not worth the waiting."""
LIVES_ON = "MSG-07"
ATTACHMENTS = "MSG-05"
NOTICE_FENCE = "stopTyping"
"""The fence behind each single payload. Not `typing`: after that, some backends tell by themselves
that the typing has ended, and that would look like a payload delivered."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """A stimulus and what is expected of it."""

    stimulus: Stimulus
    expectation: Expectation


class EventFuzzing:
    """Emits as one user to the listeners, who have a socket each and have not blocked the user.

    `lives` is asked when no fence comes through: whether the backend lives, or lives again. It
    reports a death itself.
    """

    def __init__(
        self,
        sender: Actor,
        listeners: Sequence[Actor],
        generator: Generator,
        lives: Callable[[], bool],
    ) -> None:
        self._world = sender.world
        self._sender = sender
        self._listeners = tuple(listeners)
        self._people = People(sender.user, tuple(actor.user for actor in listeners))
        self._generator = generator
        self._lives = lives
        self._party = Party(sender, listeners)
        self._known: set[tuple[str, str]] = set()
        self._fenced_singly = False

    def run(self, plan: Plan, seconds: float) -> Tally:
        """Fuzzes every client-to-server event, each with its share of `seconds`.

        Raises nothing on account of the backend. Where not even a fence works, `complete` is False
        and nothing is judged: scenarios say what is wrong with connecting and sending.
        """
        tally = Tally()
        budget = Budget(seconds)
        events = [e for e in self._world.contract.events.values() if e.action == "receive"]
        # Small schemas first, as they leave time to the others. Typing last, so that what a backend
        # tells of it later falls into no other event's time.
        events.sort(key=lambda each: (each.name == "typing", len(spelt(each.payload.schema))))
        try:
            self._party.open()
            if not self._party.message(self._listeners[0]):
                tally.complete = False
                return tally
            self._fenced_singly = self._world.pace.p95 <= QUICK and self._party.notice(
                self._listeners[0], NOTICE_FENCE
            )
            for event, share in budget.shared(events):
                self._fuzz(event, plan, share, tally)
        except (NotConnected, BackendGone):
            tally.complete = False
        finally:
            self._party.close()
        return tally

    def _fuzz(self, event: Event, plan: Plan, budget: Budget, tally: Tally) -> None:
        generation = budget.at_most(budget.left / 2)
        jobs = list(self._jobs(event, plan, lambda: generation.spent))
        tally.complete &= not generation.spent
        silent = [job for job in jobs if job.expectation.kind in (Kind.REFUSED, Kind.NOBODY)]
        taken = [job for job in jobs if job.expectation.kind is Kind.TAKEN]
        free = [job for job in jobs if job.expectation.kind is Kind.FREE]
        checks = ((self._silent, silent), (self._taken, taken), (self._free, free))
        for (check, some), share in budget.shared(checks):
            done = check(event, some, share)
            tally.cases += done
            tally.judged += done
            tally.complete &= done == len(some)

    def _jobs(self, event: Event, plan: Plan, until: Callable[[], bool]) -> Iterator[Job]:
        seen: set[str] = set()
        generated = self._generator.stimuli(event.operation_id, plan, until)
        for turn, stimulus in enumerate(generated):
            stimulus = replace(addressed(stimulus, self._people, turn), content_type=None)
            if turn % 8 == 5 and stimulus.body is not ABSENT:
                stimulus = replace(stimulus, extra=({"another": "argument"}, turn))
            if stimulus.fingerprint not in seen:
                seen.add(stimulus.fingerprint)
                yield self._job(event, stimulus)

    def _job(self, event: Event, stimulus: Stimulus) -> Job:
        return Job(stimulus, of_event(self._world.contract, event, stimulus, self._people))

    # What has to be refused

    def _silent(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        before = self._histories()
        done, clean = 0, True
        for group in grouped(jobs, GROUP):
            if budget.spent:
                break
            done += len(group)
            began = time.monotonic()
            if not self._handled(event, group, budget):
                continue
            self._party.settle()
            heard = strays(event.name, self._party.heard(began))
            if heard:
                clean = False
                self._find_stray(event, group, budget)
                continue
            for job in group:
                self._world.enter(_held(job))
        if clean and done:
            self._check_stored(event, jobs[:done], before, budget)
        return done

    def _find_stray(self, event: Event, group: Sequence[Job], budget: Budget) -> None:
        """Finds out which payloads of a group are delivered, by emitting each of them alone.

        Twice: what came by chance just then, for a reason of its own, does not come twice.
        """
        for job in group:
            if budget.spent:
                return
            if self._delivered(event, job) and self._delivered(event, job):
                self._blame(event, job, "is delivered", self._delivered, budget)
            else:
                self._world.enter(_held(job))

    def _delivered(self, event: Event, job: Job) -> str:
        """What a payload alone delivers, in words; empty where it delivers nothing."""
        began = time.monotonic()
        if not self._alone(event, job):
            return ""
        self._party.settle()
        return told(strays(event.name, self._party.heard(began)))

    def _check_stored(
        self, event: Event, jobs: Sequence[Job], before: dict[str, set[str]], budget: Budget
    ) -> None:
        stored = self._stored_since(before)
        if not stored:
            for requirement in {job.expectation.requirement for job in jobs}:
                self._world.enter(Judgement(requirement, True))
            return
        likely = sorted(jobs, key=lambda job: meant(self._sender.id, job.stimulus) not in stored)
        for job in likely:
            if budget.spent:
                break
            if self._stored(event, job):
                self._blame(event, job, "is stored", self._stored, budget)
                return
        self._world.enter(
            Judgement(
                jobs[0].expectation.requirement,
                False,
                f"{event.name}: payloads that have to be refused are stored",
                "no message in any history that was not sent by a valid payload",
                f"{len(stored)} such messages",
            ),
            self._steps(event, jobs[-GROUP:]),
        )

    def _stored(self, event: Event, job: Job) -> str:
        """What a payload alone stores, in words; empty where it stores nothing."""
        before = self._histories()
        if not self._alone(event, job):
            return ""
        count = len(self._stored_since(before))
        return f"{count} more in the histories" if count else ""

    def _histories(self) -> dict[str, set[str]]:
        """Ids of the messages with each listener; without those whose history cannot be read."""
        found = {}
        for actor in self._listeners:
            messages = unwrapped(self._sender.read(actor).json)
            if isinstance(messages, list):
                found[actor.id] = set(by_id(messages))
        return found

    def _stored_since(self, before: dict[str, set[str]]) -> list[Content]:
        """Messages of the sender that are in the histories now and were not, fences aside."""
        found = []
        for actor in self._listeners:
            messages = unwrapped(self._sender.read(actor).json)
            if actor.id not in before or not isinstance(messages, list):
                continue
            for id, message in by_id(messages).items():
                says = content(message)
                new = id not in before[actor.id] and not text(message).startswith(FENCE)
                if new and says[0] == self._sender.id:
                    found.append(says)
        return found

    # What has to be taken

    def _taken(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        done = failed = 0
        for job in jobs:
            if budget.spent or failed == PATIENCE:
                break
            done += 1
            if not self._lost(event, job):
                self._world.enter(replace(_held(job), requirement=_taker(job)))
            # Once more, on a connection that is known to be served.
            elif self._handled(event, [], budget) and self._lost(event, job):
                failed += 1
                self._blame(event, job, "does not arrive as it was sent", self._lost, budget)
        return done

    def _lost(self, event: Event, job: Job) -> str:
        """What came instead of a valid payload, in words; empty where it arrives as it was sent."""
        self._party.open()
        began = time.monotonic()
        id = member(job.stimulus.body, "recipientId")
        recipient = next(actor for actor in self._listeners if same_id(actor.id, id))
        since = self._party.mark(recipient)
        self._party.emit(event.name, *arguments(job.stimulus))
        if event.name in NOTICES:
            arrived = self._party.told_typing(recipient, NOTICES[event.name], since)
        else:
            expected = meant(self._sender.id, job.stimulus)
            arrived = self._party.wait(
                recipient, "receiveMessage", lambda message: content(message) == expected, since
            )
        return "" if arrived else told(self._party.heard(began)) or "nothing arrived"

    # What is the backend's choice

    def _free(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        done = 0
        for group in grouped(jobs, GROUP):
            if budget.spent:
                break
            self._handled(event, group, budget)
            done += len(group)
        return done

    # That the service lives on

    def _handled(self, event: Event, group: Sequence[Job], budget: Budget) -> bool:
        """Emits a group and sees it handled by fences; False where that could not be seen.

        Raises NotConnected and BackendGone.
        """
        listener = self._listeners[0]
        singly = self._fenced_singly and event.name != NOTICE_FENCE
        asked = []
        self._party.open()
        for index, job in enumerate(group):
            self._party.open()
            args = arguments(job.stimulus)
            emission = self._party.emit(event.name, *args, acknowledge=index % 2 == 1)
            if emission is not None:
                asked.append((self._party.socket, emission, job))
            if singly and not self._party.notice(listener, NOTICE_FENCE):
                self._unheard(event, [job], budget)
        self._party.open()
        if not self._party.message(listener):
            self._unheard(event, group, budget)
            return False
        for socket, emission, job in asked:
            answers = socket.acknowledgements(emission)
            step = self._steps(event, [job])[-1]
            self._world.observe_acknowledgements(event.name, answers, step)
        for _ in group:
            self._world.enter(Judgement(LIVES_ON, True))
        return True

    def _unheard(self, event: Event, group: Sequence[Job], budget: Budget) -> None:
        """A fence has not arrived. Finds out whether that is fair, and whose doing it is.

        Raises BackendGone.
        """
        dropped = self._party.dropped
        if not self._serves():
            self._find_killer(event, group)
        elif not dropped:
            deaf = (job for job in group if not budget.spent and self._deafened(event, job))
            if job := next(deaf, None):
                does = "leaves the sender connected but no longer served"
                self._blame(event, job, does, self._deafened, budget, LIVES_ON)
            else:
                # Fences behind single payloads get lost here for a reason of their own.
                self._fenced_singly = False

    def _find_killer(self, event: Event, group: Sequence[Job]) -> None:
        """Blames the payload after which nobody is served. Raises BackendGone."""
        lives = self._lives() and self._serves()
        for job in group if lives and len(group) > 1 else ():
            # Brought back, the backend shows which one it was.
            self._alone(event, job)
            if not self._serves():
                group = [job]
                lives = self._lives() and self._serves()
                break
        last = group[-1] if group else None
        reason = f" ({last.expectation.reason or 'a payload of its choice'})" if last else ""
        self._world.enter(
            Judgement(
                LIVES_ON,
                False,
                f"{event.name}: nobody is served any more after a payload{reason}",
                "a later message over new connections arrives",
                "no new connection, or no message over it",
            ),
            self._steps(event, group),
        )
        if not lives:
            raise BackendGone

    def _serves(self) -> bool:
        """Whether a message goes through over new connections."""
        try:
            self._party.renew()
            return self._party.message(self._listeners[0])
        except NotConnected:
            return False

    def _alone(self, event: Event, job: Job) -> bool:
        """Emits one payload; whether a fence behind it arrives, on a new connection if need be."""
        try:
            self._party.open()
            self._party.emit(event.name, *arguments(job.stimulus))
            if self._party.message(self._listeners[0]):
                return True
            self._party.open()
            return self._party.message(self._listeners[0])
        except NotConnected:
            return False

    def _deafened(self, event: Event, job: Job) -> str:
        """Whether a payload alone leaves an open connection on which nothing is handled."""
        try:
            self._party.renew()
            self._party.emit(event.name, *arguments(job.stimulus))
            heard = self._party.message(self._listeners[0])
        except NotConnected:
            return ""
        deaf = not heard and not self._party.dropped
        return "a later message on the same connection does not arrive" if deaf else ""

    # Findings

    def _blame(
        self,
        event: Event,
        job: Job,
        does: str,
        observe: Callable[[Event, Job], str],
        budget: Budget,
        requirement: str = "",
    ) -> None:
        """Enters that a payload does what it must not, after making it small.

        `observe` emits a payload alone and says what it sees; empty where all is well.
        """
        blamed = requirement or _taker(job)
        summary = f"{event.name}: {job.expectation.reason or 'a payload'}, and it {does}"
        best, observed = job, does
        if (blamed, summary) not in self._known:
            self._known.add((blamed, summary))
            observed = observe(event, job) or does
            share = budget.at_most(SHRINKING)

            def fails(body: object) -> bool:
                nonlocal best, observed
                other = self._job(event, replace(job.stimulus, body=body, extra=()))
                if replace(other.expectation, detail="") != replace(job.expectation, detail=""):
                    return False
                if not (seen := observe(event, other)):
                    return False
                best, observed = other, seen
                return True

            if job.stimulus.body is not ABSENT:
                shrink(job.stimulus.body, fails, lambda: share.spent)
        expected = best.expectation.kind.value
        self._world.enter(
            Judgement(
                blamed,
                False,
                summary,
                f"{expected}, because {why(best.expectation, best.stimulus)}",
                observed,
            ),
            self._steps(event, [best]),
        )

    def _steps(self, event: Event, jobs: Sequence[Job]) -> list[Step]:
        name = self._sender.name
        return [
            Step.of_connect(name, "websocket"),
            *(Step.of_emit(name, event.name, arguments(job.stimulus)) for job in jobs),
        ]


def _held(job: Job) -> Judgement:
    return Judgement(job.expectation.requirement, True, level=job.expectation.level)


def _taker(job: Job) -> str:
    """Who is blamed for a payload: messages with an attachment have a requirement of their own."""
    taken = job.expectation.kind is Kind.TAKEN
    if taken and attachment(job.stimulus.body) is not None:
        return ATTACHMENTS
    return job.expectation.requirement


def grouped(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
