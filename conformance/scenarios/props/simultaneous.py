"""Messages that two users send each other at the same moment (SEND-15)."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from conformance.judging.messages import (
    by_id,
    conversation_id,
    member,
    message_id,
    new_message,
    text,
    user_id,
)
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.http import Exchange
from conformance.wire.moments import with_others
from conformance.wire.sockets import Connection


class Crossing:
    """Collects sends, lets them all happen at once, and judges what became of them."""

    def __init__(self, stage: Stage, one: Actor, other: Actor) -> None:
        self._stage = stage
        self._one = one
        self._other = other
        self._senders: dict[str, Actor] = {}
        self._deeds: list[Callable[[], Exchange | None]] = []
        self._awaited: list[tuple[Connection, str]] = []

    def send(self, sender: Actor, recipient: Actor) -> None:
        """A text through /api/messages/send."""
        self._deeds.append(partial(sender.send, recipient, text=self._words(sender)))

    def chat(self, sender: Actor, recipient: Actor) -> None:
        """A text through /api/chat/send."""
        self._deeds.append(partial(sender.chat, recipient, self._words(sender)))

    def emit(self, *ways: tuple[Connection, Connection, Actor, Actor]) -> None:
        """A text as an event for each of these: the sender's socket, the recipient's, sender and
        recipient. One follows the other without a pause, closer than requests ever come.
        """
        payloads: list[tuple[Connection, dict[str, str]]] = []
        for here, there, sender, recipient in ways:
            words = self._words(sender)
            payloads.append((here, {"recipientId": recipient.id, "text": words}))
            self._awaited.append((there, words))

        def deed() -> None:
            with_others()
            for here, payload in payloads:
                self._stage.emit(here, "sendMessage", payload)

        self._deeds.append(deed)

    def happen(self, when: str) -> None:
        """Does it all and judges AUTH-09, SEND-03, SEND-04 and SEND-15. `when` ends summaries."""
        stage, one, other = self._stage, self._one, self._other
        came = stage.together(*self._deeds, before=partial(one.read, other))
        answers = [answer for answer in came if answer is not None]
        for answer in answers:
            summary = f"A message sent at the same moment as others is refused {when}"
            taken = new_message(answer) is not None
            stage.check("SEND-15", taken, summary, "201 with the message", answer)
        for connection, words in self._awaited:
            stage.await_message(connection, text=words)
        returned = list(filter(None, map(new_message, answers)))
        self._judge_returned(returned)
        conversations = {conversation_id(message) for message in returned}
        for reader, read in ((one, other), (other, one)):
            history = stage.history_with(reader, read, self._senders)
            conversations |= self._judge_history(reader, history, when)
        for id in ("SEND-04", "SEND-15"):
            stage.check(
                id,
                len(conversations) == 1,
                f"Messages sent at the same moment land in several conversations {when}",
                "one conversationId",
                sorted(map(str, conversations)),
                cause="conversations made at the same moment",
            )

    def _words(self, sender: Actor) -> str:
        words = self._stage.text("at once")
        self._senders[words] = sender
        return words

    def _judge_returned(self, returned: list[Any]) -> None:
        stage = self._stage
        swapped = [
            message
            for message in returned
            if text(message) in self._senders
            and user_id(member(message, "sender")) != self._senders[text(message)].id
        ]
        stage.check(
            "AUTH-09",
            not swapped,
            "A message sent at the same moment as others has a sender that is not its token's",
            "the caller as sender",
            swapped[0] if swapped else "",
        )
        ids = Counter(map(message_id, returned))
        stage.check(
            "SEND-03",
            all(times == 1 for times in ids.values()),
            "Messages sent at the same moment are returned with the same id",
            "an _id of its own for each",
            ids.most_common(1),
        )

    def _judge_history(
        self, reader: Actor, history: list[dict[str, Any]], when: str
    ) -> set[str | None]:
        """Judges what one of the two reads, and returns the conversations of these messages."""
        stage, senders = self._stage, self._senders
        ours = [message for message in history if text(message) in senders]
        times = Counter(map(text, ours))
        missing = [words for words in senders if words not in times]
        stage.check(
            "SEND-15",
            not missing,
            f"Messages sent at the same moment are lost {when}",
            f"all {len(senders)} in the history",
            f"{reader.name} does not read {', '.join(missing)}",
        )
        repeated = [words for words in times if times[words] > 1]
        stage.check(
            "SEND-15",
            not repeated,
            f"Messages sent at the same moment stand in the history more than once {when}",
            "each once in the history",
            f"{reader.name} reads more than once: {', '.join(repeated)}",
        )
        stage.check(
            "SEND-03",
            len(by_id(ours)) == len(set(map(text, ours))),
            "Messages sent at the same moment stand in the history under the same id",
            "an _id of its own for each",
            Counter(map(message_id, ours)).most_common(1),
        )
        return {conversation_id(message) for message in ours}
