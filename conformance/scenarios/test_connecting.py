"""Connecting, being refused, and coming back (notes, section 4.1)."""

from dataclasses import replace

from conformance.judging import messages
from conformance.judging.messages import member, same_id
from conformance.judging.monitors import BESIDE_THE_APPLICATION
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.intruders import BOTH, Attempt, doors, knock
from conformance.scenarios.props.seen import copies
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Connection
from contract import Level

TRANSPORTS: tuple[tuple[Transport, str], ...] = (
    ("websocket", "WebSocket alone"),
    ("polling", "polling alone"),
    ("default", "polling with an upgrade"),
)
NOT_THERE = "it came to the newest socket, and not to the older one"
EVENTS = ("receiveMessage", "userStatus", "typingStatus")


def write(stage: Stage, sending: Connection, to: Actor) -> str:
    """Emits a message and returns its text."""
    text = stage.text()
    stage.emit(sending, "sendMessage", {"recipientId": to.id, "text": text})
    return text


@requirement("CONN-01", "MSG-01")
def test_a_valid_token_connects_over_every_transport(stage: Stage) -> None:
    one, other, _ = stage.cast()
    for transport, words in TRANSPORTS:
        here, there = stage.connect(one, other, transport=transport)
        if transport == "default":
            here.await_upgrade(stage.pace.answer)
        for sending, receiving, to in ((here, there, other), (there, here, one)):
            text = write(stage, sending, to)
            got = stage.await_message(receiving, text=text)
            lost = next(filter(None, (it.close_reason for it in (sending, receiving))), "")
            stage.check(
                "CONN-01",
                got is not None or not lost,
                f"A connection over {words} ends by itself",
                "a connection that stays",
                lost,
            )
            stage.check(
                "MSG-01",
                got is not None or bool(lost),
                f"A message does not reach its recipient where both are connected over {words}",
                "receiveMessage",
                f"nothing within {stage.pace.delivery:.0f} s",
            )
        for connection in (here, there):
            stage.leave(connection)


@requirement("CONN-02", "CONN-03", "CONN-05", "ERR-03")
def test_a_client_without_a_good_token_is_refused_and_stays_out(stage: Stage) -> None:
    victim, friend, _ = stage.cast()
    own, theirs = stage.connect(victim, friend)
    queries = list(doors(stage, victim, friend))
    everyone: list[Attempt] = []
    try:
        everyone += (clients := knock(stage, queries))
        before = [replace(it, kind=f"{it.kind}, before it asked to connect,") for it in queries[:2]]
        everyone += (hasty := knock(stage, before, join=False))
        judge_refusals(stage, clients)
        refused = [client for client in clients if client.intruder.refusal is not None]
        if refused:
            judge_exclusion(stage, [*refused, *hasty], (victim, own), (friend, theirs))
        else:
            stage.untestable("CONN-05", "no client was refused")
    finally:
        for client in everyone:
            client.intruder.leave()


def judge_refusals(stage: Stage, clients: list[Attempt]) -> None:
    """Judges that each client is refused: by a connect error, by an HTTP error that is no failure,
    or by being disconnected soon and before any event of the contract (D16).
    """
    for client in clients:
        client.intruder.await_answer()
    # A backend may look at the token after it has connected the client, and disconnect it then.
    deadline = Deadline(stage.pace.delivery)
    for client in clients:
        refused = client.intruder.await_refusal(deadline)
        stage.check(
            client.requirement,
            refused,
            f"A client {client.kind} is connected over {client.transport}"
            if client.intruder.joined
            else f"A client without a good token gets no answer over {client.transport}",
            "a connect error, an HTTP error, or a disconnect before any event",
            f"connected, and still so {stage.pace.delivery:.0f} s later"
            if client.intruder.joined
            else f"neither a connection nor a refusal within {stage.pace.answer:.0f} s",
            evidence=client.steps,
        )
        told = [event for event in client.intruder.heard_as_a_guest if event[0] in EVENTS]
        stage.check(
            client.requirement,
            not (refused and told),
            f"A client {client.kind} gets events over {client.transport} before it is refused",
            "no event of the contract before the disconnect",
            told,
            evidence=client.steps,
        )
        status = client.intruder.status
        stage.check(
            "ERR-03",
            status is None or status < 500 or status in BESIDE_THE_APPLICATION,
            f"The handshake of a client {client.kind} is answered {status} over {client.transport}",
            "a refusal, no 5xx",
            status,
            evidence=client.steps,
        )


def judge_exclusion(
    stage: Stage,
    clients: list[Attempt],
    victim: tuple[Actor, Connection],
    friend: tuple[Actor, Connection],
) -> None:
    """Judges that clients who were refused hear nothing and are not heard (CONN-05)."""
    (user, own), (other, theirs) = victim, friend
    since = theirs.mark()
    for client in clients:
        client.intruder.say("sendMessage", {"recipientId": other.id, "text": client.mark})
        client.intruder.say("typing", {"recipientId": other.id})
    # Events for the user whom they call themselves, in both roles, and a fence both ways.
    for sending, to, receiving in ((theirs, user, own), (own, other, theirs)) * 2:
        text = write(stage, sending, to)
        if stage.await_message(receiving, text=text) is None:
            raise Blocked(f"a message to {to.name} did not arrive")
    stage.emit(theirs, "typing", {"recipientId": user.id})
    stage.emit(theirs, "stopTyping", {"recipientId": user.id})
    stage.fence(theirs, other, (own, user))
    stage.settle(theirs, own)
    stored = [messages.text(one) for one in stage.history_of(other, user)]
    typed = next(
        (it for it in theirs.received("typingStatus", since) if types(it.args, user)), None
    )
    for client in clients:
        who = f"A client that was refused {client.kind} over {client.transport}"
        heard = [name for name, _ in client.intruder.heard if name in EVENTS]
        stage.check(
            "CONN-05",
            not heard,
            f"{who} gets events",
            "no event",
            client.intruder.heard,
            evidence=[],
        )
        stage.check(
            "CONN-05",
            not any((client.mark in stored, *(copies(it, client.mark) for it in (theirs, own)))),
            f"{who} can send a message",
            "nothing stored, nothing delivered",
            client.mark,
            evidence=[],
        )
    stage.check(
        "CONN-05",
        typed is None,
        "A client that was refused can tell others that it is typing",
        "no typingStatus",
        typed or "",
        evidence=[],
    )


def types(args: tuple[object, ...], user: Actor) -> bool:
    """Whether the arguments of a typingStatus say that this user is typing."""
    status = args[0] if args else None
    return same_id(member(status, "senderId"), user.id) and member(status, "isTyping") is True


@requirement("CONN-04", "MSG-01")
def test_every_device_of_a_user_gets_the_events(stage: Stage) -> None:
    sender, recipient, _ = stage.cast()
    aside, sending = stage.connect(sender, sender)
    older, newer = stage.connect(recipient, recipient)
    text = write(stage, sending, recipient)
    served = True
    stage.check(
        "CONN-04",
        stage.await_message(newer, text=text) is not None,
        "The newest of a user's sockets does not get the user's messages",
        "receiveMessage on the newest socket at least",
        f"nothing within {stage.pace.delivery:.0f} s",
        level="must",
    )
    since = newer.mark(), older.mark()
    stage.emit(sending, "typing", {"recipientId": recipient.id})
    typed = stage.check(
        "CONN-04",
        typing_on(newer, sender, since[0], stage.pace.delivery),
        "The newest of a user's sockets does not get typingStatus",
        "typingStatus on the newest socket at least",
        f"nothing within {stage.pace.delivery:.0f} s",
        level="must",
    )
    stage.emit(sending, "stopTyping", {"recipientId": recipient.id})
    # The others have been served in the same moment, or not at all.
    stage.fence(sending, sender, (newer, recipient))
    deadline = Deadline(stage.pace.delivery)
    for connection, newest, whose in ((older, newer, "recipient"), (aside, sending, "sender")):
        got = stage.await_message(connection, text=text, within=deadline.left) is not None
        served = served and (got or whose == "sender")
        if not got and not copies(newest, text):
            continue  # that none of them gets it is judged above, of a sender's elsewhere (MSG-02)
        stage.check(
            "CONN-04",
            got,
            f"An older socket of a message's {whose} does not get it",
            "receiveMessage on every socket",
            NOT_THERE,
            level="should",
        )
    stage.check(
        "CONN-04",
        not typed or typing_on(older, sender, since[1], deadline.left),
        "An older socket of a user does not get typingStatus",
        "typingStatus on every socket",
        NOT_THERE,
        level="should",
    )
    for connection in (older, newer):
        stage.check(
            "MSG-01",
            len(copies(connection, text)) < 2,
            "With two sockets of its recipient a message comes to one of them twice",
            "one receiveMessage per socket",
            f"{len(copies(connection, text))} times",
        )
    (newest,) = stage.connect(recipient)
    stage.leave(older)
    stage.leave(newer)
    still_served(stage, sending, recipient, newest, "When older sockets leave, the newest")
    (last,) = stage.connect(recipient)
    stage.leave(last)
    # Who serves the newest socket alone (D15) may have forgotten the one that was there before.
    level: Level = "must" if served else "should"
    left = "When the newest socket leaves, the one that stays"
    still_served(stage, sending, recipient, newest, left, level)


def typing_on(connection: Connection, typist: Actor, since: int, within: float) -> bool:
    """Whether a socket is told that a user is typing."""
    told = connection.wait_for(
        "typingStatus", lambda args: types(args, typist), within=within, since=since
    )
    return told is not None


def still_served(
    stage: Stage,
    sending: Connection,
    recipient: Actor,
    receiving: Connection,
    who: str,
    level: Level = "must",
) -> None:
    """Judges that a socket still gets messages after others of its user have left."""
    # Twice: that the others have left may be noticed after the first one.
    for _ in range(2):
        text = write(stage, sending, recipient)
        holds = stage.check(
            "CONN-04",
            stage.await_message(receiving, text=text) is not None,
            f"{who} gets no messages any more",
            "receiveMessage",
            f"nothing within {stage.pace.delivery:.0f} s",
            level=level,
        )
        if not holds:
            return
        stage.settle(receiving)


@requirement("CONN-06")
def test_after_a_reconnect_everything_works_as_before(stage: Stage) -> None:
    user, other, _ = stage.cast()
    (theirs,) = stage.connect(other)
    for transport in BOTH:
        for goes, words in ((stage.leave, "a goodbye"), (stage.drop, "a drop")):
            after = f"After {words} and a reconnect over {transport}"
            (first,) = stage.connect(user, transport=transport)
            write(stage, first, other)
            goes(first)
            (again,) = stage.connect(user, transport=transport)
            sent, got = write(stage, again, other), write(stage, theirs, user)
            since = theirs.mark()
            stage.emit(again, "typing", {"recipientId": other.id})
            told = typing_on(theirs, user, since, stage.pace.delivery)
            stage.emit(again, "stopTyping", {"recipientId": other.id})
            waits = f"nothing within {stage.pace.delivery:.0f} s"
            for holds, what in (
                (stage.await_message(theirs, text=sent), "the user's messages arrive nowhere"),
                (stage.await_message(again, text=got), "the user gets no messages"),
                (told, "the user's typing is told to nobody"),
            ):
                stage.check("CONN-06", bool(holds), f"{after} {what}", "as before", waits)
            stage.settle(theirs, again)
            for text, socket, what in ((sent, theirs, "sent"), (got, again, "received")):
                stage.check(
                    "CONN-06",
                    len(copies(socket, text)) < 2,
                    f"{after} a message is {what} more than once",
                    "once",
                    f"{len(copies(socket, text))} times",
                )


@undisturbed
@requirement("CONN-07")
def test_an_event_at_the_very_moment_of_connecting_is_handled(stage: Stage) -> None:
    user, other, _ = stage.cast()
    (theirs,) = stage.connect(other)
    for transport in BOTH:
        hasty = stage.connect_at_once(user, transport)
        text = write(stage, hasty, other)
        stage.check(
            "CONN-07",
            stage.await_message(theirs, text=text) is not None,
            f"A message sent at the moment of connecting over {transport} is lost",
            "it is handled like any other",
            f"nothing within {stage.pace.delivery:.0f} s",
        )
        stage.leave(hasty)
