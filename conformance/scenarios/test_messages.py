"""Messages as events (notes, section 4.2)."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from conformance import messages
from conformance.deadlines import Deadline
from conformance.messages import member, message_id, user_id
from conformance.scenarios import requirement
from conformance.scenarios.bodies import ATTACHMENT_TYPES, attachment
from conformance.scenarios.intruders import claims, liars
from conformance.scenarios.lifeline import Lifeline
from conformance.scenarios.payloads import Payload, invalid_messages
from conformance.sockets import Connection, Received
from conformance.stage import Stage
from conformance.world import Actor

IN_ORDER = 20
"""Messages one user sends in a row."""
BURST = 30
"""Messages each of two users sends at once."""


def copies(connection: Connection, text: str) -> list[Any]:
    """The messages with this text that a socket has got."""
    return [
        one.args[0]
        for one in connection.received("receiveMessage")
        if one.args and messages.text(one.args[0]) == text
    ]


def mentions(connection: Connection, mark: str) -> Received | None:
    """The first event of any name that contains the mark."""
    return next(
        (one for one in connection.received() if mark in json.dumps(one.args, default=repr)), None
    )


@requirement("MSG-01", "MSG-02", "MSG-03", "MSG-04", "MSG-13")
def test_a_message_reaches_both_sides_once_and_nobody_else(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    others = stage.bystanders(sender, recipient)
    sending, receiving, *watching = stage.connect(sender, recipient, *others)
    text = stage.text()
    emission = stage.emit(
        sending, "sendMessage", {"recipientId": recipient.id, "text": text}, acknowledge=True
    )
    delivered = stage.await_message(receiving, text=text)
    stage.need(
        "MSG-01",
        delivered is not None,
        "A message does not reach its connected recipient",
        "receiveMessage on the recipient's socket",
        f"nothing within {stage.pace.delivery:.0f} s",
    )
    confirmed = stage.await_message(sending, text=text)
    stage.check(
        "MSG-02",
        confirmed is not None,
        "A sender does not get receiveMessage for the own message",
        "receiveMessage on the sender's socket",
        f"nothing within {stage.pace.delivery:.0f} s",
    )
    stage.fence(sending, sender, *zip(watching, others, strict=True), (receiving, recipient))
    stage.settle(sending)

    at_recipient, at_sender = copies(receiving, text), copies(sending, text)
    said = (sender.id, recipient.id, text, None)
    stage.check(
        "MSG-01",
        len(at_recipient) == 1,
        "A message comes to one socket of its recipient more than once",
        "one receiveMessage",
        at_recipient,
    )
    stage.check(
        "MSG-01",
        messages.content(at_recipient[0]) == said,
        "A message does not arrive as it was sent",
        f"sender {sender.id}, recipient {recipient.id}, text {text}, no attachment",
        at_recipient[0],
    )
    id = message_id(at_recipient[0])
    for message in at_sender[:1]:
        stage.check(
            "MSG-02",
            id is not None and message_id(message) == id,
            "The sender's copy of a message has another _id than the recipient's",
            f"_id {id}",
            message,
        )
        stage.check(
            "MSG-02",
            messages.content(message) == said,
            "The sender's copy of a message says something else than the recipient's",
            at_recipient[0],
            message,
        )
    stage.check(
        "MSG-02",
        len({(message_id(one), messages.status_rank(one)) for one in at_sender}) == len(at_sender),
        "A sender gets the same receiveMessage more than once on one socket",
        "one receiveMessage",
        at_sender,
    )
    for connection in watching:
        leak = mentions(connection, text)
        stage.check(
            "MSG-03",
            leak is None,
            "A message reaches somebody who is neither its sender nor its recipient",
            f"no event with the text {text}",
            leak or "",
        )
    in_history(stage, "MSG-04", sender, recipient, at_recipient[0])
    acknowledgement(stage, sending, emission, at_recipient[0])


def in_history(
    stage: Stage, requirement: str, sender: Actor, recipient: Actor, delivered: Any
) -> None:
    """Judges whether a delivered message stands in the histories of both."""
    id = message_id(delivered)
    for reader, other in ((sender, recipient), (recipient, sender)):
        whole = stage.history_with(reader, other, ids=[id])
        kept = messages.by_id(whole).get(id or "")
        stage.check(
            requirement,
            kept is not None,
            "A delivered message does not stand in the history under its _id",
            f"_id {id} in the history of both",
            f"{reader.name} reads {len(whole)} messages without it",
        )
        stage.check(
            requirement,
            kept is None or messages.content(kept) == messages.content(delivered),
            "A message in the history says something else than the one delivered",
            delivered,
            kept or "",
        )


def acknowledgement(stage: Stage, sending: Connection, emission: Any, delivered: Any) -> None:
    """Notes whether a message was acknowledged, and judges what was said then."""
    answers = sending.acknowledgements(emission)
    stage.observe(
        "MSG-13",
        f"sendMessage is {'' if answers else 'not '}acknowledged when a client asks for it",
    )
    answer = answers[0][0] if answers and answers[0] else None
    if isinstance(answer, dict) and "success" in answer:
        data = member(answer, "data")
        stage.check(
            "MSG-13",
            answer["success"] is True
            and message_id(data) == message_id(delivered)
            and messages.content(data) == messages.content(delivered),
            "The acknowledgement of a message is about something else than what was delivered",
            {"success": True, "data": delivered},
            answer,
            level="must",
        )


@requirement("MSG-05")
def test_attachments_of_every_type_arrive_with_and_without_text(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    sending, receiving = stage.connect(sender, recipient)
    sent: dict[str, dict[str, Any]] = {}
    for type in ATTACHMENT_TYPES:
        forms: tuple[dict[str, Any], ...] = ({"text": stage.text("look")}, {"text": ""}, {})
        for form in forms:
            file = attachment(stage.text("").strip(), type)
            sent[file["url"]] = {"attachment": file, **form}
            stage.emit(sending, "sendMessage", {"recipientId": recipient.id, **sent[file["url"]]})
    arrived: dict[str, Any] = {}
    deadline = Deadline(stage.pace.delivery)
    for url, body in sent.items():
        words = "no text" if "text" not in body else "a text" if body["text"] else "an empty text"
        what = f"a message with {words} and an attachment of type {body['attachment']['type']}"
        got = receiving.wait_for(
            "receiveMessage",
            holds_file(url),
            within=deadline.left,
        )
        stage.check(
            "MSG-05",
            got is not None,
            f"{what} does not arrive with its attachment".capitalize(),
            f"receiveMessage with the attachment {url}",
            f"nothing within {stage.pace.delivery:.0f} s",
        )
        if got is None:
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


def holds_file(url: str) -> Callable[[tuple[Any, ...]], bool]:
    """Tells the arguments of an event whose message has an attachment with this url."""
    return lambda args: bool(args) and url in (messages.attachment(args[0]) or ())


@requirement("MSG-06", "MSG-07")
def test_invalid_messages_are_neither_stored_nor_delivered(stage: Stage) -> None:
    sender, recipient, third = stage.cast()
    (watching,) = stage.connect(third)
    line = Lifeline(stage, "MSG-07", sender, recipient)
    before = {message_id(one) for one in stage.history_of(sender, recipient)}
    suspects: list[Payload] = []
    for volley in invalid_messages(recipient.id, digits):
        suspects += volley[1]
        line.fire("sendMessage", volley)
    stage.fence(line.socket, sender, (watching, third))
    stage.settle(line.witness, *line.sockets)

    delivered = [
        one.args[0]
        for connection in (line.witness, watching, *line.sockets)
        for one in connection.received("receiveMessage")
        if one.args and user_id(member(one.args[0], "sender")) in (sender.id, None)
    ]
    stored = [
        one
        for one in stage.history_of(sender, recipient)
        if message_id(one) not in before and user_id(member(one, "sender")) == sender.id
    ]
    for how, seen in (("delivered", delivered), ("stored", stored)):
        stage.check("MSG-06", True, f"An invalid message is {how}")
        for message in seen:
            culprit = origin(message, suspects)
            if culprit is not None:
                stage.check(
                    "MSG-06",
                    False,
                    f"sendMessage with {culprit.flaw} is {how}",
                    "nothing stored, nothing delivered",
                    message,
                    evidence=culprit.steps("sendMessage", sender.name),
                )


def digits() -> str:
    """A mark: 15 digits, which survive being turned into a number and back."""
    return str(10**14 + secrets.randbelow(9 * 10**14))


def origin(message: Any, suspects: list[Payload]) -> Payload | None:
    """The payload that a message was made of; None for a message of another kind."""
    shown = json.dumps(message, default=repr)
    for payload in suspects:
        if any(mark in shown for mark in re.findall(r"\d{15}", repr(payload.args))):
            return payload
    # Without a mark, what becomes of a payload when its parts are dropped or turned into text.
    words = messages.text(message)
    if messages.attachment(message) is None and words in ("", "true", "True", "[object Object]"):
        flaw = "a text that is no string" if words else "neither text nor attachment"
        return next((one for one in suspects if one.flaw == flaw), Payload(flaw))
    return None


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
    sent: dict[str, str] = {}
    for claim in claims(other):
        text = sent["a field of the payload"] = stage.text("in the payload")
        stage.emit(sending, "sendMessage", {**claim, "recipientId": recipient.id, "text": text})
    for where, liar in liars(stage, sender, other):
        text = sent[where] = stage.text("in the handshake")
        liar.say("sendMessage", {"recipientId": recipient.id, "text": text})
        # Its own message tells that this connection's events have been handled.
        stage.await_message(receiving, text=text)
    stage.fence(sending, sender, (receiving, recipient), (watching, other))
    theirs = [messages.text(one) for one in stage.history_of(recipient, other)]
    for where, text in sent.items():
        seen = [one for it in (receiving, watching, sending) for one in copies(it, text)]
        stage.check(
            "MSG-09",
            text not in theirs and all(user_id(member(one, "sender")) == sender.id for one in seen),
            f"Somebody else is taken for a message's sender because of {where}",
            f"sender {sender.id}, to whom the token belongs",
            seen or f"it stands in the history of {recipient.name} and {other.name}",
        )


@requirement("MSG-10")
def test_messages_of_one_sender_keep_their_order(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    sending, receiving = stage.connect(sender, recipient)
    sent = [stage.text(f"{number}.") for number in range(IN_ORDER)]
    for text in sent:
        stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": text})
    await_all(stage, receiving, sent)
    history = stage.history_with(recipient, sender, sent)
    arrived = among(sent, [one.args[0] for one in receiving.received("receiveMessage") if one.args])
    stored = among(sent, history)
    stage.need("MSG-10", bool(arrived), "Of many messages none arrives", IN_ORDER, "none")
    stage.check(
        "MSG-10",
        arrived == [text for text in sent if text in arrived],
        "Messages of one sender arrive in another order than they were sent",
        sent,
        arrived,
    )
    # Which end of a history is the oldest is judged elsewhere (HIST-07).
    ordered = [text for text in sent if text in stored]
    stage.check(
        "MSG-10",
        stored in (ordered, ordered[::-1]),
        "Messages of one sender stand in the history in another order than they were sent",
        ordered,
        stored,
    )


def await_all(stage: Stage, connection: Connection, texts: list[str]) -> None:
    """Waits until all these messages have arrived, or time for the last one is over."""
    deadline = Deadline(stage.pace.delivery)
    for text in texts:
        stage.await_message(connection, text=text, within=deadline.left)


def among(texts: list[str], seen: list[Any]) -> list[str]:
    """Those of the texts that were seen, in the order in which they were seen first."""
    known = set(texts)
    return list(dict.fromkeys(text for one in seen if (text := messages.text(one)) in known))


@requirement("MSG-11")
def test_of_a_burst_nothing_is_lost_or_doubled(stage: Stage) -> None:
    recipient, *senders = stage.cast()
    receiving, *sending = stage.connect(recipient, *senders)
    sent = [[stage.text(f"burst {number}") for number in range(BURST)] for _ in senders]
    for number in range(BURST):
        for connection, texts in zip(sending, sent, strict=True):
            body = {"recipientId": recipient.id, "text": texts[number]}
            stage.emit(connection, "sendMessage", body)
    await_all(stage, receiving, [text for texts in sent for text in texts])
    stage.settle(receiving, *sending)
    for sender, connection, texts in zip(senders, sending, sent, strict=True):
        stored = [messages.text(one) for one in stage.history_with(recipient, sender, texts)]
        for what, where, seen in (
            ("recipient", "is delivered to its", receiving),
            ("sender", "is confirmed to its", connection),
        ):
            counts = [len(copies(seen, text)) for text in texts]
            stage.check(
                "MSG-11",
                0 not in counts or what == "sender",
                f"Not every message of a burst {where} {what}",
                f"all {BURST}",
                f"{counts.count(0)} of {BURST} do not arrive",
            )
            distinct = [len(set(map(seen_as, copies(seen, text)))) for text in texts]
            stage.check(
                "MSG-11",
                counts == distinct if what == "sender" else max(counts) < 2,
                f"A message of a burst {where} {what} more than once",
                "once",
                f"{sum(count > 1 for count in counts)} of {BURST} arrive more than once",
            )
        times = [stored.count(text) for text in texts]
        stage.check(
            "MSG-11",
            0 not in times,
            "Not every message of a burst stands in the history",
            f"all {BURST}",
            f"{times.count(0)} of {BURST} are missing",
        )
        stage.check(
            "MSG-11",
            max(times) < 2,
            "A message of a burst stands in the history more than once",
            "once",
            f"{sum(count > 1 for count in times)} of {BURST} stand there more than once",
        )


def seen_as(message: Any) -> tuple[str | None, int | None]:
    """What tells a confirmation from news about the same message."""
    return message_id(message), messages.status_rank(message)


@requirement("MSG-12")
def test_what_was_sent_to_someone_offline_is_there_when_they_come_back(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    (sending,) = stage.connect(sender)
    away, cut = stage.text("while you were away"), stage.text("while your line was cut")
    stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": away})
    stage.history_with(sender, recipient, [away])
    (receiving,) = stage.connect(recipient)
    stage.drop(receiving)
    stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": cut})
    stage.history_with(sender, recipient, [away, cut])
    stage.connect(recipient)
    history = [messages.text(one) for one in stage.history_of(recipient, sender)]
    for text, when in ((away, "is not connected"), (cut, "has just lost the connection")):
        stage.check(
            "MSG-12",
            history.count(text) == 1,
            f"What is sent to someone who {when} does not stand in the history once",
            "once",
            f"{history.count(text)} times",
        )
