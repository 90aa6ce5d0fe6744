"""Who is there (notes, section 4.2)."""

import time
from email.utils import parsedate_to_datetime

from conformance.judging.audience import FOR_FRIENDS, NO_FRIEND_IS_TOLD, no_friends
from conformance.judging.messages import member, moment, same_id, user_id
from conformance.scenarios import requirement
from conformance.scenarios.props.intruders import doors, knock
from conformance.scenarios.props.watching import (
    GONE_WITHIN,
    MOST_FRIENDS,
    REMAINING,
    Watch,
    friends_of,
    heard,
    watched,
)
from conformance.stage.accusing import Blocked, shown
from conformance.stage.actor import Actor
from conformance.stage.casting import Untestable
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Connection, Received

CLOCKS = 60.0
"""Seconds by which two clocks may differ (D7)."""
LONGEST_PING = 120.0
"""Seconds of ping timeout beyond which nobody waits for it."""
NOT_TOLD = "A connected friend is not told that a user has come"
MOST_ASKED = 4
"""Users who come and go to find out whether anybody's presence is told."""


class Elsewhere(Untestable):
    """Nobody hears of a user, though of another one. `other` is one of whom all friends hear."""

    def __init__(self, user: Actor, other: Actor) -> None:
        super().__init__(
            f"{user.name} may be connected elsewhere; use users that nobody else is connected as"
        )
        self.other = other


def appear(watch: Watch, transport: Transport = "websocket") -> tuple[Connection, float]:
    """Connects the user, who was offline, and judges that friends are told. Returns the socket and
    when it began to connect, in seconds since the epoch. Raises Elsewhere.
    """
    stage, user = watch.stage, watch.user
    since, began = watch.marks(), time.time()
    first = since
    (socket,) = stage.connect(user, transport=transport)
    told = watch.told(True, since, stage.pace.delivery)
    if None in told:
        # The user may have counted as online from before. Nobody may after so long.
        stage.leave(socket)
        watch.told(False, since, watch.gone_within())
        since, began = watch.marks(), time.time()
        (socket,) = stage.connect(user, transport=transport)
        told = watch.told(True, since, stage.pace.delivery)
        if not any(watch.heard(first)):
            for one in (socket, *watch.sockets):
                stage.leave(one)
            raise Elsewhere(user, somebody_heard_of(stage, user))
    for event in told:
        stage.check(
            "PRES-01",
            event is not None,
            NOT_TOLD,
            {"userId": user.id, "isOnline": True},
            f"nothing within {stage.pace.delivery:.0f} s",
        )
    return socket, began


def somebody_heard_of(stage: Stage, silent: Actor) -> Actor:
    """A user of whose presence all friends hear. Judges that there is one, and that no user's
    presence is told to some friends only. Raises Blocked.
    """
    others = [
        one
        for one in stage.world.actors
        if one != silent and one.id not in stage.world.remaining and friends_of(stage, one)
    ]
    others.sort(key=lambda one: -len(friends_of(stage, one)))
    known: Actor | None = None
    for user in [silent, *others][:MOST_ASKED]:
        watch = Watch.over(stage, user, friends_of(stage, user))
        since = watch.marks()
        (socket,) = stage.connect(user)
        watch.told(True, since, stage.pace.delivery)
        stage.leave(socket)
        if not all(watch.heard(since)):
            watch.told(False, since, watch.gone_within())
        heard = watch.heard(since)
        for one in watch.sockets:
            stage.leave(one)
        if any(heard):
            known = user
            stage.need("PRES-01", all(heard), NOT_TOLD, "userStatus for each friend", "some hear")
    if known is None:
        stage.need("PRES-01", False, NOT_TOLD, "userStatus for friends", "no userStatus at all")
        raise Blocked(NOT_TOLD)
    return known


def fence(watch: Watch, speaker: Actor, socket: Connection) -> None:
    """Lets somebody type to each friend, and waits for it there and for what may still come."""
    for friend, theirs in zip(watch.friends, watch.sockets, strict=True):
        overtake(watch.stage, speaker, socket, friend, theirs)
    watch.stage.settle(*watch.sockets)


def overtake(
    stage: Stage, speaker: Actor, socket: Connection, other: Actor, theirs: Connection
) -> None:
    """Sends something that stores nothing and waits until it has come: typing."""
    since = theirs.mark()
    stage.emit(socket, "typing", {"recipientId": other.id})
    come = theirs.wait_for(
        "typingStatus",
        lambda args: bool(args) and same_id(member(args[0], "senderId"), speaker.id),
        within=stage.pace.delivery,
        since=since,
    )
    stage.emit(socket, "stopTyping", {"recipientId": other.id})
    if come is None:
        raise Blocked(f"typing of {speaker.name} does not reach {other.name}")


@requirement("PRES-01", "PRES-02", "PRES-04")
def test_friends_are_told_who_comes_and_who_goes(stage: Stage) -> None:
    watch = watched(stage)
    try:
        come_and_go(watch, "websocket", newer_first=True)
    except Elsewhere as silence:
        user = silence.other
        watch = Watch.over(stage, user, friends_of(stage, user)[:MOST_FRIENDS])
        come_and_go(watch, "websocket", newer_first=True)
    # Now the other side of the friendship, over the other transport, in the other order.
    friend, theirs = watch.friends[0], watch.sockets[0]
    if friend.id in stage.world.remaining:
        raise Blocked(REMAINING)
    other_way = Watch.over(stage, friend, [watch.user])
    for socket in watch.sockets[1:]:
        stage.leave(socket)
    since = other_way.marks()
    stage.leave(theirs)
    other_way.told(False, since, GONE_WITHIN)
    come_and_go(other_way, "polling", newer_first=False)


def come_and_go(watch: Watch, transport: Transport, *, newer_first: bool) -> None:
    """Connects two sockets of the user, lets one go and then the other, and judges what friends
    are told. What they are told may be late, and about a connection before: where it seems to
    change anybody's view, all is done once more when that is over.
    """
    accusations = watch.stage.accusations
    before = len(accusations)
    _come_and_go(watch, transport, newer_first=newer_first)
    suspected = [one for one in accusations[before:] if one.judgement.requirement == "PRES-04"]
    if suspected:
        watch.quieten()
        accusations[before:] = [one for one in accusations[before:] if one not in suspected]
        _come_and_go(watch, transport, newer_first=newer_first)


def _come_and_go(watch: Watch, transport: Transport, *, newer_first: bool) -> None:
    stage = watch.stage
    older, began = appear(watch, transport)
    since = watch.marks()
    (newer,) = stage.connect(watch.user, transport=transport)
    fence(watch, watch.user, newer)
    still_there(watch, since, "When a second socket comes")
    last, since = newer, watch.marks()
    if not older.closed:  # as it is where a user has one connection (D15)
        first, last = (newer, older) if newer_first else (older, newer)
        stage.leave(first)
        for _ in range(2):
            fence(watch, watch.user, last)
        which = "newer" if newer_first else "older"
        still_there(watch, since, f"When the {which} of two sockets leaves")
    gone(watch, last, began, since)


def still_there(watch: Watch, since: list[int], when: str) -> None:
    """Judges that no friend was told that the user is gone (PRES-04)."""
    for socket, mark in zip(watch.sockets, since, strict=True):
        left = heard(socket, watch.user, False, mark)
        watch.stage.check(
            "PRES-04",
            left is None,
            f"{when}, friends are told that its user is gone",
            "nothing that changes anybody's view",
            left or "",
        )


def gone(watch: Watch, last: Connection, began: float, since: list[int]) -> None:
    """Lets the last socket leave and judges what friends are told. What they were told too early,
    since the marks, is no second fault: they do see the user as gone.
    """
    stage, user = watch.stage, watch.user
    stage.leave(last)
    # A socket that was dropped before may still count as one of the user's.
    lasts = max(GONE_WITHIN, stage.world.lingers(user))
    clocks = (0.0, clock_difference(watch))

    def in_time(args: tuple[object, ...]) -> bool:
        seen = moment(member(args[0], "lastSeen"))
        return seen is not None and any(
            began + clock - CLOCKS <= seen <= time.time() + clock + CLOCKS for clock in clocks
        )

    # A friend who has just come may also be told how it was before (D14).
    told = watch.told(False, since, lasts + stage.pace.breath + stage.pace.settle, in_time)
    for socket, mark, right in zip(watch.sockets, since, told, strict=True):
        event = right or heard(socket, user, False, mark)
        stage.check(
            "PRES-02",
            event is not None,
            "Friends are not told that a user's last socket has left",
            {"userId": user.id, "isOnline": False},
            f"nothing within {lasts:.0f} s",
        )
        if event is None:
            stage.world.remaining.add(user.id)
            continue
        seen = moment(member(event.args[0], "lastSeen"))
        stage.check(
            "PRES-02",
            right is not None,
            "The lastSeen of a user who is gone lies outside of the time of the connection"
            if seen is not None
            else "A user who is gone has no lastSeen that is a time",
            "a time between the beginning of the connection and its end",
            event,
        )


def clock_difference(watch: Watch) -> float:
    """Seconds by which the backend's clock is ahead of ours, by the Date of an answer."""
    answer = watch.user.read(watch.friends[0])
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return 0.0
    return said - answer.started


def near_strangers(stage: Stage) -> tuple[Actor, Actor]:
    """Two users who are not friends, if possible friends of the same friend, and none of the pair
    that has to stay without a message. Raises Untestable when there are none.
    """
    stage.strangers()
    pairs = [
        (one, other)
        for one in stage.world.actors
        for other in stage.world.actors
        if one != other
        and stage.world.are_free(one, other)
        and not stage.world.target.are_friends(one.user, other.user)
    ]
    stage.random.shuffle(pairs)
    return min(
        pairs,
        key=lambda pair: (
            set(pair) == set(stage.untouched()),
            not set(friends_of(stage, pair[0])) & set(friends_of(stage, pair[1])),
        ),
    )


@requirement("PRES-03")
def test_strangers_are_not_told_who_comes_and_who_goes(stage: Stage) -> None:
    user, stranger = near_strangers(stage)
    friends = friends_of(stage, user)
    watch = Watch.over(stage, user, friends[:1])
    (theirs,) = stage.connect(stranger)
    if {user, stranger} != set(stage.untouched()):
        # Strangers who have written to each other are no friends.
        stage.created(user.send(stranger, text=stage.text("pleased to meet you")))
    for _ in range(2):
        (socket,) = stage.connect(user)
        overtake(stage, user, socket, stranger, theirs)
        since = watch.marks()
        stage.leave(socket)
        # Where a friend has been told, a stranger would have been told too.
        watch.told(False, since, GONE_WITHIN)
        stage.settle(theirs)
    known = {actor.id for actor in (stranger, *friends_of(stage, stranger))}
    users = {actor.id for actor in stage.world.actors}
    strays = [
        one
        for one in theirs.received("userStatus")
        if user_id(member(one.args[0] if one.args else None, "userId")) in users - known
    ]
    stage.check(
        "PRES-03",
        not strays,
        NO_FRIEND_IS_TOLD,
        FOR_FRIENDS,
        stray_words(stage, stranger, strays[0]) if strays else "",
    )


def stray_words(stage: Stage, listener: Actor, stray: Received) -> str:
    """Who was told of whom, and how."""
    id = user_id(member(stray.args[0], "userId"))
    user = next(actor for actor in stage.world.actors if actor.id == id)
    return f"{no_friends(listener.name, user.name)}: {shown(stray)}"


@requirement("PRES-05")
def test_who_drops_without_a_goodbye_counts_as_gone(stage: Stage) -> None:
    watch = watched(stage)
    socket, _ = appear(watch)
    window = socket.ping_window
    if window > LONGEST_PING:
        raise Untestable(
            f"the backend announces a ping timeout of {window:.0f} s altogether; "
            f"{LONGEST_PING:.0f} s are the most that the suite waits"
        )
    since = watch.marks()
    stage.drop(socket)
    for event in watch.told(False, since, window + stage.pace.delivery):
        stage.check(
            "PRES-05",
            event is not None,
            "Friends are not told that a user has dropped without a goodbye",
            {"userId": watch.user.id, "isOnline": False},
            f"nothing within {window:.0f} s, the ping timeout",
        )


@requirement("PRES-06")
def test_who_was_refused_has_neither_come_nor_gone(stage: Stage) -> None:
    watch = watched(stage, most=1)
    (helper,) = stage.bystanders(watch.user, *watch.friends, most=1)
    (aside,) = stage.connect(helper)
    # Whether a user who does not exist is refused is not certain.
    queries = [door for door in doors(stage, watch.user, helper) if door.requirement == "CONN-02"]

    def knocked(speaker: Actor, socket: Connection, online: bool) -> Received | None:
        since = watch.marks()
        clients = knock(stage, queries)
        deadline = Deadline(stage.pace.delivery)
        try:
            for client in clients:
                client.intruder.await_answer()
            if not all(client.intruder.await_refusal(deadline) for client in clients):
                raise Blocked("a client without a good token is not refused (CONN-02)")
            fence(watch, speaker, socket)
        finally:
            for client in clients:
                client.intruder.leave()
        for _ in range(2):
            fence(watch, speaker, socket)
        ((theirs, mark),) = zip(watch.sockets, since, strict=True)
        return heard(theirs, watch.user, online, mark)

    def settled() -> None:
        """What is told later is about nothing that has happened so far."""
        own, _ = appear(watch)
        since = watch.marks()
        stage.leave(own)
        watch.told(False, since, watch.gone_within())
        watch.quieten()

    def judge(told: Received | None, seems: str) -> None:
        summary = f"A refused connection makes a user appear to be {seems}"
        stage.check("PRES-06", told is None, summary, "no userStatus", told or "", evidence=[])

    told = knocked(helper, aside, True)
    if told is not None:  # maybe late, of a connection before
        settled()
        told = knocked(helper, aside, True)
    judge(told, "online")
    own, _ = appear(watch)
    told = knocked(watch.user, own, False)
    if told is not None:
        stage.leave(own)
        settled()
        own, _ = appear(watch)
        watch.quieten()
        told = knocked(watch.user, own, False)
    judge(told, "gone")
