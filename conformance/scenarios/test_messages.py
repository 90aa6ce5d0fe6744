"""Messages as events (notes, section 4.2): who gets them, how often, in which order."""

from typing import Any

from conformance.judging import messages
from conformance.judging.audience import MORE_THAN_ONCE
from conformance.judging.messages import member, message_id
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import TEXTS, attachment
from conformance.scenarios.props.seen import copies, distinct, judge_leaks
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sockets import Connection

IN_ORDER = 20
"""Messages one user sends in a row."""
BURST = 40
"""Messages each of two users sends at once."""
MOST_AT_ONCE = 12
"""How many times as long as for one message is waited for many, as long as they keep coming."""


@requirement("MSG-01", "MSG-02", "MSG-03", "MSG-04", "MSG-13")
def test_a_message_reaches_both_sides_once_and_nobody_else(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    others = stage.bystanders(sender, recipient)
    sending, receiving, *watching = stage.connect(sender, recipient, *others)
    # The second time the others are people to whom the sender has written before.
    for file in (None, attachment(stage.text("").strip())):
        text = stage.text()
        said = {"text": text, **({"attachment": file} if file else {})}
        emission = stage.emit(
            sending, "sendMessage", {"recipientId": recipient.id, **said}, acknowledge=True
        )
        delivered = stage.await_message(receiving, text=text)
        stage.need(
            "MSG-01",
            delivered is not None,
            "A message does not reach its connected recipient",
            "receiveMessage on the recipient's socket",
            f"nothing within {stage.pace.delivery:.0f} s",
        )
        confirmed(stage, sending, text, "A sender")
        stage.fence(sending, sender, *zip(watching, others, strict=True), (receiving, recipient))
        stage.settle(sending)
        message = judge_copies(stage, (sender, sending), (recipient, receiving), said)
        judge_leaks(stage, watching, text)
        in_history(stage, "MSG-04", sender, recipient, message)
        acknowledgement(stage, sending, emission, message)
    # What is refused is acknowledged as refused, if at all; judged when the scenario ends.
    stage.emit(sending, "sendMessage", {"recipientId": recipient.id}, acknowledge=True)
    stage.fence(sending, sender, (receiving, recipient))


@requirement("MSG-01")
def test_any_text_of_an_event_arrives_as_it_was_sent(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    sending, receiving = stage.connect(sender, recipient)
    since = receiving.mark()
    for words in TEXTS:
        stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": words})
    await_all(stage, receiving, list(TEXTS))
    came = [
        messages.text(one.args[0])
        for one in receiving.received("receiveMessage", since)
        if one.args and messages.user_id(member(one.args[0], "sender")) == sender.id
    ]
    lost = [words for words in TEXTS if words not in came]
    stage.check(
        "MSG-01",
        not lost,
        "A text of an event does not arrive as it was sent",
        lost[:1],
        # What came instead, if anything did.
        [words for words in came if words not in TEXTS][:1],
    )


@requirement("MSG-01")
def test_a_message_to_an_id_in_capitals_arrives(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    sending, receiving = stage.connect(sender, recipient)
    for id, how in ((recipient.id, ""), (recipient.id.upper(), " to an id in capitals")):
        text = stage.text()
        stage.emit(sending, "sendMessage", {"recipientId": id, "text": text})
        stage.need(
            "MSG-01",
            stage.await_message(receiving, text=text) is not None,
            f"A message{how} does not reach its connected recipient",
            "receiveMessage on the recipient's socket",
            f"nothing within {stage.pace.delivery:.0f} s",
        )


def confirmed(stage: Stage, sending: Connection, text: str, who: str) -> None:
    """Judges that a sender hears of an own message."""
    stage.check(
        "MSG-02",
        stage.await_message(sending, text=text) is not None,
        f"{who} does not get receiveMessage for the own message",
        "receiveMessage on the sender's socket",
        f"nothing within {stage.pace.delivery:.0f} s",
    )


def judge_copies(
    stage: Stage,
    sender: tuple[Actor, Connection],
    recipient: tuple[Actor, Connection],
    said: dict[str, Any],
) -> Any:
    """Judges what the two have got of a message, and returns what the recipient has."""
    at_sender, at_recipient = (copies(one[1], said["text"]) for one in (sender, recipient))
    stage.check(
        "MSG-01",
        len(at_recipient) == 1,
        MORE_THAN_ONCE,
        "one receiveMessage",
        at_recipient,
    )
    stage.check(
        "MSG-01",
        messages.content(at_recipient[0])
        == (sender[0].id, recipient[0].id, said["text"], messages.attachment(said)),
        "A message does not arrive as it was sent",
        {"sender": sender[0].id, "recipient": recipient[0].id, **said},
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
            cause="the _id of the sender's copy",
        )
        stage.check(
            "MSG-02",
            messages.content(message) == messages.content(at_recipient[0]),
            "The sender's copy of a message says something else than the recipient's",
            at_recipient[0],
            message,
        )
    stage.check(
        "MSG-02",
        distinct(at_sender) == len(at_sender),
        "A sender gets the same receiveMessage more than once on one socket",
        "one receiveMessage",
        at_sender,
    )
    return at_recipient[0]


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


@undisturbed
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
    ordered = [text for text in sent if text in stored]
    stage.check(
        "MSG-10",
        stored == ordered,
        "Messages of one sender stand in the history in another order than they were sent",
        ordered,
        stored,
    )


def await_all(stage: Stage, connection: Connection, texts: list[str]) -> None:
    """Waits until all these messages have arrived. Time is over when none has come for as long as
    one may take: a backend that brings events one by one takes longer for many.
    """
    missing = set(texts)
    end = Deadline(MOST_AT_ONCE * stage.pace.delivery)

    def one_of_them(args: tuple[Any, ...]) -> bool:
        return bool(args) and messages.text(args[0]) in missing

    while missing:
        within = min(stage.pace.delivery, end.left)
        came = connection.wait_for("receiveMessage", one_of_them, within=within)
        if came is None:
            return
        missing.discard(messages.text(came.args[0]))


def among(texts: list[str], seen: list[Any]) -> list[str]:
    """Those of the texts that were seen, in the order in which they were seen first."""
    known = set(texts)
    return list(dict.fromkeys(text for one in seen if (text := messages.text(one)) in known))


@undisturbed
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
            got = [copies(seen, text) for text in texts]
            stage.check(
                "MSG-11",
                all(got) or what == "sender",
                f"Not every message of a burst {where} {what}",
                f"all {BURST}",
                f"{got.count([])} of {BURST} do not arrive",
            )
            twice = [one for one in got if len(one) > (distinct(one) if what == "sender" else 1)]
            stage.check(
                "MSG-11",
                not twice,
                f"A message of a burst {where} {what} more than once",
                "once",
                f"{len(twice)} of {BURST} arrive more than once",
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


@requirement("MSG-11")
def test_the_same_text_twice_is_two_messages(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    sending, receiving = stage.connect(sender, recipient)
    text = stage.text("knock")
    for _ in range(3):
        stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": text})
    stage.fence(sending, sender, (receiving, recipient))
    ids = {message_id(one) for one in copies(receiving, text)}
    stage.check(
        "MSG-11",
        len(ids) == 3,
        "Of messages with the same text one after the other not each is delivered",
        "three messages",
        f"{len(ids)} arrive",
    )
    history = stage.history_with(recipient, sender, ids=ids)
    kept = {message_id(one) for one in history if messages.text(one) == text}
    stage.check(
        "MSG-11",
        len(kept) == 3,
        "Of messages with the same text one after the other not each stands in the history",
        "three messages",
        f"{len(kept)} stand there",
    )


@requirement("MSG-12", "MSG-02")
def test_what_was_sent_to_someone_offline_is_there_when_they_come_back(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    (sending,) = stage.connect(sender)
    away = [stage.text("while you were away") for _ in range(3)]
    for text in away:
        stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": text})
    for text in away:
        confirmed(stage, sending, text, "While the recipient is offline a sender")
    stage.history_with(sender, recipient, away)
    (receiving,) = stage.connect(recipient)
    stage.drop(receiving)
    cut = stage.text("while your line was cut")
    stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": cut})
    stage.history_with(sender, recipient, [cut])
    stage.connect(recipient)
    history = [messages.text(one) for one in stage.history_of(recipient, sender)]
    for texts, when in ((away, "is not connected"), ([cut], "has just lost the connection")):
        stage.check(
            "MSG-12",
            all(history.count(text) == 1 for text in texts),
            f"What is sent to someone who {when} does not stand in the history once",
            "each message once",
            [history.count(text) for text in texts],
        )
