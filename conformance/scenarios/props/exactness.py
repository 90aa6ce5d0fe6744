"""Whether two messages are the same, and whether an answer has the envelope."""

from typing import Any

from conformance.evidence.leading import leading_to
from conformance.judging.messages import content, conversation_id, member, message_id, moment
from conformance.stage.stage import Stage
from conformance.wire.http import NOT_JSON, Exchange
from conformance.wire.sockets import Connection
from contract import Contract, Level

ROUNDING = 1.0
"""Seconds by which a stored time may differ from the one that was answered: some stores keep no
fractions."""


def same_message(one: Any, other: Any) -> bool:
    """Whether two sightings show the same message, whatever form and status it has (D3-D5, D8)."""
    return difference(one, other) is None


def difference(one: Any, other: Any) -> str | None:
    """The field in which two sightings of a message differ; None where they show the same."""
    fields = ("sender", "recipient", "text", "attachment")
    parts = zip(fields, content(one), content(other), strict=True)
    for field, same in (
        ("_id", message_id(one) == message_id(other)),
        *((field, mine == theirs) for field, mine, theirs in parts),
        ("conversationId", conversation_id(one) == conversation_id(other)),
        ("createdAt", abs(_created(one) - _created(other)) <= ROUNDING),
    ):
        if not same:
            return field
    return None


def judge_delivery(
    stage: Stage, requirement: str, socket: Connection, who: str, message: Any, level: Level
) -> None:
    """Judges that a socket gets a message that an answer has shown, and gets that one.

    A copy with another id is known by its text, which no other message has, or by its attachment.
    """
    what = "a chat message" if requirement == "CHAT-05" else "a message sent by request"
    came = stage.await_message(socket, id=message_id(message), like=message)
    stage.check(
        requirement,
        came is not None,
        f"The {who}'s socket gets no receiveMessage for {what}",
        "receiveMessage with the message",
        f"nothing within {stage.pace.delivery:.0f} s",
        level=level,
        evidence=leading_to(stage.evidence, message),
    )
    if came is None:
        return
    differs = difference(came.args[0], message)
    stage.check(
        requirement,
        differs is None,
        f"The {who}'s copy of {what} has another {differs} than the answer",
        message,
        came,
        level=level,
        cause=f"the {differs} of the {who}'s copy",
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
    if response is None and answer.succeeded:
        response = operation.responses[operation.success]  # its status is judged elsewhere
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
