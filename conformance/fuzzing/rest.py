"""Fuzzing of the REST operations: send every stimulus, judge every answer, make failures small."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace

from conformance.evidence.steps import Step
from conformance.fuzzing.budget import Budget
from conformance.fuzzing.expectation import Kind, of_request, says_something, sendable
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.judgement import echo, judge
from conformance.fuzzing.people import People, addressed, to_somebody
from conformance.fuzzing.shrinking import shrink
from conformance.fuzzing.stimulus import ABSENT, Stimulus, spelt
from conformance.judging.judgements import Judgement
from conformance.judging.monitors import shows_success
from conformance.stage.actor import Actor
from conformance.stage.obstacles import Avoided
from conformance.wire.http import Exchange
from contract import Operation

SHRINKING = 3.0
"""Seconds that making one failure small may take."""
SLOW = 0.02
"""Seconds of latency (median) from which on several requests are sent at the same moment."""
LANES = 8
"""How many requests that is."""
METADATA = "updateConversationMetadata"
NEUTRAL = {"isPinned": False, "isBlocked": False, "isFavorite": False}


@dataclass(slots=True)
class Tally:
    """How much was done."""

    cases: int = 0
    """Stimuli sent, those of shrinking aside."""
    judged: int = 0
    """Of these, those that a requirement said something about."""
    complete: bool = True
    """False where time or the backend came to an end first."""

    def add(self, other: "Tally") -> None:
        """Counts what another tally holds here too."""
        self.cases += other.cases
        self.judged += other.judged
        self.complete &= other.complete


class BackendGone(Exception):
    """The backend no longer answers, and nobody starts it again."""


class RestFuzzing:
    """Fuzzes as one user, whom none of the others in `people` has blocked.

    `lives` is asked after a request without an answer: whether the backend lives, or lives again.
    It reports a death itself.
    """

    def __init__(
        self,
        actor: Actor,
        people: People,
        generator: Generator,
        lives: Callable[[], bool],
    ) -> None:
        self._actor = actor
        self._world = actor.world
        self._contract = actor.world.contract
        self._people = people
        self._generator = generator
        self._lives = lives
        self._known: set[tuple[str, str]] = set()

    def run(self, plan: Plan, seconds: float) -> Tally:
        """Fuzzes every operation, each with its share of `seconds`; ends early when time is over.

        Raises nothing on account of the backend.
        """
        tally = Tally()
        budget = Budget(seconds)
        # Small schemas first, as they leave time to the others. Settings last: they may block
        # users, and messages to blocked users are not judged.
        operations = sorted(
            (each for each in self._contract.operations.values() if plan.wants(each.id)),
            key=lambda each: (
                each.id == METADATA,
                len(spelt(each.request and each.request.schema)),
            ),
        )
        try:
            for operation, share in budget.shared(operations):
                try:
                    self._fuzz(operation, plan, share, tally)
                except Avoided:
                    tally.complete = False
        except BackendGone:
            tally.complete = False
        finally:
            self._take_back()
        return tally

    def _fuzz(self, operation: Operation, plan: Plan, budget: Budget, tally: Tally) -> None:
        generated = self._generator.stimuli(operation.id, plan, lambda: budget.spent)
        addressees = (addressed(each, self._people, turn) for turn, each in enumerate(generated))
        stimuli = (
            each for each in addressees if sendable(operation, each) and says_something(each.body)
        )
        # Settings one after the other: an answer may well show what another request has just set.
        slow = self._world.pace.median > SLOW and operation.id != METADATA
        for stimulus, exchange in self._sent(operation, stimuli, LANES if slow else 1):
            tally.cases += 1
            judgements, exchange = self._judged(operation, stimulus, exchange)
            tally.judged += bool(judgements)
            for judgement in judgements:
                self._enter(operation, stimulus, judgement, exchange, budget)
        if budget.spent:
            tally.complete = False

    def _sent(
        self, operation: Operation, stimuli: Iterable[Stimulus], lanes: int
    ) -> Iterator[tuple[Stimulus, Exchange]]:
        """Sends stimuli, at most so many at the same moment; yields the answers in their order.

        Nothing is on its way any more when one without an answer is yielded.
        """
        waiting: deque[tuple[Stimulus, Future[Exchange]]] = deque()
        with ThreadPoolExecutor(lanes, "r2c fuzzing") as pool:

            def answers(left: int) -> Iterator[tuple[Stimulus, Exchange]]:
                while len(waiting) > left:
                    stimulus, future = waiting.popleft()
                    exchange = future.result()
                    if exchange.status is None:
                        wait([other for _, other in waiting])
                    yield stimulus, exchange

            for stimulus in stimuli:
                waiting.append((stimulus, pool.submit(self._send, operation, stimulus)))
                yield from answers(lanes - 1)
            yield from answers(0)

    def _judged(
        self, operation: Operation, stimulus: Stimulus, exchange: Exchange
    ) -> tuple[tuple[Judgement, ...], Exchange]:
        """What the answer says, and the answer; sends once more where there is none.

        One lost answer may be the network's, two of two are the backend's. Raises BackendGone.
        """
        if self._world.is_unanswered(exchange):
            self._make_sure_it_lives()
            exchange = self._send(operation, stimulus)
            if self._world.is_unanswered(exchange):
                self._make_sure_it_lives()
        expectation = of_request(self._contract, operation, stimulus, self._people)
        judgement = judge(operation, stimulus, expectation, exchange)
        if judgement is not None and not judgement.holds and expectation.kind is Kind.NOBODY:
            # What is refused whoever it is for says nothing about people who do not exist.
            known = to_somebody(stimulus, self._people)
            if exchange.status == 400 and self._send(operation, known).status == 400:
                return (), exchange
        if judgement is not None and not judgement.holds and expectation.kind is Kind.TAKEN:
            judgement = self._for_its_attachment(operation, stimulus, judgement)
        if judgement is None:
            return (), exchange
        if not judgement.holds or expectation.kind is not Kind.TAKEN:
            return (judgement,), exchange
        return (judgement, *echo(operation, stimulus, exchange, self._people)), exchange

    def _for_its_attachment(
        self, operation: Operation, stimulus: Stimulus, judgement: Judgement
    ) -> Judgement:
        """The same, with the requirement on attachments where the message is taken without one."""
        body = stimulus.body
        if operation.id != "sendMessage" or not isinstance(body, dict) or "attachment" not in body:
            return judgement
        plain = {name: value for name, value in body.items() if name != "attachment"}
        without = replace(stimulus, body=plain | {"text": body.get("text") or "hello"})
        taken = shows_success(self._send(operation, without))
        return replace(judgement, requirement="SEND-06") if taken else judgement

    def _enter(
        self,
        operation: Operation,
        stimulus: Stimulus,
        judgement: Judgement,
        exchange: Exchange,
        budget: Budget,
    ) -> None:
        """Enters a judgement; a failure that is new is made small first."""
        failure = (judgement.requirement, judgement.summary)
        if not judgement.holds and failure not in self._known and not budget.spent:
            self._known.add(failure)
            judgement, exchange = self._smallest(operation, stimulus, judgement, exchange, budget)
        self._world.enter(judgement, [Step.of_exchange(exchange)])

    def _smallest(
        self,
        operation: Operation,
        stimulus: Stimulus,
        judgement: Judgement,
        exchange: Exchange,
        budget: Budget,
    ) -> tuple[Judgement, Exchange]:
        """The same failure from a smaller body, where one is found in time."""
        best = judgement, exchange

        def fails(body: object) -> bool:
            nonlocal best
            smaller = replace(stimulus, body=body)
            judgements, answer = self._judged(operation, smaller, self._send(operation, smaller))
            for other in judgements:
                if (other.requirement, other.holds, other.summary) == (
                    judgement.requirement,
                    False,
                    judgement.summary,
                ):
                    best = other, answer
                    return True
            return False

        if stimulus.body is not ABSENT:
            share = budget.at_most(SHRINKING)
            shrink(stimulus.body, fails, lambda: share.spent)
        return best

    def _send(self, operation: Operation, stimulus: Stimulus) -> Exchange:
        body = stimulus.body
        return self._actor.call(
            operation.id,
            path=stimulus.path,
            json=ABSENT if isinstance(body, bytes) else body,
            body=body if isinstance(body, bytes) else None,
            headers={"Content-Type": stimulus.content_type} if stimulus.content_type else None,
        )

    def _make_sure_it_lives(self) -> None:
        if not self._lives():
            raise BackendGone

    def _take_back(self) -> None:
        """Undoes what the fuzzing has set for the conversations."""
        if METADATA in self._contract.operations:
            with suppress(Avoided):
                for user in self._people.others:
                    self._actor.set(user.id, dict(NEUTRAL))
