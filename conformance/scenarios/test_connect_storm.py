"""Many connections that come at the same moment, and leave at the same moment (section 4)."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from conformance.judging.messages import member
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.seen import copies
from conformance.scenarios.props.watching import GONE_WITHIN, heard, says
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Closed, Connection
from conformance.wire.transports import NotConnected

TRANSPORTS: tuple[Transport, ...] = ("websocket", "polling", "default", "websocket")
"""The devices of each user."""
MOST_USERS = 4


@dataclass(frozen=True, slots=True)
class Guest:
    """A user who comes with several devices."""

    user: Actor
    sockets: tuple[Connection, ...]


@undisturbed
@requirement("CONN-01", "CONN-04", "MSG-01", "MSG-11", "PRES-02")
def test_many_who_connect_at_the_same_moment_are_all_served(stage: Stage) -> None:
    host, *users = stage.cast(min(MOST_USERS, len(stage.world.actors)))
    (home,) = stage.connect(host)
    since = home.mark()
    guests = storm(stage, users)
    for guest in guests:
        judge_served(stage, host, home, guest)
    judge_departure(stage, home, guests, since)


def storm(stage: Stage, users: list[Actor]) -> list[Guest]:
    """Connects all devices of all users at the same moment and judges that none is refused."""

    def come(user: Actor, transport: Transport) -> Connection | NotConnected:
        try:
            return stage.try_to_connect(user, transport)
        except NotConnected as refusal:
            return refusal

    wanted = [(user, transport) for transport in TRANSPORTS for user in users]
    came = stage.together(*(partial(come, *one) for one in wanted))
    refused = [
        f"{user.name} over {transport}: {it}"
        for (user, transport), it in zip(wanted, came, strict=True)
        if isinstance(it, NotConnected)
    ]
    stage.need(
        "CONN-01",
        not refused,
        "Of many valid tokens that connect at the same moment some are refused",
        f"{len(wanted)} connections",
        f"{len(refused)} refused, {refused[:1]}",
    )
    connections = [it for it in came if isinstance(it, Connection)]
    stage.breathe(connections)
    return [
        Guest(
            user,
            tuple(it for (who, _), it in zip(wanted, connections, strict=True) if who == user),
        )
        for user in users
    ]


def judge_served(stage: Stage, host: Actor, home: Connection, guest: Guest) -> None:
    """Judges that a message reaches the guest's devices, each once, and the other way round."""
    text = stage.text("welcome")
    stage.emit(home, "sendMessage", {"recipientId": guest.user.id, "text": text})
    deadline = Deadline(stage.pace.delivery)
    got = [
        stage.await_message(socket, text=text, within=deadline.left) is not None
        for socket in guest.sockets
        if not socket.closed  # as older ones are where a user has one connection (D15)
    ]
    stage.check(
        "MSG-01",
        any(got),
        "After many have connected at the same moment, a message reaches no socket of one of them",
        "receiveMessage",
        f"nothing within {stage.pace.delivery:.0f} s",
    )
    stage.check(
        "CONN-04",
        all(got),
        "After many have connected at the same moment, some sockets of a user get no messages",
        "receiveMessage on every socket",
        f"{got.count(False)} of {len(got)} get nothing",
        level="should",
    )
    twice = [socket for socket in guest.sockets if len(copies(socket, text)) > 1]
    stage.check(
        "MSG-01",
        not twice,
        "After many have connected at the same moment, a message comes to one socket twice",
        "one receiveMessage per socket",
        f"{len(twice)} sockets get it twice",
    )
    judge_answers(stage, host, home, guest)


def judge_answers(stage: Stage, host: Actor, home: Connection, guest: Guest) -> None:
    """Judges that what the guest sends over each device arrives once."""
    sent: dict[str, Connection] = {}
    for socket in guest.sockets:
        text = stage.text("thank you")
        with suppress(Closed):
            stage.emit_if_open(socket, "sendMessage", {"recipientId": host.id, "text": text})
            sent[text] = socket
    if not sent:
        raise Blocked(f"all connections of {guest.user.name} have ended by themselves")
    deadline = Deadline(stage.pace.delivery)
    lost = [
        text
        for text, socket in sent.items()
        if stage.await_message(home, text=text, within=deadline.left) is None and not socket.closed
    ]
    for holds, what, observed in (
        (not lost, "is lost", f"{len(lost)} of {len(sent)} do not arrive"),
        (
            all(len(copies(home, text)) < 2 for text in sent),
            "arrives twice",
            f"{[len(copies(home, text)) for text in sent]} times",
        ),
    ):
        stage.check(
            "MSG-11",
            holds,
            f"What a user sends over sockets that have connected at the same moment {what}",
            "each message once",
            observed,
        )


def judge_departure(stage: Stage, home: Connection, guests: list[Guest], since: int) -> None:
    """Judges that friends are told in the end that all have gone, of those of whom they were told
    that they came: of others nobody knows whether they are connected elsewhere.
    """
    stage.leave_open("PRES-02")
    watched = [guest for guest in guests if heard(home, guest.user, True, since)]
    since = home.mark()
    stage.together(*(partial(stage.leave, it) for guest in guests for it in guest.sockets))
    deadline = Deadline(GONE_WITHIN + stage.pace.breath + stage.pace.settle)
    for guest in watched:
        told = home.wait_for(
            "userStatus", says(guest.user, False), within=deadline.left, since=since
        )
        left = stage.check(
            "PRES-02",
            told is not None,
            "Friends are not told that a user has left whose sockets left at the same moment",
            {"userId": guest.user.id, "isOnline": False},
            f"nothing within {GONE_WITHIN:.0f} s",
        )
        if not left:
            stage.world.remaining.add(guest.user.id)
    stage.settle(home)
    for guest in watched:
        statuses = [
            member(one.args[0], "isOnline")
            for one in home.received("userStatus", since)
            if says(guest.user, True)(one.args) or says(guest.user, False)(one.args)
        ]
        stage.check(
            "PRES-02",
            True not in statuses[-1:],
            "Of a user whose sockets left at the same moment friends are told last that they came",
            "isOnline false in the end",
            statuses,
        )
