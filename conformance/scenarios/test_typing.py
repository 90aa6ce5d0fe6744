"""Typing as events (notes, section 4.2)."""

from collections.abc import Callable, Iterator

from conformance.judging.messages import member, message_id, same_id
from conformance.scenarios import requirement
from conformance.scenarios.props.intruders import claims, liars
from conformance.scenarios.props.lifeline import Lifeline
from conformance.scenarios.props.payloads import Payload, invalid_notices
from conformance.stage.stage import Stage, is_fence
from conformance.stage.world import Actor
from conformance.wire.sockets import Connection, Received

STATES = (("typing", True), ("stopTyping", False))
"""The events, in the order in which a client sends them, and what they say."""


def tells(typist: Actor, state: bool) -> Callable[[tuple[object, ...]], bool]:
    """Tells the arguments of a typingStatus that says this about this user."""
    return lambda args: (
        bool(args)
        and same_id(member(args[0], "senderId"), typist.id)
        and member(args[0], "isTyping") is state
    )


def notices(connection: Connection, since: int, *typists: Actor) -> Iterator[Received]:
    """What a socket has heard about the typing of these users."""
    for one in connection.received("typingStatus", since):
        if any(tells(typist, state)(one.args) for typist in typists for _, state in STATES):
            yield one


@requirement("TYPE-01", "TYPE-02")
def test_typing_is_told_to_the_recipient_alone(stage: Stage) -> None:
    typist, recipient, _ = stage.cast()
    others = stage.bystanders(typist, recipient)
    second, typing, receiving, *watching = stage.connect(typist, typist, recipient, *others)

    # From here on the others are people to whom the typist has written before.
    for other, socket in zip(others, watching, strict=True):
        told_of(stage, typing, typist, socket, other)
    stage.fence(typing, typist, *zip(watching, others, strict=True))

    def strays() -> list[Received]:
        marks = [connection.mark() for connection in (typing, second, *watching)]
        told_of(stage, typing, typist, receiving, recipient)
        stage.fence(typing, typist, *zip(watching, others, strict=True))
        stage.settle(typing, second)
        return [
            stray
            for connection, since in zip((typing, second, *watching), marks, strict=True)
            for stray in notices(connection, since, typist, recipient)
        ]

    first, again = strays(), strays()
    stage.check(
        "TYPE-02",
        not (first and again),
        "Somebody else than the recipient is told that a user is typing",
        "typingStatus for the recipient alone",
        again[0] if again else "",
    )


@requirement("TYPE-01")
def test_typing_is_told_before_the_first_message(stage: Stage) -> None:
    typist, recipient = stage.untouched()
    typing, receiving = stage.connect(typist, recipient)
    told_of(stage, typing, typist, receiving, recipient)


def told_of(
    stage: Stage, typing: Connection, typist: Actor, receiving: Connection, recipient: Actor
) -> None:
    """Lets a user begin to type and cease, and judges that the recipient is told of both."""
    for event, state in STATES:
        since = receiving.mark()
        stage.emit(typing, event, {"recipientId": recipient.id}, acknowledge=True)
        told = receiving.wait_for(
            "typingStatus", tells(typist, state), within=stage.pace.delivery, since=since
        )
        stage.check(
            "TYPE-01",
            told is not None,
            f"{event} does not reach the recipient as typingStatus",
            {"senderId": typist.id, "isTyping": state},
            [one.args for one in receiving.received("typingStatus", since)]
            or f"nothing within {stage.pace.delivery:.0f} s",
        )


@requirement("TYPE-03")
def test_invalid_notices_reach_nobody(stage: Stage) -> None:
    typist, recipient, third = stage.cast()
    (watching,) = stage.connect(third)
    line = Lifeline(stage, "TYPE-03", typist, recipient)

    def strays(state: bool, since: dict[int, int]) -> list[Received]:
        sockets = (line.witness, watching, *line.sockets)
        stage.fence(line.socket, typist, (watching, third))
        stage.settle(*sockets)
        return [
            one
            for socket in sockets
            for one in notices(socket, since.get(id(socket), 0), typist)
            if member(one.args[0], "isTyping") is state
        ]

    def now() -> dict[int, int]:
        return {id(it): it.mark() for it in (line.witness, watching, *line.sockets)}

    for event, state in STATES:
        volleys = list(invalid_notices(event, recipient.id, stage.unknown_id()))
        prepare(line, event)
        since = now()
        for volley in volleys:
            line.fire(event, volley)
        stray = strays(state, since)
        stage.check(
            "TYPE-03",
            announce(line, event),
            f"After invalid payloads of {event} a valid typing is no longer told",
            "typingStatus for the recipient",
            f"nothing within {stage.pace.delivery:.0f} s",
        )
        if not stray:
            continue
        # One by one, to tell which it was, and that it was no event from before.
        for payload in (payload for _, payloads in volleys for payload in payloads):
            prepare(line, event)
            since = now()
            line.fire(event, (payload.flaw, [payload]))
            seen = strays(state, since)
            stage.check(
                "TYPE-03",
                not seen,
                f"{event} with {payload.flaw} is told to somebody",
                "no typingStatus",
                seen[0] if seen else "",
                evidence=payload.steps(event, typist.name),
            )


def prepare(line: Lifeline, event: str) -> None:
    """Makes the event news: a backend may tell of changes only."""
    announce(line, event)
    if event == "typing":
        line.send("stopTyping", Payload("", ({"recipientId": line.recipient.id},)))


def announce(line: Lifeline, event: str) -> bool:
    """Lets the typist say something valid, and returns whether the recipient is told of typing."""
    notice = Payload("", ({"recipientId": line.recipient.id},))
    for _ in range(2):  # The first time the backend may just be disconnecting the typist.
        line.revive(event)
        line.send("stopTyping", notice)
        if line.reaches("typing", notice, "typingStatus", tells(line.sender, True)):
            return True
    return False


@requirement("TYPE-04")
def test_the_token_alone_says_who_types(stage: Stage) -> None:
    typist, recipient, other = stage.cast()
    typing, receiving, watching = stage.connect(typist, recipient, other)

    def lies(where: str, say: Callable[[str, dict[str, object]], object]) -> None:
        since = receiving.mark(), watching.mark(), typing.mark()
        for event, _ in STATES:
            for claim in claims(other):
                say(event, {**claim, "recipientId": recipient.id})
        say("sendMessage", {"recipientId": recipient.id, "text": (text := stage.text("typed"))})
        stage.await_message(receiving, text=text)
        stage.settle(receiving, watching)
        lie = next(
            (
                one
                for socket, mark in zip((receiving, watching, typing), since, strict=True)
                for one in notices(socket, mark, other)
            ),
            None,
        )
        stage.check(
            "TYPE-04",
            lie is None,
            f"Somebody else is taken for the one who types because of {where}",
            f"senderId {typist.id}, to whom the token belongs",
            lie or "",
        )

    lies("a field of the payload", lambda event, body: stage.emit(typing, event, body))
    for where, liar in liars(stage, typist, other):
        lies(where, liar.say)


@requirement("TYPE-05")
def test_typing_stores_nothing(stage: Stage) -> None:
    typist, recipient, _ = stage.cast()
    typing, receiving = stage.connect(typist, recipient)

    def left_behind() -> list[object]:
        before = set(map(message_id, stage.history_of(typist, recipient)))
        for event, _ in STATES:
            for body in ({}, {"text": stage.text(event)}):
                stage.emit(typing, event, {"recipientId": recipient.id, **body})
        stage.fence(typing, typist, (receiving, recipient))
        return [
            one
            for one in stage.history_of(typist, recipient)
            if message_id(one) not in before and not is_fence(one)
        ]

    stored = left_behind() and left_behind()
    stage.check(
        "TYPE-05",
        not stored,
        "Typing leaves something in the history",
        "the history as it was",
        stored,
    )
