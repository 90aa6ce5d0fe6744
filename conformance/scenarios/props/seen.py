"""What sockets have got of messages."""

import json
from typing import Any

from conformance.judging import messages
from conformance.stage.stage import Stage
from conformance.wire.sockets import Connection, Received


def copies(connection: Connection, text: str) -> list[Any]:
    """The messages with this text that a socket has got."""
    return [
        one.args[0]
        for one in connection.received("receiveMessage")
        if one.args and messages.text(one.args[0]) == text
    ]


def distinct(seen: list[Any]) -> int:
    """How many of these messages say something new: a sender may hear again of a message whose
    status has changed.
    """
    return len({(messages.message_id(one), messages.status_rank(one)) for one in seen})


def mentions(connection: Connection, mark: str) -> Received | None:
    """The first event of any name that contains the mark."""
    return next(
        (one for one in connection.received() if mark in json.dumps(one.args, default=repr)), None
    )


def judge_leaks(stage: Stage, watching: list[Connection], mark: str) -> None:
    """Judges that nothing of a message has come to these sockets, under whatever name (MSG-03)."""
    for connection in watching:
        leak = mentions(connection, mark)
        stage.check(
            "MSG-03",
            leak is None,
            "A message reaches somebody who is neither its sender nor its recipient",
            f"no event that contains {mark}",
            leak or "",
        )
