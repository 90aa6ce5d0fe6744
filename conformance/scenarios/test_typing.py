"""Typing as events (notes, section 4.2).

A backend may end typing by itself, say when a message is sent or after a second (D14). So that
somebody has ceased to type counts only where the same traffic without the cause does not show it.
"""

from collections.abc import Callable, Iterator

from conformance.judging.messages import member, message_id, same_id
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.intruders import claims, liars
from conformance.scenarios.props.lifeline import Lifeline
from conformance.scenarios.props.payloads import Payload, Volley, invalid_notices
from conformance.stage.accusing import shown
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage, is_fence
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


def says_typing(notice: Received) -> bool:
    """Whether a notice says that somebody is typing."""
    return member(notice.args[0], "isTyping") is True


@requirement("TYPE-01", "TYPE-02")
def test_typing_is_told_to_the_recipient_alone(stage: Stage) -> None:
    typist, recipient, _ = stage.cast()
    others = stage.bystanders(typist, recipient)
    second, typing, receiving, *watching = stage.connect(typist, typist, recipient, *others)

    # From here on the others are people to whom the typist has written before.
    for other, socket in zip(others, watching, strict=True):
        told_of(stage, typing, typist, socket, other)
    stage.fence(typing, typist, *zip(watching, others, strict=True))

    def strays(cause: Callable[[], object]) -> list[tuple[Connection, Received]]:
        marks = [connection.mark() for connection in (typing, second, *watching)]
        cause()
        stage.fence(typing, typist, *zip(watching, others, strict=True))
        stage.settle(typing, second)
        return [
            (connection, stray)
            for connection, since in zip((typing, second, *watching), marks, strict=True)
            for stray in notices(connection, since, typist, recipient)
        ]

    def types() -> None:
        told_of(stage, typing, typist, receiving, recipient)

    def begins() -> None:
        stage.emit(typing, "typing", {"recipientId": recipient.id})

    first, again = strays(types), strays(types)
    found = [(socket, stray) for socket, stray in again if first and says_typing(stray)]
    twice = {id(socket) for socket, _ in first}
    ended = [
        (socket, stray) for socket, stray in again if id(socket) in twice and not says_typing(stray)
    ]
    if ended and not found and all(says_typing(stray) for _, stray in strays(begins)):
        found = ended
    stage.check(
        "TYPE-02",
        not found,
        "Somebody else than the recipient is told that a user is typing",
        f"typingStatus for {recipient.name} alone",
        f"{found[0][0].actor} gets {shown(found[0][1])}" if found else "",
    )
    _judge_ceasing_for_one(stage, typing, typist, (receiving, recipient), (watching[0], others[0]))


def _judge_ceasing_for_one(
    stage: Stage,
    typing: Connection,
    typist: Actor,
    one: tuple[Connection, Actor],
    other: tuple[Connection, Actor],
) -> None:
    """Judges that who types to two users and ceases for the first goes on for the other."""
    (here, recipient), (there, _) = one, other

    def heard(socket: Connection, state: bool, since: int) -> bool:
        within = stage.pace.delivery
        came = socket.wait_for("typingStatus", tells(typist, state), within=within, since=since)
        return came is not None

    def types_to_both() -> list[int] | None:
        """What each of them had heard when told of it; None where one is not, which is judged
        elsewhere.
        """
        for _, actor in (one, other):  # A backend may tell of changes only.
            stage.emit(typing, "stopTyping", {"recipientId": actor.id})
        marks = []
        for socket, actor in (one, other):
            since = socket.mark()
            stage.emit(typing, "typing", {"recipientId": actor.id})
            if not heard(socket, True, since):
                return None
            marks.append(socket.mark())
        return marks

    def strays(ceases: bool) -> list[Received]:
        """What the other is told of an end, where the first is told of it as well."""
        marks = types_to_both()
        if marks is None:
            return []
        if ceases:
            stage.emit(typing, "stopTyping", {"recipientId": recipient.id})
            ended = stage.check(
                "TYPE-01",
                heard(here, False, marks[0]),
                "stopTyping does not reach the recipient as typingStatus while its sender types to "
                "another",
                {"senderId": typist.id, "isTyping": False},
                [it.args for it in notices(there, marks[1], typist)],
            )
            if not ended:
                return []
        stage.settle(there)
        return [it for it in notices(there, marks[1], typist) if not says_typing(it)]

    ended = strays(ceases=True)
    if ended:  # It may have ended by itself.
        ended = [] if strays(ceases=False) else strays(ceases=True)
    for _, actor in (one, other):  # Nobody types for ever.
        stage.emit(typing, "stopTyping", {"recipientId": actor.id})
    stage.check(
        "TYPE-02",
        not ended,
        "stopTyping for one user is told to another to whom its sender types",
        f"typingStatus with isTyping false for {recipient.name} alone",
        ended[0] if ended else "",
    )


@requirement("TYPE-01")
def test_typing_is_told_before_the_first_message(stage: Stage) -> None:
    typist, recipient = stage.untouched()
    typing, receiving = stage.connect(typist, recipient)
    told_of(stage, typing, typist, receiving, recipient)


@requirement("TYPE-01")
def test_typing_to_an_id_in_capitals_is_told(stage: Stage) -> None:
    typist, recipient = stage.cast(2)
    typing, receiving = stage.connect(typist, recipient)
    told_of(stage, typing, typist, receiving, recipient)  # else the case is not what it is about
    capitals = recipient.id.upper()
    if capitals == recipient.id:
        return
    told_of(stage, typing, typist, receiving, recipient, capitals, " to an id in capitals")


def told_of(
    stage: Stage,
    typing: Connection,
    typist: Actor,
    receiving: Connection,
    recipient: Actor,
    named: str | None = None,
    how: str = "",
) -> None:
    """Lets a user begin to type and cease, and judges that the recipient is told of both; `named`
    is how the recipient's id is spelt, and `how` says so.
    """
    for event, state in STATES:
        since = receiving.mark()
        stage.emit(typing, event, {"recipientId": named or recipient.id}, acknowledge=True)
        told = receiving.wait_for(
            "typingStatus", tells(typist, state), within=stage.pace.delivery, since=since
        )
        stage.check(
            "TYPE-01",
            told is not None,
            f"{event}{how} does not reach the recipient as typingStatus",
            {"senderId": typist.id, "isTyping": state},
            [one.args for one in receiving.received("typingStatus", since)]
            or f"nothing within {stage.pace.delivery:.0f} s",
        )


@undisturbed
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

    def after(event: str, state: bool, *volleys: Volley) -> list[Received]:
        if state:
            # News: a backend may tell of changes only.
            announce(line, event)
            line.send("stopTyping", Payload("", ({"recipientId": recipient.id},)))
        since = now()
        for volley in volleys:
            line.fire(event, volley)
        return strays(state, since)

    # Nobody types while stopTyping is judged, so that no typing can end by itself.
    for event, state in reversed(STATES):
        volleys = list(invalid_notices(event, recipient.id, stage.unknown_id()))
        nothing: Volley = ("nothing", [])
        stray = after(event, state, *volleys)
        # One by one, to tell which it was, and that it was no event from before.
        suspects = (payload for _, payloads in volleys for payload in payloads)
        for payload in suspects if stray and not after(event, state, nothing) else ():
            alone: Volley = (payload.flaw, [payload])
            seen = after(event, state, alone)
            if seen and not state:
                seen = [] if after(event, state, nothing) else after(event, state, alone)
            stage.check(
                "TYPE-03",
                not seen,
                f"{event} with {payload.flaw} is told to somebody",
                "no typingStatus",
                seen[0] if seen else "",
                evidence=payload.steps(event, typist.name),
            )
        stage.check(
            "TYPE-03",
            announce(line, event),
            f"After invalid payloads of {event} a valid typing is no longer told",
            "typingStatus for the recipient",
            f"nothing within {stage.pace.delivery:.0f} s",
        )


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

    def told(say: Callable[[str, dict[str, object]], object], *events: str) -> list[Received]:
        since = receiving.mark(), watching.mark(), typing.mark()
        for event in events:
            for claim in claims(other):
                say(event, {**claim, "recipientId": recipient.id})
        say("sendMessage", {"recipientId": recipient.id, "text": (text := stage.text("typed"))})
        stage.await_message(receiving, text=text)
        stage.settle(receiving, watching)
        return [
            one
            for socket, mark in zip((receiving, watching, typing), since, strict=True)
            for one in notices(socket, mark, other)
        ]

    def lies(where: str, say: Callable[[str, dict[str, object]], object]) -> None:
        events = [event for event, _ in STATES]
        heard = told(say, *events)
        found = [one for one in heard if says_typing(one)]
        if heard and not found:
            # What somebody has typed before may just have ended by itself.
            found = [] if told(say) else told(say, *events)
        stage.check(
            "TYPE-04",
            not found,
            f"Somebody else is taken for the one who types because of {where}",
            f"senderId {typist.id}, to whom the token belongs",
            found[0] if found else "",
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
