"""What a sendMessage may say and what it may not (notes, sections 2.1 and 4.2)."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from conformance.evidence.leading import leading_to
from conformance.judging import messages
from conformance.judging.causes import of_refusal
from conformance.judging.messages import member, message_id, user_id
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import ATTACHMENT_TYPES, attachment
from conformance.scenarios.props.intruders import claims, liars
from conformance.scenarios.props.lifeline import Lifeline
from conformance.scenarios.props.payloads import Payload, invalid_messages
from conformance.scenarios.props.seen import copies, judge_leaks
from conformance.stage.stage import Stage, is_fence
from conformance.wire.deadlines import Deadline

STILL_THERE = "still there "
"""How the texts of fences and lifelines begin."""


@requirement("MSG-05", "MSG-03")
def test_attachments_of_every_type_arrive_with_and_without_text(stage: Stage) -> None:
    sender, recipient, third = stage.cast()
    sending, receiving, watching = stage.connect(sender, recipient, third)
    sent: dict[str, dict[str, Any]] = {}
    for type in ATTACHMENT_TYPES:
        forms: tuple[dict[str, Any], ...] = ({"text": stage.text("look")}, {"text": ""}, {})
        for form in forms:
            file = attachment(stage.text("").strip(), type)
            sent[file["url"]] = {"attachment": file, **form}
            stage.emit(sending, "sendMessage", {"recipientId": recipient.id, **sent[file["url"]]})
    arrived: dict[str, Any] = {}
    lost: dict[tuple[str, str], dict[str, Any]] = {}
    deadline = Deadline(stage.pace.delivery)
    for url, body in sent.items():
        what = f"a message with {_words(body)} and an attachment of type {_type(body)}"
        got = receiving.wait_for(
            "receiveMessage",
            holds_file(url),
            within=deadline.left,
        )
        if got is None:
            lost[_words(body), _type(body)] = body
            continue
        arrived[url] = got.args[0]
        stage.check(
            "MSG-05",
            messages.content(got.args[0])
            == (sender.id, recipient.id, body.get("text", ""), (body["attachment"]["type"], url)),
            f"{what} does not arrive as it was sent".capitalize(),
            body,
            got,
        )
    _judge_lost(stage, lost)
    stage.fence(sending, sender, (watching, third))
    for url in sent:
        judge_leaks(stage, [watching], url)
    ids = [message_id(message) for message in arrived.values()]
    history = stage.history_with(recipient, sender, ids=ids)
    stored = {id: messages.content(one) for id, one in messages.by_id(history).items()}
    for message in arrived.values():
        stage.check(
            "MSG-05",
            stored.get(message_id(message) or "") == messages.content(message),
            "A message with an attachment does not stand in the history as it arrived",
            message,
            f"{len(stored)} messages without it",
        )


def _words(body: dict[str, Any]) -> str:
    return "no text" if "text" not in body else "a text" if body["text"] else "an empty text"


def _type(body: dict[str, Any]) -> str:
    return str(body["attachment"]["type"])


def _judge_lost(stage: Stage, lost: dict[tuple[str, str], dict[str, Any]]) -> None:
    """One finding where no type of attachment arrives, else one for each that does not."""
    told: set[tuple[str, str]] = set()
    for (words, type), body in lost.items():
        whole = all((words, each) in lost for each in ATTACHMENT_TYPES)
        kind = "an attachment" if whole else f"an attachment of type {type}"
        if (words, kind) in told:
            continue
        told.add((words, kind))
        stage.check(
            "MSG-05",
            False,
            f"A message with {words} and {kind} does not arrive with its attachment",
            f"receiveMessage with the attachment {body['attachment']['url']}",
            f"nothing within {stage.pace.delivery:.0f} s",
            evidence=leading_to(stage.evidence, body),
            cause=of_refusal(body),
        )


def holds_file(url: str) -> Callable[[tuple[Any, ...]], bool]:
    """Tells the arguments of an event whose message has an attachment with this url."""
    return lambda args: bool(args) and url in (messages.attachment(args[0]) or ())


@undisturbed
@requirement("MSG-06", "MSG-07")
def test_invalid_messages_are_neither_stored_nor_delivered(stage: Stage) -> None:
    sender, recipient, third = stage.cast()
    (watching,) = stage.connect(third)
    line = Lifeline(stage, "MSG-07", sender, recipient)
    known: set[str | None] = set()

    def traces() -> list[tuple[str, Any]]:
        """Messages of the sender that are new and no fences, and whether it is the history or a
        socket that shows them."""
        stage.fence(line.socket, sender, (watching, third))
        sockets = (line.witness, watching, *line.sockets)
        stage.settle(*sockets)
        delivered = [one for it in sockets for one in it.received("receiveMessage") if one.args]
        shown = [("delivered", one.args[0]) for one in delivered]
        shown += [("stored", one) for one in stage.history_of(sender, recipient)]
        new = [
            (how, message)
            for how, message in shown
            if user_id(member(message, "sender")) in (sender.id, None)
            and message_id(message) not in known
            and not is_fence(message)
            and not messages.text(message).startswith(STILL_THERE)
        ]
        known.update(message_id(message) for _, message in new)
        return new

    def blame(payload: Payload, how: str, message: Any) -> None:
        stage.check(
            "MSG-06",
            False,
            f"sendMessage with {payload.flaw} is {how}",
            "nothing stored, nothing delivered",
            message,
            evidence=payload.steps("sendMessage", sender.name),
        )

    traces()
    payloads: list[Payload] = []
    for volley in invalid_messages(recipient.id, digits):
        payloads += volley[1]
        line.fire("sendMessage", volley)
    stage.check("MSG-06", True, "An invalid sendMessage leaves something behind")
    unexplained: list[Any] = []
    for how, message in traces():
        origin = next((one for one in payloads if marks(one) & marks(message)), None)
        if origin is not None:
            blame(origin, how, message)
        else:
            unexplained.append(messages.content(message))

    def again(*volley: Payload) -> list[tuple[str, Any]]:
        """What came before without a mark, and comes once more after these payloads."""
        line.fire("sendMessage", ("nothing", []) if not volley else (volley[0].flaw, [*volley]))
        return [it for it in traces() if messages.content(it[1]) in unexplained]

    # What bears no mark may be somebody else's who is the sender too. It is a payload's if the very
    # same comes whenever that payload does, and not without it.
    for payload in (one for one in payloads if unexplained and not marks(one)):
        if again(payload) and not again():
            for how, message in again(payload):
                blame(payload, how, message)


def digits() -> str:
    """A mark: 15 digits, which survive being turned into a number and back."""
    return str(10**14 + secrets.randbelow(9 * 10**14))


def marks(thing: Any) -> set[str]:
    """The marks in a payload or a message."""
    shown = repr(thing.args) if isinstance(thing, Payload) else json.dumps(thing, default=repr)
    return set(re.findall(r"(?<![0-9a-f])\d{15}(?![0-9a-f])", shown))


@undisturbed
@requirement("MSG-08")
def test_a_message_to_nobody_leaves_nothing_behind(stage: Stage) -> None:
    sender, recipient, third = stage.cast()
    watching, elsewhere = stage.connect(recipient, third)
    line = Lifeline(stage, "MSG-08", sender, recipient)
    nobody, text = stage.unknown_id(), stage.text("to nobody")
    body = {"recipientId": nobody, "text": text}
    line.send("sendMessage", Payload("a recipient who does not exist", (body,)), acknowledge=True)
    line.holds("a message to a user who does not exist")
    stage.fence(line.socket, sender, (watching, recipient), (elsewhere, third))
    stage.settle(*line.sockets)
    for connection in (watching, elsewhere, line.witness, *line.sockets):
        stage.check(
            "MSG-08",
            not copies(connection, text),
            "A message to a user who does not exist is delivered",
            "no receiveMessage",
            copies(connection, text),
        )
    answer = sender.read(nobody)
    stage.check(
        "MSG-08",
        answer.status != 200 or text not in answer.body.decode("utf-8", "replace"),
        "A message to a user who does not exist is stored",
        "404, or a history without it",
        answer,
    )


@requirement("MSG-09")
def test_the_token_alone_says_who_sends(stage: Stage) -> None:
    sender, recipient, other = stage.cast()
    sending, receiving, watching = stage.connect(sender, recipient, other)
    sent: list[tuple[str, str]] = []
    for claim in claims(other):
        text = stage.text("in the payload")
        sent.append(("a field of the payload", text))
        stage.emit(sending, "sendMessage", {**claim, "recipientId": recipient.id, "text": text})
    for where, liar in liars(stage, sender, other):
        text = stage.text("in the handshake")
        sent.append((where, text))
        liar.say("sendMessage", {"recipientId": recipient.id, "text": text})
        # Its own message tells that this connection's events have been handled.
        stage.await_message(receiving, text=text)
    # Where a user has one connection (D15), it was the liar's.
    (last,) = stage.connect(sender) if sending.closed else (sending,)
    stage.fence(last, sender, (receiving, recipient), (watching, other))
    theirs = [messages.text(one) for one in stage.history_of(recipient, other)]
    for where, text in sent:
        seen = [one for it in (receiving, watching, sending) for one in copies(it, text)]
        stage.check(
            "MSG-09",
            text not in theirs and all(user_id(member(one, "sender")) == sender.id for one in seen),
            f"Somebody else is taken for a message's sender because of {where}",
            f"sender {sender.id}, to whom the token belongs",
            seen or f"it stands in the history of {recipient.name} and {other.name}",
        )
