"""Whether two messages are the same, and whether an answer has its operation's outer form."""

from typing import Any

from conformance.judging.messages import content, conversation_id, member, message_id, moment
from conformance.stage.stage import Stage
from conformance.wire.http import NOT_JSON, Exchange

ROUNDING = 1.0
"""Seconds by which a stored time may differ from the one that was answered: some stores keep no
fractions."""


def same_message(one: Any, other: Any) -> bool:
    """Whether two sightings show the same message, whatever form and status it has (D3-D5, D8)."""
    return (
        message_id(one) == message_id(other)
        and content(one) == content(other)
        and conversation_id(one) == conversation_id(other)
        and abs(_created(one) - _created(other)) <= ROUNDING
    )


def _created(message: Any) -> float:
    # A time that cannot be read is judged as such (ALL-01, ALL-02).
    return moment(member(message, "createdAt")) or 0.0


def fits_at_top(stage: Stage, answer: Exchange) -> bool:
    """Whether nothing is wrong with the envelope of a successful answer, whatever is in it; what is
    in it is judged for every answer (ALL-01).
    """
    operation = stage.world.contract.operations[answer.operation or ""]
    response = operation.responses.get(answer.status or 0)
    if response is None or response.validator is None or answer.json is NOT_JSON:
        return False
    violations = response.validator.violations(answer.json)
    return all(violation.path.count("/") > 1 for violation in violations)
