"""How long a text may be is the backend's choice (D5); one that is cut off is another text, and an
address that is cut off leads elsewhere.
"""

from itertools import cycle, islice
from string import ascii_lowercase
from typing import Any

from conformance.judging.messages import (
    attachment,
    member,
    message_id,
    new_message,
    text,
    unwrapped,
)
from conformance.scenarios import requirement
from conformance.scenarios.props import bodies
from conformance.stage.accusing import Blocked
from conformance.stage.stage import Stage
from conformance.wire.sockets import Connection

LENGTHS = (1_000, 5_000)
"""Characters of texts that are refused or kept whole: beyond the widths that columns usually have,
and far below what any server takes for a whole request."""

ADDRESS = 1_000
"""Characters of an address, such as storage services sign them."""


def long_text(stage: Stage, length: int) -> tuple[str, str]:
    """How the text begins, which stands nowhere else, and the whole of it."""
    mark = stage.text("long")
    return mark, f"{mark} {''.join(islice(cycle(ascii_lowercase), length - len(mark) - 1))}"


@requirement("SEND-13", "CHAT-02")
def test_a_long_text_of_a_request_is_refused_or_kept_whole(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    (socket,) = stage.connect(recipient)
    for length in LENGTHS:
        for id, what, by_alias in (("SEND-13", "text", False), ("CHAT-02", "chat message", True)):
            mark, words = long_text(stage, length)
            answer = (
                sender.chat(recipient, words) if by_alias else sender.send(recipient, text=words)
            )
            shown = [("answer", unwrapped(answer.json))] if answer.succeeded else []
            if shown and (kept := message_id(shown[0][1])) is not None:
                stage.await_message(socket, id=kept)  # its absence is judged elsewhere (SEND-14)
            shown += _seen(mark, socket, stage.history_of(recipient, sender))
            for where, message in shown:
                _judge_whole(stage, id, f"A long {what}", words, where, message)
            stage.check(id, True, "")


@requirement("SEND-02")
def test_a_long_address_is_refused_or_kept_whole(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    mark = stage.text("signed")
    short = bodies.attachment(mark.split()[-1])
    url = short["url"] + "".join(islice(cycle(ascii_lowercase), ADDRESS - len(short["url"])))
    answer = sender.send(recipient, text=mark, attachment=short | {"url": url})
    message = new_message(answer)
    shown = [("answer", message)] if message else []
    history = stage.history_of(recipient, sender)
    shown += [("history", one) for one in history if text(one).startswith(mark)]
    for where, one in shown:
        _, came = attachment(one) or ("", "")
        stage.check(
            "SEND-02",
            came == url,
            f"A long address of an attachment is taken and comes back as another in the {where}",
            f"all {len(url)} characters, or a refusal",
            f"{len(came)} characters: {came[:60]}…",
        )
    stage.check("SEND-02", True, "")


@requirement("MSG-01")
def test_a_long_text_of_an_event_is_refused_or_kept_whole(stage: Stage) -> None:
    sender, recipient = stage.cast(2)
    for length in LENGTHS:
        sending, receiving = stage.connect(sender, recipient)
        mark, words = long_text(stage, length)
        stage.emit(sending, "sendMessage", {"recipientId": recipient.id, "text": words})
        try:
            stage.fence(sending, sender, (receiving, recipient))
        except Blocked:
            if not sending.closed:
                raise
            # Too long for the whole connection, which is a way to refuse it.
        history = stage.history_of(recipient, sender)
        for where, message in _seen(mark, receiving, history):
            _judge_whole(stage, "MSG-01", "A long text of an event", words, where, message)
        stage.check("MSG-01", True, "")
        stage.leave(sending)
        stage.leave(receiving)


def _seen(mark: str, socket: Connection, history: list[Any]) -> list[tuple[str, Any]]:
    """Where messages that begin with the mark have come, and what they are."""
    events = [one.args[0] for one in socket.received("receiveMessage") if one.args]
    return [
        (where, message)
        for where, messages in (("event", events), ("history", history))
        for message in messages
        if text(message).startswith(mark)
    ]


def _judge_whole(
    stage: Stage, requirement: str, what: str, words: str, where: str, message: Any
) -> None:
    came = str(member(message, "text"))
    stage.check(
        requirement,
        came == words,
        f"{what} is taken and comes back as another in the {where}",
        f"all {len(words)} characters, or a refusal",
        f"{len(came)} characters: {came[:60]}…",
    )
