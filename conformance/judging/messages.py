"""Reads messages and ids the way the contract means them (D2–D5, D7, D8).

Everything here takes what a backend sent, well-formed or not, and never raises: a part that is
missing or of the wrong type reads as None.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from conformance.wire.http import Exchange

STATUSES = ("sent", "delivered", "read")
"""The statuses in the order in which a message goes through them."""


def same_id(one: Any, other: Any) -> bool:
    """Whether two values are the same ObjectId; letter case makes no difference (D2)."""
    return isinstance(one, str) and isinstance(other, str) and one.lower() == other.lower()


def user_id(reference: Any) -> str | None:
    """The id of a user, given as an id or as a reference (D3), in lower case.

    One of another form, such as a number or MongoDB's `{"$oid": …}`, tells things apart all the
    same; that it has not the form of an ObjectId is judged by the schemas.
    """
    if isinstance(reference, dict):
        reference = reference.get("_id", reference.get("$oid"))
    if isinstance(reference, dict):
        reference = reference.get("$oid")
    if isinstance(reference, int) and not isinstance(reference, bool):
        return str(reference)
    return reference.lower() if isinstance(reference, str) else None


def member(value: Any, name: str) -> Any:
    """A member of a JSON object, None when there is none."""
    return value.get(name) if isinstance(value, dict) else None


def message_id(message: Any) -> str | None:
    """The message's id in lower case."""
    return user_id(member(message, "_id"))


def conversation_id(message: Any) -> str | None:
    """The conversation's id in lower case; some backends populate it like a user."""
    return user_id(member(message, "conversationId"))


def attachment(message: Any) -> tuple[str, str] | None:
    """Type and url of the attachment; absent and null are the same (D4)."""
    value = member(message, "attachment")
    if not isinstance(value, dict):
        return None
    return str(value.get("type")), str(value.get("url"))


def text(message: Any) -> str:
    """The text; empty, null and absent are the same (D5)."""
    value = member(message, "text")
    return value if isinstance(value, str) else ""


def content(message: Any) -> tuple[str | None, str | None, str, tuple[str, str] | None]:
    """Sender, recipient, text and attachment: what a message says, whatever form it has."""
    return (
        user_id(member(message, "sender")),
        user_id(member(message, "recipient")),
        text(message),
        attachment(message),
    )


def status_rank(message: Any) -> int | None:
    """How far the message has come: 0 sent, 1 delivered, 2 read (D8)."""
    value = member(message, "status")
    return STATUSES.index(value) if value in STATUSES else None


def moment(value: Any) -> float | None:
    """An RFC 3339 time as seconds since the epoch; None without an offset (D7)."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.upper())  # "z" and "t" are right too
    except ValueError:
        return None
    return time.timestamp() if time.tzinfo else None


def unwrapped(body: Any) -> Any:
    """What an envelope holds (D1), or the body itself where there is none."""
    if isinstance(body, dict) and "success" in body and "data" in body:
        return body["data"]
    return body


def new_message(answer: Exchange) -> dict[str, Any] | None:
    """The message in an answer to a send; None where it was not taken. Whether its status is the
    one that the contract has for success is judged for every answer (SEND-01, CHAT-01).
    """
    message = unwrapped(answer.json)
    return message if answer.succeeded and message_id(message) is not None else None


def by_id(messages: Iterable[Any]) -> dict[str, Any]:
    """Messages by id, without those that have none."""
    return {id: message for message in messages if (id := message_id(message)) is not None}
