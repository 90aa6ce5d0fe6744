"""Friends who watch whether a user comes or goes (notes, section 4.2)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from conformance.judging.messages import member, same_id
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.casting import Untestable
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sockets import Connection, Received

GONE_WITHIN = 10.0
"""Seconds after a user's last goodbye (PRES-02)."""
MOST_FRIENDS = 2
"""Friends who watch a user."""
LONGEST_TALK = 6
"""How many times as long as an event may take is waited until friends hear no more of a user."""

REMAINING = "friends are not told that this user leaves (PRES-02)"
"""Why nobody says whether a user comes."""


def says(user: Actor, online: bool) -> Callable[[tuple[object, ...]], bool]:
    """Tells the arguments of a userStatus that says this about this user."""
    return lambda args: (
        bool(args)
        and same_id(member(args[0], "userId"), user.id)
        and member(args[0], "isOnline") is online
    )


def heard(connection: Connection, user: Actor, online: bool, since: int) -> Received | None:
    """What a socket has already heard of that kind."""
    it = says(user, online)
    return next((one for one in connection.received("userStatus", since) if it(one.args)), None)


@dataclass(frozen=True, slots=True)
class Watch:
    """A user and the sockets of those who watch."""

    stage: Stage
    user: Actor
    friends: tuple[Actor, ...]
    sockets: tuple[Connection, ...]

    @classmethod
    def over(cls, stage: Stage, user: Actor, friends: list[Actor]) -> "Watch":
        """Connects the friends."""
        return cls(stage, user, tuple(friends), tuple(stage.connect(*friends)))

    def marks(self) -> list[int]:
        """Where each socket's record ends now."""
        return [socket.mark() for socket in self.sockets]

    def told(
        self,
        online: bool,
        since: list[int],
        within: float,
        where: Callable[[tuple[object, ...]], bool] = lambda args: True,
    ) -> list[Received | None]:
        """What each friend is told within so many seconds, the first that passes `where`."""
        end, it = time.monotonic() + within, says(self.user, online)
        return [
            socket.wait_for(
                "userStatus",
                lambda args: it(args) and where(args),
                within=max(0.0, end - time.monotonic()),
                since=mark,
            )
            for socket, mark in zip(self.sockets, since, strict=True)
        ]

    def heard(self, since: list[int]) -> list[Received | None]:
        """What each friend has heard of the user's presence, whatever it says."""
        return [
            heard(socket, self.user, True, mark) or heard(socket, self.user, False, mark)
            for socket, mark in zip(self.sockets, since, strict=True)
        ]

    def quieten(self) -> None:
        """Waits until friends have heard nothing of the user's presence for as long as an event may
        take: what is told then is not about a connection before.
        """
        pace = self.stage.pace
        end = Deadline(LONGEST_TALK * pace.delivery)
        while any(self._hears_more(min(pace.delivery, end.left))):
            pass

    def _hears_more(self, within: float) -> list[bool]:
        since, end = self.marks(), Deadline(within)
        about = (says(self.user, True), says(self.user, False))
        return [
            socket.wait_for(
                "userStatus",
                lambda args: any(it(args) for it in about),
                within=end.left,
                since=mark,
            )
            is not None
            for socket, mark in zip(self.sockets, since, strict=True)
        ]

    def gone_within(self) -> float:
        """Seconds within which a user without a socket has to be offline for everyone."""
        pace = self.stage.pace
        return max(GONE_WITHIN, self.stage.world.lingers(self.user)) + pace.delivery


def watched(stage: Stage, most: int = MOST_FRIENDS) -> Watch:
    """A user with friends who watch, all connected but the user. Raises Untestable, and Blocked
    where there is none but those who may count as online for ever.
    """
    target = stage.world.target
    if target.friends is None:
        raise Untestable("needs to know who is whose friend; add [friends] pairs")
    users = [actor for actor in stage.world.actors if friends_of(stage, actor)]
    if not users:
        raise Untestable("needs two users who are friends; add them to [friends] pairs")
    users = [user for user in users if user.id not in stage.world.remaining]
    if not users:
        raise Blocked(REMAINING)
    stage.random.shuffle(users)
    # Whose sockets all said goodbye comes and goes at once; a friend may have to, too.
    lingers = stage.world.lingers

    def friends(user: Actor) -> list[Actor]:
        return sorted(friends_of(stage, user), key=lingers)

    user = min(users, key=lambda each: max(lingers(each), lingers(friends(each)[0])))
    return Watch.over(stage, user, friends(user)[:most])


def friends_of(stage: Stage, user: Actor) -> list[Actor]:
    """The user's friends."""
    world = stage.world
    known, free = world.target.are_friends, world.are_free
    return [one for one in world.actors if known(one.user, user.user) and free(one, user)]
