"""Sees whether anything came of messages that were refused (SEND-12, CHAT-06, AUTH-08)."""

import json
import secrets
from typing import Any

from conformance.judging.messages import attachment, by_id, text, user_id
from conformance.judging.messages import member as part
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import FENCE, Stage
from conformance.wire.http import Exchange


class Witness:
    """Listens at the sockets of a sender and a recipient, and knows what stood in their history.

    Messages that are to be refused carry a `mark`, by which they are known again whatever the
    backend makes of them.
    """

    def __init__(self, stage: Stage, sender: Actor, recipient: Actor) -> None:
        self._stage = stage
        self._sender = sender
        self._recipient = recipient
        self._marks: list[str] = []
        self._knows_empty_ones = True
        self._no_sockets: str | None = None
        try:
            self._connections = stage.connect(recipient, sender)
        except Blocked as blocked:
            # What is stored can be seen all the same.
            self._connections, self._no_sockets = [], str(blocked)
        self._since = [connection.mark() for connection in self._connections]
        self._before = set(by_id(stage.history_of(sender, recipient)))

    def mark(self) -> str:
        """15 digits that stand nowhere else; as a number they are one that every reader keeps."""
        mark = str(10**14 + secrets.randbelow(9 * 10**14))
        self._marks.append(mark)
        return mark

    def heed(self, answer: Exchange) -> None:
        """Forgets the marks of a request that was not refused: what came of it is no trace of a
        refused one, but of whatever let it through.
        """
        if answer.status is not None and answer.status >= 400:
            return
        sent = (answer.request_body or b"").decode("utf-8", "replace")
        marks = [mark for mark in self._marks if mark in sent]
        self._knows_empty_ones = self._knows_empty_ones and bool(marks)
        self._marks = [mark for mark in self._marks if mark not in marks]

    def judge(self, requirement: str, refused: str = "A refused message") -> None:
        """Judges that nothing bearing a mark, and no empty message, was delivered or stored.

        `refused` begins the summary of a finding.
        """
        stage = self._stage
        # What was refused was answered before, so a message that is sent now comes after it.
        fence = stage.text(FENCE)
        stage.created(self._sender.send(self._recipient, text=fence))
        if self._connections:
            stage.await_message(self._connections[0], text=fence, since=self._since[0])
        stage.settle(*self._connections)
        events = [
            received
            for connection, since in zip(self._connections, self._since, strict=True)
            for received in connection.received("receiveMessage", since)
            if received.args and self._is_trace(received.args[0])
        ]
        stage.check(
            requirement,
            not events,
            f"{refused} is delivered",
            "no receiveMessage for it",
            events[0] if events else "",
        )
        stored = [
            message
            for reader, other in (
                (self._recipient, self._sender),
                (self._sender, self._recipient),
            )
            for id, message in by_id(stage.history_of(reader, other)).items()
            if id not in self._before and self._is_trace(message)
        ]
        stage.check(
            requirement,
            not stored,
            f"{refused} is stored",
            "it stands in no history",
            stored[0] if stored else "",
        )
        if self._no_sockets is not None:
            stage.untestable(requirement, f"whether it is delivered: {self._no_sockets}")

    def _is_trace(self, message: Any) -> bool:
        shown = json.dumps(message, default=repr)
        if any(mark in shown for mark in self._marks):
            return True
        if not self._knows_empty_ones:
            return False
        ours = user_id(part(message, "sender")) == self._sender.id
        theirs = user_id(part(message, "recipient")) == self._recipient.id
        return ours and theirs and text(message) == "" and attachment(message) is None
