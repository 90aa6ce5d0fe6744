"""Requests that all have to be refused: one finding when none is, else one for each that is not."""

from collections import defaultdict
from collections.abc import Sequence

from conformance.evidence.steps import Step
from conformance.stage.stage import Stage
from conformance.wire.http import Exchange

MANY = 3
"""Refusals that are missing altogether, from which on they are one finding."""
PATIENCE = 2
"""Requests without an answer under one requirement, after which it is not tried any further: each
costs a whole deadline."""
SHOWN = 3
"""Requests shown in the evidence of a finding about many."""


class Refusals:
    """Collects the answers to wrong requests and judges them together."""

    def __init__(self, stage: Stage, request: str) -> None:
        """`request` names what was sent, such as `a message`; summaries begin with it."""
        self._stage = stage
        self._request = request
        self._answers: dict[tuple[str, tuple[int, ...]], list[tuple[str, Exchange]]] = defaultdict(
            list
        )

    def hopeless(self, requirement: str) -> bool:
        """Whether the backend leaves too many requests under this requirement unanswered."""
        silent = [
            answer
            for (name, _), answers in self._answers.items()
            for _, answer in answers
            if name == requirement and answer.status is None
        ]
        return len(silent) >= PATIENCE

    def add(self, requirement: str, flaw: str, answer: Exchange, *fair: int) -> None:
        """An answer that has to have one of these statuses, 400 where none is given; `flaw` ends
        `a message with …`.
        """
        self._answers[requirement, fair or (400,)].append((flaw, answer))

    def judge(self) -> None:
        """Judges every answer."""
        for (requirement, fair), answers in self._answers.items():
            taken = [(flaw, answer) for flaw, answer in answers if answer.status not in fair]
            if len(taken) == len(answers) >= MANY:
                self._judge_all(requirement, fair, taken)
                continue
            for flaw, answer in answers:
                summary = f"{self._request} with {flaw} is not answered {fair[0]}"
                self._stage.answered(requirement, answer, fair, _sentence(summary))

    def _judge_all(
        self, requirement: str, fair: Sequence[int], taken: list[tuple[str, Exchange]]
    ) -> None:
        self._stage.check(
            requirement,
            False,
            _sentence(f"{self._request} is never answered {fair[0]}, whatever is wrong with it"),
            " or ".join(map(str, fair)),
            taken[0][1],
            evidence=[Step.of_exchange(answer) for _, answer in taken[:SHOWN]],
        )


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:]
