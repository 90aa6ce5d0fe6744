"""The Socket.IO events of the AsyncAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from contract.errors import DocumentError
from contract.operations import Blame, Request
from contract.parsing import Json
from contract.pointers import escaped
from contract.schemas import Validator

Action = Literal["receive", "send"]


@dataclass(frozen=True, slots=True)
class Event:
    """One operation of the AsyncAPI document and the one event it carries."""

    name: str
    """The name on the wire, such as `sendMessage`."""
    operation_id: str
    """The operation's id, such as `onSendMessage`."""
    action: Action
    """`receive`: from client to server. `send`: from server to client."""
    namespace: str
    """The Socket.IO namespace, `/` by default."""
    summary: str
    payload: Request
    acknowledgement: Validator | None
    """Accepts the first argument of an acknowledgement; None when the document has no reply."""
    acknowledgement_schemas: tuple[Json, ...] = field(repr=False)
    """What such an argument may be, as the document has it (OpenAPI 3.0), references resolved."""
    acknowledgement_examples: Mapping[str, Json] = field(repr=False)
    blame: Blame


def read_events(file: Path, root: Json) -> Mapping[str, Event]:
    """The events of a resolved AsyncAPI document of the right shape, by name.

    Raises DocumentError for an event name that two operations share, and for a schema that is none.
    """
    events: dict[str, Event] = {}
    for operation_id, node in root["operations"].items():
        place = f"/operations/{escaped(operation_id)}"
        event = _event(file, place, operation_id, node)
        if event.name in events:
            raise DocumentError(
                file, f"{place}/messages/0", f"the event name {event.name} stands twice"
            )
        events[event.name] = event
    return events


def _event(file: Path, place: str, operation_id: str, node: Json) -> Event:
    (message,) = node["messages"]
    replies = node.get("reply", {}).get("messages", [])
    return Event(
        name=message["name"],
        operation_id=operation_id,
        action=node["action"],
        namespace=node.get("channel", {}).get("address") or "/",
        summary=node.get("summary", ""),
        payload=Request.of(
            _schema(message), _examples(message), file, f"{place}/messages/0/payload"
        ),
        acknowledgement=(
            Validator.of({"anyOf": [_schema(reply) for reply in replies]}, file, f"{place}/reply")
            if replies
            else None
        ),
        acknowledgement_schemas=tuple(_schema(reply) for reply in replies),
        acknowledgement_examples={
            key: value for reply in replies for key, value in _examples(reply).items()
        },
        blame=Blame.of(node),
    )


def _schema(message: Json) -> Json:
    payload = message.get("payload", {})
    return payload["schema"] if "schemaFormat" in payload else payload


def _examples(message: Json) -> Mapping[str, Json]:
    return {
        example.get("name", str(number)): example.get("payload")
        for number, example in enumerate(message.get("examples", ()))
    }
