"""Fuzzing of the events: emit payloads in groups, fence each group, judge what the sockets heard.

A payload that has to be refused may reach nobody and be stored nowhere; one that has to be taken
reaches its recipient as it was sent; and after any payload the service goes on. A fence is a valid
event that follows on the same connection: once it has arrived, what came before it is handled.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from conformance.evidence.steps import Step
from conformance.fuzzing.budget import Budget
from conformance.fuzzing.expectation import Kind, of_event, says_something
from conformance.fuzzing.experiments import Experiments, Job
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.judgement import why
from conformance.fuzzing.party import Party
from conformance.fuzzing.people import People, addressed
from conformance.fuzzing.rest import SHRINKING, BackendGone, Tally
from conformance.fuzzing.rounds import arguments, meant, strays
from conformance.fuzzing.shrinking import shrink
from conformance.fuzzing.stimulus import ABSENT, Stimulus, spelt
from conformance.judging.causes import of_refusal
from conformance.judging.judgements import Judgement
from conformance.judging.messages import attachment
from conformance.stage.actor import Actor
from conformance.stage.obstacles import Avoided
from conformance.wire.sockets import NotConnected, Throttled
from contract import Event

GROUP, LARGE_GROUP = 12, 40
"""Payloads between two settle times; the second where the backend is slow, between two fences."""
QUICK = 0.05
"""Seconds of latency (95th percentile) up to which every payload gets a fence of its own, so that
the one that kills the backend is known."""
PATIENCE = 2
"""Valid payloads that may fail to arrive before the rest is not worth the waiting."""
LIVES_ON = "MSG-07"
ATTACHMENTS = "MSG-05"
NOTICE_FENCE = "stopTyping"
"""The fence behind each single payload. Not `typing`: after that, some backends tell by themselves
that the typing has ended, and that would look like a payload delivered."""


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
        self._tests = Experiments(self._party)
        self._known: set[tuple[str, str]] = set()
        self._fenced_singly = False
        self._budget = Budget(0)

    def run(self, plan: Plan, seconds: float) -> Tally:
        """Fuzzes every client-to-server event, each with its share of `seconds`.

        Raises nothing on account of the backend. Where not even a fence works, `complete` is False
        and nothing is judged: scenarios say what is wrong with connecting and sending.
        """
        tally = Tally()
        budget = self._budget = Budget(seconds)
        events = [
            event
            for event in self._world.contract.events.values()
            if event.action == "receive" and plan.wants(event.operation_id)
        ]
        if not events:
            return tally
        # Small schemas first, as they leave time to the others. Typing last, so that what a backend
        # tells of it later falls into no other event's time.
        events.sort(key=lambda each: (each.name == "typing", len(spelt(each.payload.schema))))
        try:
            self._party.open()
            if not self._party.message(self._listeners[0]):
                tally.complete = False
                return tally
            # Twice: some backends pass a notice on only when it says something new.
            self._fenced_singly = self._world.pace.p95 <= QUICK and self._notices_arrive()
            for event, share in budget.shared(events):
                try:
                    self._fuzz(event, plan, share, tally)
                except Avoided:
                    tally.complete = False
        except (NotConnected, Throttled, BackendGone, Avoided):
            tally.complete = False
        finally:
            self._party.close()
        return tally

    def _notices_arrive(self) -> bool:
        with suppress(Avoided):
            return all(self._party.notice(self._listeners[0], NOTICE_FENCE) for _ in range(2))
        return False

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
            if stimulus.fingerprint not in seen and says_something(stimulus.body):
                seen.add(stimulus.fingerprint)
                yield self._job(event, stimulus)

    def _job(self, event: Event, stimulus: Stimulus) -> Job:
        return Job(stimulus, of_event(self._world.contract, event, stimulus, self._people))

    # What has to be refused

    def _silent(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        before = self._tests.histories()
        done, clean = 0, True
        for group in self._grouped(jobs):
            if budget.spent and (done or self._budget.spent):
                break
            done += len(group)
            began = time.monotonic()
            if not self._handled(event, group):
                continue
            self._party.settle()
            heard = strays(event.name, self._party.heard(began))
            if heard and self._tests.idle(event):
                continue
            if heard:
                clean = False
                self._find_stray(event, group)
                continue
            for job in group:
                self._world.enter(_held(job))
        if clean and done:
            self._check_stored(event, jobs[:done], before)
        return done

    def _find_stray(self, event: Event, group: Sequence[Job]) -> None:
        """Finds out which payloads of a group are delivered, by emitting each of them alone.

        Twice, and not in between: what comes by chance just then, for a reason of its own, is no
        payload's doing.
        """
        for job in group:
            if self._budget.spent:
                return
            seen = self._tests.delivered(event, job)
            seen = seen and ("" if self._tests.idle(event) else self._tests.delivered(event, job))
            if seen:
                self._blame(event, job, "is delivered", seen, self._tests.delivered)
            else:
                self._world.enter(_held(job))

    def _check_stored(self, event: Event, jobs: Sequence[Job], before: dict[str, set[str]]) -> None:
        stored = self._tests.stored_since(before)
        if not stored:
            for requirement in {job.expectation.requirement for job in jobs}:
                self._world.enter(Judgement(requirement, True))
            return
        # Late consequences of what was emitted before are stored just as well. So a payload is
        # blamed only if it stores something again, and the likeliest is asked first.
        likely = sorted(jobs, key=lambda job: meant(self._sender.id, job.stimulus) not in stored)
        for job in likely:
            if self._budget.spent:
                return
            if seen := self._tests.stored(event, job):
                self._blame(event, job, "is stored", seen, self._tests.stored)
                return

    # What has to be taken

    def _taken(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        done = failed = 0
        for job in jobs:
            if budget.spent or failed == PATIENCE:
                break
            done += 1
            if not self._tests.lost(event, job):
                self._world.enter(replace(_held(job), requirement=_taker(job)))
            # Once more, on a connection that is known to be served.
            elif self._handled(event, []) and (seen := self._tests.lost(event, job)):
                failed += 1
                self._blame(event, job, "does not arrive as it was sent", seen, self._tests.lost)
        return done

    # What is the backend's choice

    def _free(self, event: Event, jobs: Sequence[Job], budget: Budget) -> int:
        done = 0
        for group in self._grouped(jobs):
            if budget.spent and (done or self._budget.spent):
                break
            self._handled(event, group)
            done += len(group)
        return done

    # That the service lives on

    def _handled(self, event: Event, group: Sequence[Job]) -> bool:
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
                self._unheard(event, [job])
        self._party.open()
        if not self._party.message(listener):
            self._unheard(event, group)
            return False
        for socket, emission, job in asked:
            answers = socket.acknowledgements(emission)
            step = self._steps(event, [job])[-1]
            self._world.hearing.acknowledgements(event.name, answers, step)
        for _ in group:
            self._world.enter(Judgement(LIVES_ON, True))
        return True

    def _unheard(self, event: Event, group: Sequence[Job]) -> None:
        """A fence has not arrived. Finds out whether that is fair, and whose doing it is.

        Raises NotConnected and BackendGone.
        """
        if self._party.dropped and self._party.reopened():
            return
        if not self._tests.serves():
            self._find_killer(event, group)
            return
        for job in group:
            if seen := self._tests.deafened(event, job):
                does = "leaves the sender connected but no longer served"
                self._blame(event, job, does, seen, self._tests.deafened, LIVES_ON)
                return
            if self._budget.spent:
                return
        # Fences behind single payloads get lost here for a reason of their own.
        self._fenced_singly = False

    def _find_killer(self, event: Event, group: Sequence[Job]) -> None:
        """Blames the payload after which nobody is served. Raises BackendGone.

        Where the backend serves again, be it that it was started again, the payloads are emitted
        once more, each alone: what does not happen again is nobody's fault.
        """
        lives = self._lives() and self._tests.serves()
        if lives:
            for job in group:
                self._tests.alone(event, job)
                if not self._tests.serves():
                    group, lives = [job], self._lives() and self._tests.serves()
                    break
            else:
                return
        reason = group[-1].expectation.reason or "a payload" if group else "a valid message"
        self._world.enter(
            Judgement(
                LIVES_ON,
                False,
                f"{event.name}: after {reason} nobody is served any more",
                "a later message over new connections arrives",
                "no new connection, or no message over it",
            ),
            self._steps(event, group),
        )
        if not lives:
            raise BackendGone

    # Findings

    def _blame(
        self,
        event: Event,
        job: Job,
        does: str,
        seen: str,
        observe: Callable[[Event, Job], str],
        requirement: str = "",
    ) -> None:
        """Enters that a payload does what it must not, as `seen`, after making it small.

        `observe` emits a payload alone and says what it sees; empty where all is well.
        """
        blamed = requirement or _taker(job)
        summary = f"{event.name}: {job.expectation.reason or 'a payload'} {does}"
        best, observed = job, seen
        if (blamed, summary) not in self._known:
            self._known.add((blamed, summary))
            share = self._budget.at_most(SHRINKING)

            def fails(body: object) -> bool:
                nonlocal best, observed
                other = self._job(event, replace(job.stimulus, body=body, extra=()))
                if replace(other.expectation, detail="") != replace(job.expectation, detail=""):
                    return False
                if not (now := observe(event, other)):
                    return False
                best, observed = other, now
                return True

            if job.stimulus.body is not ABSENT:
                shrink(job.stimulus.body, fails, lambda: share.spent)
        taken = best.expectation.kind is Kind.TAKEN
        expected = best.expectation.kind.value
        self._world.enter(
            Judgement(
                blamed,
                False,
                summary,
                f"{expected}, because {why(best.expectation, best.stimulus)}",
                observed,
                cause=of_refusal(best.stimulus.body) if taken else None,
            ),
            self._steps(event, [best]),
        )

    def _grouped(self, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
        size = GROUP if self._world.pace.p95 <= QUICK else LARGE_GROUP
        for start in range(0, len(jobs), size):
            yield jobs[start : start + size]

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
