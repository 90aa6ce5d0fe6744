"""The chat alias (CHAT)."""

import string
from collections.abc import Iterator
from typing import Any

from conformance.evidence.leading import leading_to
from conformance.judging.causes import ENVELOPE, form_of
from conformance.judging.messages import (
    STATUSES,
    by_id,
    content,
    conversation_id,
    member,
    message_id,
    new_message,
    status_rank,
)
from conformance.scenarios import requirement
from conformance.scenarios.props.bodies import TEXTS, WILDCARDS, wrong_chat_messages
from conformance.scenarios.props.exactness import enveloped, judge_delivery, same_message
from conformance.scenarios.props.freshness import is_fresh
from conformance.scenarios.props.refusals import Refusals
from conformance.scenarios.props.witness import Witness
from conformance.stage.stage import Stage
from conformance.wire.sockets import Connection
from contract import Level

NOT_FOUND = (404,)
OF_ANOTHER_FORM = (404, 400)
"""What has not the form of a public id may be refused for that (D2)."""
FEWEST_DIGITS = 6
"""Digits that a public id needs, so that one with other digits is hardly anybody's."""
FORM_UNKNOWN = (
    "the backend answers 400 to every unknown string, as it may to one that has not the form of "
    f"its public ids; add a user whose public id has {FEWEST_DIGITS} digits or more"
)


@requirement("CHAT-01", "CHAT-02")
def test_a_chat_message_is_a_message_like_any_other(stage: Stage) -> None:
    one, other, third = stage.cast(3)
    first = stage.created(one.send(other, text=stage.text()))
    returned: dict[str, Any] = {}
    # Fields of the other way to send are unknown here, and so ignored (D6).
    unknown = {"text": "not this", "recipientId": third.id}
    for sender, recipient, words, more in (
        (one, other, stage.text(), {}),
        (other, one, stage.text(), {}),
        *((one, other, words, {}) for words in stage.random.sample(TEXTS, 5)),
        (one, other, stage.text(), unknown),
    ):
        body = {"to": recipient.user.public_id, "message": words, **more}
        answer = sender.call("sendChatMessage", json=body)
        message = new_message(answer)
        expected = '201 {"success": true, "data": {"_id": …}}'
        summary = "A valid chat message is not answered 201 with the new message"
        if not stage.check("CHAT-01", message is not None, summary, expected, answer):
            continue
        stage.check(
            "CHAT-01",
            enveloped(stage.world.contract, answer),
            "A new chat message is returned without the envelope",
            expected,
            answer,
            cause=ENVELOPE,
        )
        for holds, what in (
            (content(message)[0] == sender.id, "another sender than the caller"),
            (content(message)[1] == recipient.id, "another recipient than `to` names"),
            (content(message)[2] == words, "another text than `message`"),
            (content(message)[3] is None, "an attachment"),
            (is_fresh(message, answer), "a createdAt that is not now"),
            (status_rank(message) in (0, 1), "another status than sent or delivered"),
            (
                conversation_id(message) == conversation_id(first),
                "another conversation than the pair's",
            ),
        ):
            unknown_status = "status" in what and member(message, "status") not in STATUSES
            stage.check(
                "CHAT-02",
                holds,
                f"A chat message is returned with {what}",
                "the status sent or delivered" if "status" in what else body,
                message,
                cause=form_of("status") if unknown_status else None,
            )
        returned[message_id(message) or ""] = message
    for reader, read in ((one, other), (other, one)):
        stored = by_id(stage.history_of(reader, read))
        for id, message in returned.items():
            stage.check(
                "CHAT-02",
                id in stored and same_message(stored[id], message),
                "A chat message does not stand in the history as it was returned",
                message,
                stored.get(id, "not there"),
                evidence=leading_to(stage.evidence, message),
            )
    if not returned:
        stage.untestable("CHAT-02", "no chat message was accepted")


@requirement("CHAT-03", "CHAT-06")
def test_a_chat_message_to_nobody_is_refused(stage: Stage) -> None:
    sender, other = stage.cast(2)
    witness = Witness(stage, sender, other)
    known = {name for user in stage.world.everyone for name in (user.id, user.public_id)}
    longest = max((user.public_id for user in stage.world.everyone), key=_digits)
    shown = False
    for what, name, fair in _nobodies(stage, longest):
        if name in known:
            continue
        answer = sender.chat(name, witness.mark())
        witness.heed(answer)
        stage.answered("CHAT-03", answer, fair, f"A chat message to {what} is not answered 404")
        shown = shown or fair == NOT_FOUND or answer.status != 400
    if not shown:
        stage.untestable("CHAT-03", FORM_UNKNOWN)
    witness.judge("CHAT-06")


def _digits(public_id: str) -> int:
    return sum(letter.isdigit() for letter in public_id)


def _nobodies(stage: Stage, public_id: str) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Strings that are nobody's public id, and the fair answers: what has not the form of one may
    be refused for that.
    """
    yield "a public id that nobody has", f"NOBODY{stage.unknown_id()}", OF_ANOTHER_FORM
    yield "an ObjectId that nobody has", stage.unknown_id(), OF_ANOTHER_FORM
    yield "the beginning of a known public id", public_id[:-1], OF_ANOTHER_FORM
    if _digits(public_id) >= FEWEST_DIGITS:
        other = "".join(
            stage.random.choice(string.digits) if letter.isdigit() else letter
            for letter in public_id
        )
        yield "a public id that nobody has, in the form of a known one", other, NOT_FOUND
    for wildcard in WILDCARDS:
        named = f"{public_id[:-1]}{wildcard}"
        yield f"a known public id whose last letter is {wildcard}", named, OF_ANOTHER_FORM
    yield "a pattern that matches every id", ".*", OF_ANOTHER_FORM
    yield "a pattern that matches every id in SQL", "%", OF_ANOTHER_FORM
    yield "a condition that is always true in SQL", "' OR '1'='1", OF_ANOTHER_FORM


@requirement("CHAT-04", "CHAT-06")
def test_a_wrong_chat_message_is_refused_and_leaves_nothing(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    witness = Witness(stage, sender, recipient)
    refusals = Refusals(stage, "a chat message")
    for wrong in wrong_chat_messages(recipient.user.public_id, witness.mark):
        if refusals.hopeless(wrong.requirement):
            continue
        answer = sender.call("sendChatMessage", json=wrong.body)
        witness.heed(answer)
        refusals.add(wrong.requirement, wrong.flaw, answer)
    refusals.judge()
    witness.judge("CHAT-06")


@requirement("CHAT-05")
def test_a_chat_message_reaches_the_sockets_of_both(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    theirs, ours = stage.connect(recipient, sender)
    message = stage.created(sender.chat(recipient, stage.text()), "CHAT-01")
    sockets: tuple[tuple[Connection, str, Level], ...] = (
        (theirs, "recipient", "must"),
        (ours, "sender", "should"),
    )
    for socket, who, level in sockets:
        judge_delivery(stage, "CHAT-05", socket, who, message, level)
