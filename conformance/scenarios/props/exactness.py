"""Whether two messages are the same, and whether an answer has the envelope."""

from typing import Any

from conformance.judging.messages import content, conversation_id, member, message_id, moment
from conformance.wire.http import NOT_JSON, Exchange
from contract import Contract

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


def enveloped(contract: Contract, answer: Exchange) -> bool:
    """Whether a documented answer has the envelope, where the document asks for one (D1). What is
    in the envelope is judged for every answer (ALL-01).
    """
    operation = contract.operations[answer.operation or ""]
    response = operation.responses.get(answer.status or 0)
    body = answer.json
    if response is None or response.validator is None or body is NOT_JSON:
        return False
    if "success" not in response.validator.schema.get("required", ()):
        return True  # an overlay has made the bare object right
    return (
        isinstance(body, dict)
        and body.get("success") is True
        and "data" in body
        and isinstance(body.get("message", ""), str)
    )
