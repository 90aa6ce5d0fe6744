"""What one scenario says about requirements: checks, accusations, and the evidence for them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from conformance.evidence.leading import leading_to
from conformance.evidence.steps import Step
from conformance.judging.judgements import Judgement
from conformance.judging.monitors import described, short
from conformance.stage.casting import Casting
from conformance.stage.obstacles import Blocked as Blocked
from conformance.stage.world import World
from conformance.wire.connections import NOBODY_LISTENS
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received
from contract import Level


@dataclass(frozen=True, slots=True)
class Accusation:
    """Something that did not hold in a scenario."""

    judgement: Judgement
    evidence: Sequence[Step]
    fatal: bool = False
    """Whether it says that the backend, or a part of it, is dead."""
    stimuli: Sequence[Step] = ()
    """Of a fatal one, what the backend may have died of."""


class Accusing(Casting):
    """A scenario's part of a stage that judges."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.judged: set[str] = set()
        self.accusations: list[Accusation] = []
        """What did not hold, until it is known whether the backend lived through the scenario."""
        self.evidence: list[Step] = []
        self._gathering = threading.Lock()
        self._silence = world.listen(self._gather)

    @property
    def obstacle(self) -> str | None:
        """What went wrong so far, which may have left nothing to judge by; None if nothing did."""
        if self.accusations:
            return self.accusations[0].judgement.summary
        answers = (step.exchange for step in self.evidence if step.exchange is not None)
        return next((f"no answer: {answer.error}" for answer in answers if answer.error), None)

    def _gather(self, step: Step) -> None:
        """Takes a step for evidence. Of a row of readings of the same thing, the first and the last
        stay: who waits for a message must not crowd out how it was sent.
        """
        with self._gathering:
            if len(self.evidence) > 1 and all(step.repeats(it) for it in self.evidence[-2:]):
                self.evidence.pop()
            self.evidence.append(step)

    def check(
        self,
        requirement: str,
        holds: bool,
        summary: str,
        expected: Any = "",
        observed: Any = "",
        *,
        level: Level | None = None,
        evidence: Sequence[Step] | None = None,
        cause: str | None = None,
    ) -> bool:
        """Judges a requirement once and goes on either way; returns whether it holds.

        `summary` says what the backend does where it does not hold, without any value that
        changes from run to run. Without `evidence` it is the steps that led to what was observed.
        `cause` is as in `Judgement`. Ends the scenario where an answer says nothing about it.
        """
        if isinstance(observed, Exchange):
            _require_verdict(observed)
        self.judged.add(requirement)
        if holds:
            self.world.enter(Judgement(requirement, True, summary, level=level))
            return True
        if evidence is None:
            evidence = leading_to(self.evidence, observed)
        judgement = Judgement(
            requirement, False, summary, shown(expected), shown(observed), level, cause
        )
        self.accusations.append(Accusation(judgement, evidence))
        return False

    def accuse(self, fair: Callable[["Accusation"], bool] = lambda accusation: True) -> None:
        """Enters the accusations that are fair, after the scenario; what the others were about
        counts as not judged.
        """
        for accusation in self.accusations:
            if fair(accusation):
                self.world.enter(accusation.judgement, accusation.evidence)
            else:
                self.judged.discard(accusation.judgement.requirement)
        self.accusations.clear()

    def need(self, requirement: str, holds: bool, summary: str, *args: Any, **kwargs: Any) -> None:
        """Like `check`, and ends the scenario where it does not hold. Raises Blocked."""
        if not self.check(requirement, holds, summary, *args, **kwargs):
            raise Blocked(f"{summary} ({requirement})")

    def condemn(
        self,
        requirement: str,
        summary: str,
        expected: Any = "",
        observed: Any = "",
        *,
        since: int = 0,
    ) -> NoReturn:
        """Says that the backend, or a part of it, did not survive what was sent, where surviving is
        what the requirement asks for. It lived before the step of that number. Raises Blocked.
        """
        self.judged.add(requirement)
        judgement = Judgement(requirement, False, summary, shown(expected), shown(observed))
        evidence = leading_to(self.evidence)
        stimuli = self.evidence[since:]
        self.accusations.append(Accusation(judgement, evidence, fatal=True, stimuli=stimuli))
        raise Blocked(f"{summary} ({requirement})")

    def answered(
        self,
        requirement: str,
        answer: Exchange,
        statuses: int | Sequence[int],
        summary: str,
        *,
        level: Level | None = None,
    ) -> bool:
        """Judges the status of one answer; see `check`."""
        fair = (statuses,) if isinstance(statuses, int) else tuple(statuses)
        return self.check(
            requirement,
            answer.status in fair,
            summary,
            " or ".join(map(str, fair)),
            answer,
            level=level,
            evidence=[Step.of_exchange(answer)],
        )

    def untestable(self, requirement: str, reason: str) -> None:
        """Says that a requirement cannot be judged with this target, and goes on."""
        self.judged.add(requirement)
        self.world.ledger.untestable(requirement, reason)

    def leave_open(self, requirement: str) -> None:
        """Says that this scenario found nothing to judge a requirement by that others judge too."""
        self.judged.add(requirement)

    def observe(self, requirement: str, what: str) -> None:
        """Notes what the backend does where nothing is judged."""
        self.judged.add(requirement)
        self.world.ledger.observed(requirement, what)


def _require_verdict(answer: Exchange) -> None:
    """Raises Blocked for an answer that no requirement can be judged by."""
    if answer.status == 429:
        raise Blocked("the backend answers 429 for longer than the suite waits")
    if answer.error == NOBODY_LISTENS:
        raise Blocked(f"the backend is gone: {answer.error}")


def shown(value: Any) -> str:
    """Anything observed, as one line for a report."""
    if isinstance(value, str):
        return value
    if isinstance(value, Exchange):
        return described(value)
    if isinstance(value, Received):
        return f"{value.event} {short(list(value.args))}"
    return short(value)
