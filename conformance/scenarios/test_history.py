"""Reading what two users have written to each other (HIST)."""

from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

from conformance.judging.causes import ENVELOPE
from conformance.judging.messages import (
    by_id,
    content,
    conversation_id,
    member,
    message_id,
    moment,
    same_id,
    text,
    unwrapped,
    user_id,
)
from conformance.judging.monitors import short
from conformance.scenarios import requirement
from conformance.scenarios.props.bodies import attachment, malformed_ids
from conformance.scenarios.props.exactness import enveloped
from conformance.scenarios.props.refusals import Refusals
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.http import NOT_JSON, Exchange

Message = dict[str, Any]

LONG = 104
"""Messages in a long history: more than 100, the largest page in common use."""
LANES = 8
"""Threads that write it, half of them for each of the two."""


@requirement("HIST-01", "HIST-02", "HIST-03", "HIST-04", "HIST-07", "HIST-09", "HIST-10")
def test_both_read_the_same_history(stage: Stage) -> None:
    """Two users write in turn, by request and alias; both read before, in between and after."""
    one, other, third = stage.cast(3)
    texts: list[str] = []
    read: list[list[Message]] = [stage.history_of(one, other)]
    for sender, recipient in ((one, other), (other, one)):
        words = stage.text("request")
        stage.created(sender.send(recipient, text=words, attachment=attachment("a")))
        texts.append(words)
        words = stage.text("alias")
        stage.created(sender.chat(recipient, words))
        texts.append(words)
        # Reading changes statuses, so a history by time of change would be in another order now.
        read.append(stage.history_of(recipient, sender))
        words = stage.text("capital")
        stage.created(sender.send(recipient.id.upper(), text=words))
        texts.append(words)
    elsewhere = [
        stage.created(one.send(third, text=stage.text("elsewhere"))),
        stage.created(third.send(one, text=stage.text("elsewhere"))),
    ]

    first = stage.history_of(one, other)
    second = stage.history_of(other, one)
    for reader, history in ((one, first), (other, second)):
        _judge_completeness(stage, reader, history, texts)
        _judge_isolation(stage, {one.id, other.id}, history, elsewhere)
        _judge_order(stage, history)
    _judge_equality(stage, first, second, texts)
    _judge_references(stage, [m for m in first if text(m) in texts], (one, other))
    _judge_shape(stage, one.read(other), texts)

    capital = one.read(other.id.upper())
    found = unwrapped(capital.json)
    stage.check(
        "HIST-02",
        capital.succeeded
        and isinstance(found, list)
        and {text(m) for m in found}.issuperset(texts),
        "The history of a user who is named in capital hex digits is not the same",
        f"200 and the {len(texts)} messages",
        capital,
    )
    read += [first, second, stage.history_of(one, other), stage.history_of(other, one)]
    for before, after in pairwise(read):
        kept = {id: _lasting(message) for id, message in by_id(after).items()}
        changed = [m for m in before if kept.get(message_id(m) or "") != _lasting(m)]
        stage.check(
            "HIST-09",
            not changed,
            "A message that was read is another, or gone, when the history is read again",
            "the same messages, but for their status",
            changed[0] if changed else "",
        )


def _judge_completeness(
    stage: Stage, reader: Actor, history: list[Message], texts: list[str]
) -> None:
    times = Counter(text(message) for message in history if text(message) in texts)
    missing = [words.split()[0] for words in texts if not times[words]]
    stage.check(
        "HIST-02",
        not missing,
        "A history lacks messages that the two exchanged",
        f"all {len(texts)}, in both directions",
        f"{reader.name} does not read those sent by: {', '.join(missing)}",
    )
    stage.check(
        "HIST-02",
        all(count == 1 for count in times.values())
        and all(count == 1 for count in Counter(filter(None, map(message_id, history))).values()),
        "A history holds a message more than once",
        "each message once",
        times.most_common(1),
    )


def _judge_isolation(
    stage: Stage, pair: set[str], history: list[Message], elsewhere: list[Message]
) -> None:
    foreign = [
        message
        for message in history
        # Where two pairs have the same ids (SEND-03), the words tell their messages apart.
        if any(
            same_id(message_id(message), message_id(other)) and text(message) == text(other)
            for other in elsewhere
        )
        or {user_id(member(message, "sender")), user_id(member(message, "recipient"))} != pair
    ]
    stage.check(
        "HIST-03",
        not foreign,
        "A history holds messages of another pair of users",
        "only what the two wrote to each other",
        foreign[0] if foreign else "",
    )


def _judge_order(stage: Stage, history: list[Message]) -> None:
    times = [at for message in history if (at := moment(member(message, "createdAt"))) is not None]
    stage.check(
        "HIST-07",
        times == sorted(times),
        "A history is not in the order of createdAt, oldest first",
        "ascending createdAt",
        [member(message, "createdAt") for message in history[:8]],
    )


def _judge_equality(
    stage: Stage, first: list[Message], second: list[Message], texts: list[str]
) -> None:
    mine, theirs = (
        {
            id: (*content(message), conversation_id(message))
            for id, message in by_id(history).items()
            if text(message) in texts
        }
        for history in (first, second)
    )
    different = [
        f"{short(mine.get(id))} and {short(theirs.get(id))}"
        for id in mine | theirs
        if mine.get(id) != theirs.get(id)
    ]
    stage.check(
        "HIST-04",
        not different,
        "Two users read different messages of their conversation",
        "the same ids, texts, attachments and conversationId",
        different[0] if different else "",
    )


def _judge_references(stage: Stage, messages: list[Message], people: tuple[Actor, Actor]) -> None:
    names = {actor.id: actor.user.name for actor in people}
    wrong = [
        reference
        for message in messages
        for reference in (member(message, "sender"), member(message, "recipient"))
        # A bare id is judged as such (HIST-01).
        if isinstance(reference, dict)
        and reference.get("name") != names.get(user_id(reference) or "")
    ]
    stage.check(
        "HIST-10",
        not wrong,
        "A user reference in a history has another name than the user",
        "the users' ids and names as in the target file",
        wrong[0] if wrong else "",
    )


def _judge_shape(stage: Stage, answer: Exchange, texts: list[str]) -> None:
    stage.check(
        "HIST-01",
        answer.succeeded and enveloped(stage.world.contract, answer),
        "A history is answered without the envelope",
        '200 {"success": true, "data": [ … ]}',
        answer,
        cause=ENVELOPE,
    )
    data = member(answer.json, "data") if answer.json is not NOT_JSON else None
    ours = [m for m in data if text(m) in texts] if isinstance(data, list) else []
    bare = [
        message
        for message in ours
        for name in ("sender", "recipient")
        if not isinstance(member(member(message, name), "name"), str)
    ]
    stage.check(
        "HIST-01",
        not bare,
        "Sender and recipient in a history are no user references",
        '{"_id": "…", "name": "…"}',
        bare[0] if bare else "",
    )


def _lasting(message: Message) -> tuple[Any, ...]:
    """What reading does not change."""
    return (*content(message), conversation_id(message), moment(member(message, "createdAt")))


@requirement("HIST-02")
def test_a_long_history_is_whole(stage: Stage) -> None:
    """More messages than the pages that backends like to cut a history into."""
    one, other = stage.cast(2)
    texts = [stage.text("one of many") for _ in range(LONG)]

    def write(words: list[str], sender: Actor, recipient: Actor) -> list[str]:
        return [word for word in words if sender.send(recipient, text=word).succeeded]

    people = ((one, other), (other, one))
    kept = stage.together(
        *(partial(write, texts[lane::LANES], *people[lane % 2]) for lane in range(LANES))
    )
    accepted = [word for words in kept for word in words]
    stage.need(
        "SEND-01",
        bool(accepted),
        "A valid message is not answered 201 with the new message",
        "201",
    )
    for reader, read in people:
        there = {text(message) for message in stage.history_of(reader, read)}
        missing = [word for word in accepted if word not in there]
        stage.check(
            "HIST-02",
            not missing,
            "A long history lacks messages",
            f"all {len(accepted)} messages that were just sent",
            f"{reader.name} does not read {len(missing)} of them",
        )


@requirement("HIST-02", "HIST-04", "SEND-04")
def test_what_was_sent_as_an_event_stands_in_the_same_history(stage: Stage) -> None:
    one, other = stage.cast(2)
    here, there = stage.connect(one, other)
    asked = stage.created(one.send(other, text=stage.text("request")))
    texts = [text(asked)]
    stage.history_of(one, other)  # a backend that keeps what was read has to notice the events
    for connection, far, recipient in ((here, there, other), (there, here, one)):
        words = stage.text("event")
        payload = {"recipientId": recipient.id, "text": words, "attachment": attachment("b")}
        stage.emit(connection, "sendMessage", payload)
        stage.await_message(far, text=words)
        texts.append(words)
    first, second = (
        stage.history_with(reader, read, texts) for reader, read in ((one, other), (other, one))
    )
    for reader, history in ((one, first), (other, second)):
        _judge_completeness(stage, reader, history, texts)
    _judge_equality(stage, first, second, texts)
    conversations = {str(conversation_id(m)) for m in (*first, *second) if text(m) in texts}
    stage.check(
        "SEND-04",
        len(conversations) <= 1,  # that none stands there at all is judged above
        "A message sent as an event is in another conversation than one sent by request",
        "one conversationId",
        sorted(conversations),
    )


@requirement("HIST-02")
def test_what_was_said_twice_stands_there_twice(stage: Stage) -> None:
    one, other = stage.cast(2)
    twice = stage.text("twice")
    for _ in range(2):
        stage.created(one.send(other, text=twice))
    times = [text(message) for message in stage.history_of(other, one)].count(twice)
    stage.check(
        "HIST-02",
        times == 2,
        "Of two messages with the same text a history does not hold both",
        "both",
        f"{times} of them",
    )


@requirement("HIST-03", "HIST-08")
def test_what_others_write_is_in_no_other_history(stage: Stage) -> None:
    """Each of three reads each other one; two of them never wrote to each other."""
    one, other, third = stage.cast(3)
    sent = {
        text(stage.created(sender.send(recipient, text=stage.text("for one")))): {
            sender.id,
            recipient.id,
        }
        for sender, recipient in ((one, other), (other, one), (one, third), (third, one))
    }
    people = (one, other, third)
    for reader in people:
        for read in people:
            if reader is read:
                continue
            history = stage.history_of(reader, read)
            pair = {reader.id, read.id}
            foreign = [m for m in history if sent.get(text(m), pair) != pair]
            stage.check(
                "HIST-03",
                not foreign,
                "A history holds messages of another pair of users",
                "only what the two wrote to each other",
                foreign[0] if foreign else "",
            )
            if pair == {other.id, third.id}:
                stage.check(
                    "HIST-08",
                    not foreign,
                    "Two users who never wrote to each other read messages of others",
                    '{"success": true, "data": []}',
                    foreign[0] if foreign else "",
                )


@requirement("HIST-05")
def test_an_id_that_is_none_is_refused(stage: Stage) -> None:
    actor, other = stage.cast(2)
    refusals = Refusals(stage, "a history")
    for name, id in malformed_ids(other.id):
        if not refusals.hopeless("HIST-05"):
            refusals.add("HIST-05", f"an otherUserId that is {name}", actor.read(id))
    refusals.judge()


@requirement("HIST-06")
def test_a_user_who_does_not_exist_has_no_history(stage: Stage) -> None:
    (actor,) = stage.cast(1)
    stage.answered(
        "HIST-06",
        actor.read(stage.unknown_id()),
        404,
        "The history with a user who does not exist is not answered 404",
    )
