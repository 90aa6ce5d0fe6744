"""Sending by request (SEND)."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import Any

from conformance.judging.causes import ENVELOPE, form_of, of_refusal
from conformance.judging.messages import (
    STATUSES,
    by_id,
    content,
    conversation_id,
    member,
    message_id,
    new_message,
    same_id,
    status_rank,
    text,
    unwrapped,
    user_id,
)
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import ATTACHMENT_TYPES, TEXTS, attachment, wrong_messages
from conformance.scenarios.props.exactness import difference, enveloped, judge_delivery
from conformance.scenarios.props.freshness import is_fresh
from conformance.scenarios.props.refusals import Refusals
from conformance.scenarios.props.simultaneous import Crossing
from conformance.scenarios.props.witness import Witness
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.http import Exchange, encode_json
from conformance.wire.pieces import in_two
from conformance.wire.sockets import Connection
from contract import Level

Message = dict[str, Any]

EXPECTED = {
    "a createdAt that is not now": "a createdAt of now",
    "another status than sent or delivered": "the status sent or delivered",
}
"""What is expected where the body says nothing of it."""


@requirement("SEND-01", "SEND-02", "SEND-03", "SEND-05", "SEND-06")
def test_a_message_is_what_was_sent_and_stands_in_both_histories(stage: Stage) -> None:
    """A text alone, and each type of attachment with a text, with an empty one and without."""
    sender, recipient = stage.cast(2)
    bodies: list[dict[str, Any]] = [{"text": stage.text()}] * 2  # said twice, they are two
    for type, words in product(ATTACHMENT_TYPES, (stage.text(), "", None)):
        body: dict[str, Any] = {"attachment": attachment(stage.text("a").split()[1], type)}
        bodies.append(body if words is None else body | {"text": words})
    returned: dict[str, Message] = {}
    refused: dict[tuple[str, str | None], Exchange] = {}
    for body in bodies:
        answer = sender.send(recipient, **body)
        message = new_message(answer)
        kind = _kind(body)
        if message is None:
            refused[_words(body), member(body.get("attachment"), "type")] = answer
            continue
        stage.check("SEND-06" if "attachment" in body else "SEND-01", True, "")
        stage.check(
            "SEND-01",
            enveloped(stage.world.contract, answer),
            "A new message is returned without the envelope",
            '201 {"success": true, "data": {"_id": …}}',
            answer,
            cause=ENVELOPE,
        )
        wanted = (sender.id, recipient.id, *content(body)[2:])
        for holds, what in (
            (content(message)[0] == wanted[0], "another sender than the caller"),
            (content(message)[1] == wanted[1], "another recipient than the one named"),
            (content(message)[2] == wanted[2], "another text"),
            (content(message)[3] == wanted[3], "another attachment"),
            (is_fresh(message, answer), "a createdAt that is not now"),
            (status_rank(message) in (0, 1), "another status than sent or delivered"),
        ):
            of_content = what in ("another text", "another attachment")
            summary = f"{kind if of_content else 'A message'} is returned with {what}"
            expected = EXPECTED.get(what, body)
            stage.check("SEND-02", holds, summary, expected, message, cause=_cause(message, what))
            if "attachment" in body and of_content:
                stage.check("SEND-06", holds, summary, body, message)
        id = message_id(message) or ""
        stage.check(
            "SEND-03", id not in returned, "Two messages have the same id", "a new _id", message
        )
        returned[id] = message
    _judge_refused(stage, refused)
    for reader, other in ((sender, recipient), (recipient, sender)):
        stored = by_id(stage.history_of(reader, other))
        for id, message in returned.items():
            stage.check(
                "SEND-05",
                id in stored,
                f"{_kind(message)} does not stand in the history under its id",
                "the message that was returned",
                message,
            )
            if id in stored:
                differs = difference(stored[id], message)
                stage.check(
                    "SEND-05",
                    differs is None,
                    f"{_kind(message)} has another {differs} in the history than in the answer",
                    message,
                    stored[id],
                )


def _kind(body: Message) -> str:
    kind = member(body.get("attachment"), "type")
    if kind is None:
        return "A text"
    article = "An" if kind == "image" else "A"
    return f"{article} {kind} {'with a text' if text(body) else 'without a text'}"


def _words(body: Message) -> str:
    return "with a text" if text(body) else "without a text"


def _cause(message: Message, what: str) -> str | None:
    """A status that is none of the contract's breaks the schemas as well."""
    unknown = member(message, "status") not in STATUSES
    return form_of("status") if "status" in what and unknown else None


def _judge_refused(stage: Stage, refused: Mapping[tuple[str, str | None], Exchange]) -> None:
    """One finding where no type of attachment is taken, else one for each that is not."""
    told: set[tuple[str, str | None]] = set()
    for (words, type), answer in refused.items():
        whole = type is not None and all((words, each) in refused for each in ATTACHMENT_TYPES)
        if (words, None if whole else type) in told:
            continue
        told.add((words, None if whole else type))
        kind = "An attachment" if whole else f"{'An' if type == 'image' else 'A'} {type}"
        stage.check(
            "SEND-01" if type is None else "SEND-06",
            False,
            f"{'A text' if type is None else f'{kind} {words}'} is not answered 201 with the new "
            "message",
            '201 {"success": true, "data": {"_id": …}}',
            answer,
            cause=of_refusal(answer.request_json),
        )


@requirement("SEND-04")
def test_a_pair_has_one_conversation_and_no_other_pair_has_it(stage: Stage) -> None:
    one, other, third = stage.cast(3)
    ours = [
        stage.created(one.send(other, text=stage.text())),
        stage.created(other.send(one, text=stage.text())),
        stage.created(one.send(other.id.upper(), text=stage.text())),
    ]
    for sender, recipient in ((one, other), (other, one)):
        ours.append(stage.created(sender.chat(recipient, stage.text())))
    answer = one.send(other, text=stage.text(), conversationId=stage.unknown_id())
    if (message := new_message(answer)) is not None:
        ours.append(message)  # unknown fields are judged elsewhere (AUTH-09)
    pairs = [ours]
    for here, there in ((one, third), (other, third)):
        # Whichever of a pair an id is taken from, two of these pairs have that user in common.
        if {here, there} != set(stage.untouched()):
            both = ((here, there), (there, here))
            pairs.append([stage.created(a.send(b, text=stage.text())) for a, b in both])
    conversations = [set(map(conversation_id, sent)) for sent in pairs]
    for ids in conversations:
        stage.check(
            "SEND-04",
            len(ids) == 1 and None not in ids,
            "The messages of one pair have several conversation ids",
            "one conversationId, whoever writes and whichever way",
            sorted(map(str, ids)),
        )
    for ids, others in combinations(conversations, 2):
        stage.check(
            "SEND-04",
            not ids & others,
            "Two pairs of users have the same conversation id",
            "a conversationId for each pair",
            sorted(map(str, ids & others)),
        )


@requirement("SEND-07", "SEND-08", "SEND-10", "SEND-11", "SEND-12")
def test_a_wrong_message_is_refused_and_leaves_nothing(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    witness = Witness(stage, sender, recipient)
    refusals = Refusals(stage, "a message")
    for wrong in wrong_messages(recipient.id, witness.mark):
        if refusals.hopeless(wrong.requirement):
            continue
        answer = sender.call("sendMessage", json=wrong.body)
        witness.heed(answer)
        refusals.add(wrong.requirement, wrong.flaw, answer)
    refusals.judge()
    witness.judge("SEND-12")


@requirement("SEND-09", "SEND-12")
def test_a_message_to_nobody_is_not_found(stage: Stage) -> None:
    sender, other = stage.cast(2)
    witness = Witness(stage, sender, other)
    nobody = stage.unknown_id()
    for body in ({"text": witness.mark()}, {"attachment": attachment(witness.mark())}):
        known = {"text": stage.text()} if "text" in body else {"attachment": attachment("known")}
        if new_message(sender.send(other, **known)) is None:
            continue  # such a message is refused whoever it is for, which is judged elsewhere
        for id in (nobody, nobody.upper()):
            answer = sender.send(id, **body)
            witness.heed(answer)
            stage.answered(
                "SEND-09", answer, 404, "A message to a user who does not exist is not answered 404"
            )
    witness.judge("SEND-12")


@requirement("SEND-13")
def test_any_text_comes_back_as_it_was_sent(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    (socket,) = stage.connect(recipient)
    sent: dict[str, str] = {}
    for words in TEXTS:
        answer = sender.send(recipient, text=words)
        message = new_message(answer)
        shown = _described(words)
        stage.check(
            "SEND-13",
            message is not None and text(message) == words,
            f"A text of {shown} is refused"
            if message is None
            else f"A text of {shown} does not come back in the answer",
            words,
            answer,
        )
        if (id := message_id(message)) is not None:
            sent[id] = words
    for id, words in sent.items():
        came = stage.await_message(socket, id=id)
        if came is None:
            break  # that nothing is delivered is judged elsewhere (SEND-14)
        stage.check(
            "SEND-13",
            text(came.args[0]) == words,
            f"A text of {_described(words)} does not come back in the event",
            words,
            came,
        )
    stored = by_id(stage.history_of(recipient, sender))
    for id, words in sent.items():
        if id in stored:
            stage.check(
                "SEND-13",
                text(stored[id]) == words,
                f"A text of {_described(words)} does not come back in the history",
                words,
                stored[id],
            )


@requirement("SEND-13", "CHAT-02")
def test_a_text_comes_back_whole_when_its_request_comes_in_pieces(stage: Stage) -> None:
    sender, recipient = stage.cast(2)

    def read() -> None:
        # The first piece is with the backend, which reads it before it answers what came later.
        # Twice, as it may have answered once when it has only taken the connection.
        for _ in range(2):
            recipient.read(sender)

    def meanwhile() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(read)

    words = f"{stage.text('in pieces')} née 🎵"
    to, public = recipient.id, recipient.user.public_id
    for id, operation, what, body in (
        ("SEND-13", "sendMessage", "text", {"recipientId": to, "text": words}),
        ("CHAT-02", "sendChatMessage", "chat message", {"to": public, "message": words}),
    ):
        for letter in "é🎵":
            with in_two(encode_json(body).index(letter.encode()) + 1, meanwhile):
                answer = sender.call(operation, json=body)
            # Whether such a text is taken at all is judged where requests are whole.
            message = new_message(answer)
            stage.check(
                id,
                message is None or text(message) == words,
                f"A {what} does not come back whole when its request comes in two pieces, cut "
                "inside a letter",
                words,
                answer,
            )


def _described(words: str) -> str:
    """A text in a summary: which of them it is, in letters that every terminal has."""
    shown = json.dumps(words)[1:-1]
    return f'"{shown[:40]}{"…" * (len(shown) > 40)}"'


@requirement("SEND-14")
def test_a_message_reaches_the_sockets_of_both(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    theirs, ours = stage.connect(recipient, sender)
    for body in (
        {"text": stage.text()},
        {"text": stage.text(), "attachment": attachment("shown", "video")},
        {"attachment": attachment(stage.text("alone").split()[1], "file")},
    ):
        message = stage.created(sender.send(recipient, **body))
        levels: tuple[tuple[Connection, str, Level], ...] = (
            (theirs, "recipient", "must"),
            (ours, "sender", "should"),
        )
        for socket, who, level in levels:
            judge_delivery(stage, "SEND-14", socket, who, message, level)


@undisturbed
@requirement("SEND-15", "SEND-03")
def test_messages_at_the_same_moment_are_all_kept(stage: Stage) -> None:
    one, other = stage.cast(2)
    stage.created(one.send(other, text=stage.text("before")))
    crossing = Crossing(stage, one, other)
    for sender, recipient in ((one, other), (other, one)):
        for _ in range(6):
            crossing.send(sender, recipient)
        crossing.chat(sender, recipient)
        crossing.chat(sender, recipient)
    crossing.happen("in a conversation that exists")


@requirement("SEND-16")
def test_what_one_writes_to_oneself_nobody_else_sees(stage: Stage) -> None:
    one, other, third = stage.cast(3)
    for sender, recipient in ((one, other), (other, one), (one, third), (third, one)):
        stage.created(sender.send(recipient, text=stage.text("to another")))
    mine, theirs, thirds = stage.connect(one, other, third)
    private = stage.text("to myself")
    one.send(one, text=f"{private} by request")
    one.chat(one, f"{private} by alias")
    stage.emit(mine, "sendMessage", {"recipientId": one.id, "text": f"{private} by event"})
    stage.fence(mine, one, (theirs, other), (thirds, third))
    leaked = [
        received
        for socket in (theirs, thirds)
        for received in socket.received("receiveMessage")
        if received.args and private in text(received.args[0])
    ]
    stage.check(
        "SEND-16",
        not leaked,
        "A message to oneself is delivered to another",
        "no receiveMessage for anybody else",
        leaked[0] if leaked else "",
    )
    for reader, read in ((other, one), (third, one), (other, third), (one, other), (one, third)):
        seen = [m for m in stage.history_of(reader, read) if private in text(m)]
        stage.check(
            "HIST-03" if reader is one else "SEND-16",
            not seen,
            "A message to oneself stands in a history with another",
            "it stands in no other history",
            seen[0] if seen else "",
        )
    _judge_own_history(stage, one)


def _judge_own_history(stage: Stage, one: Actor) -> None:
    answer = one.read(one)
    messages = unwrapped(answer.json)
    foreign = [
        message
        for message in (messages if answer.succeeded and isinstance(messages, list) else [])
        if not all(
            same_id(user_id(member(message, name)), one.id) for name in ("sender", "recipient")
        )
    ]
    stage.check(
        "SEND-16",
        not foreign,
        "Reading one's own id shows messages with others",
        "messages to oneself, an empty array, or a refusal",
        foreign[0] if foreign else "",
    )
