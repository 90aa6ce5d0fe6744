"""Arguments of events that a backend has to turn down, beyond the bodies it has to refuse.

What is left to the backend (D2, D4, D5, D16) stands nowhere here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.evidence.steps import Step
from conformance.scenarios.props.bodies import Wrong, wrong_messages

DEEP = 3000
"""Levels of nesting: more than recursive readers manage, in a few kilobytes."""

FAMILIES = {
    "SEND-07": "messages without content",
    "SEND-08": "wrong recipients",
    "SEND-10": "wrong attachments",
    "SEND-11": "texts that are no string",
}
"""What the wrong messages of a requirement have in common."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The arguments of one event."""

    flaw: str
    """What is wrong, as the end of `an event with …`; the same in every run."""
    args: tuple[Any, ...] = ()
    packet: str | None = None
    """The whole Engine.IO packet, where the arguments are nested too deep for an encoder."""

    def steps(self, event: str, actor: str) -> list[Step]:
        """How to repeat it."""
        connect = Step.of_connect(actor, "websocket")
        if self.packet is not None:
            return [connect, Step.of_raw(actor, self.packet)]
        return [connect, Step.of_emit(actor, event, self.args)]


Volley = tuple[str, list[Payload]]
"""What some payloads have in common, and the payloads."""


def invalid_messages(recipient: str, mark: Callable[[], str]) -> Iterator[Volley]:
    """Payloads of `sendMessage` that store and deliver nothing (MSG-06).

    `recipient` is the id of a user; `mark` gives digits that nothing else holds.
    """
    wrong = list(wrong_messages(recipient, mark))
    for requirement, family in FAMILIES.items():
        yield (
            family,
            [
                Payload(one.flaw, (one.body,))
                for one in wrong
                if one.requirement == requirement and isinstance(one.body, dict)
            ],
        )
    for one in wrong:
        if not isinstance(one.body, dict):
            yield _alone(_without_object(one))
    for payload in (
        *_shapes("sendMessage", lambda: {"recipientId": recipient, "text": mark()}),
        Payload("a text nested very deep", packet=_deep_text(recipient)),
        Payload("a text that is binary", ({"recipientId": recipient, "text": mark().encode()},)),
    ):
        yield _alone(payload)


def invalid_notices(event: str, recipient: str, nobody: str) -> Iterator[Volley]:
    """Payloads of `typing` and `stopTyping` that reach nobody (TYPE-03).

    `recipient` is the id of a user, `nobody` an id that nobody has.
    """
    wrong = list(wrong_messages(recipient, lambda: "0"))
    yield (
        FAMILIES["SEND-08"],
        [
            Payload(one.flaw, ({k: v for k, v in one.body.items() if k != "text"},))
            for one in wrong
            if one.requirement == "SEND-08"
        ]
        + [
            Payload("the recipient under another name", ({"to": recipient, "userId": recipient},)),
            Payload("a recipientId that nobody has", ({"recipientId": nobody},)),
        ],
    )
    for one in wrong:
        if not isinstance(one.body, dict | list):
            yield _alone(_without_object(one))
    for payload in (
        Payload("a payload that is the recipient's id", (recipient,)),
        Payload("a payload that is an array with the recipient's id", ([recipient],)),
        *_shapes(event, lambda: {"recipientId": recipient}),
    ):
        yield _alone(payload)


def _alone(payload: Payload) -> Volley:
    return payload.flaw, [payload]


def _without_object(one: Wrong) -> Payload:
    return Payload(one.flaw.replace("a body", "a payload"), (one.body,))


def _shapes(event: str, body: Callable[[], Mapping[str, Any]]) -> Iterator[Payload]:
    """What only an event's arguments can be."""
    yield Payload("no payload")
    yield Payload("null before a valid payload", (None, body()))
    yield Payload("a text before a valid payload", ("hello", body()))
    yield Payload("a payload that is a valid one in an array", ([body()],))
    yield Payload("a payload that is a valid one as a JSON text", (json.dumps(body()),))
    yield Payload("a binary payload", (json.dumps(body()).encode(),))
    deep = "[" * DEEP + "]" * DEEP
    yield Payload("a payload nested very deep", packet=f'42["{event}",{deep}]')


def _deep_text(recipient: str) -> str:
    deep = '{"a":' * DEEP + "1" + "}" * DEEP
    return f'42["sendMessage",{{"recipientId":"{recipient}","text":{deep}}}]'
