"""For how long after `connect` a backend loses events where all users come at once (D18)."""

import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.backend.target import User
from conformance.evidence.steps import Step
from conformance.judging.messages import member, same_id
from conformance.stage.actor import Actor
from conformance.stage.troupes import troupes
from conformance.stage.world import World
from conformance.wire.sockets import Closed, Connection, NotConnected, Throttled

LONGEST = 1.0
"""Seconds after which an event that is not handled is lost for another reason."""
AGAIN = 0.02
"""Seconds between two events of a new connection, the finest that is measured."""


@dataclass(frozen=True, slots=True)
class _Guest:
    """A user whose connection has just come."""

    actor: Actor
    socket: Connection
    since: float
    """When, in seconds of the monotonic clock."""


def readiness(world: World) -> float:
    """Seconds for which the slowest of the users' connections, all opened at the same moment, lost
    events; 0 where none was lost, or where nothing can be measured.

    Each user types to the next one of the troupe until it arrives. Typing stores nothing.
    """
    with ThreadPoolExecutor(len(world.actors), "r2c readiness") as pool:
        guests = [guest for guest in pool.map(_come, world.actors) if guest is not None]
        try:
            ring = [pair for users in troupes(world.target) for pair in _ring(guests, users)]
            return max(pool.map(_deafness, ring), default=0.0)
        finally:
            for guest in guests:
                guest.socket.close()


def _ring(guests: list[_Guest], users: Sequence[User]) -> Iterator[tuple[_Guest, _Guest]]:
    ours = [guest for guest in guests if guest.actor.user in users]
    return zip(ours, ours[1:] + ours[:1], strict=True) if len(ours) > 1 else iter(())


def _come(actor: Actor) -> _Guest | None:
    try:
        return _Guest(actor, actor.connect(), time.monotonic())
    except (NotConnected, Throttled):
        return None


def _deafness(pair: tuple[_Guest, _Guest]) -> float:
    """Seconds after both were connected until the first event was sent that arrived; 0 where all
    did, however late: what a busy backend handles late is not lost.
    """
    typist, other = pair
    since, sent = other.socket.mark(), [time.monotonic()]
    event, end = "typing", sent[0] + LONGEST
    number = typist.socket.number
    typist.actor.world.step(
        Step.of_emit(typist.actor.name, event, (_to(other),), connection=number)
    )
    try:
        typist.socket.emit(event, _to(other))
        while not _heard(other, typist, 1, AGAIN, since):
            if time.monotonic() > end:
                return 0.0
            event = "stopTyping" if event == "typing" else "typing"
            sent.append(time.monotonic())
            typist.socket.emit(event, _to(other))
    except Closed:
        return 0.0
    passage = time.monotonic() - sent[0] + typist.actor.world.pace.settle
    lost = next(
        lost
        for lost in range(len(sent))
        if lost == len(sent) - 1
        or _heard(other, typist, len(sent) - lost, passage if lost == 0 else 0.0, since)
    )
    return sent[lost] - max(typist.since, other.since) if lost else 0.0


def _heard(other: _Guest, typist: _Guest, times: int, within: float, since: int) -> bool:
    """Whether somebody hears so many times within so many seconds that another is typing or not."""
    count = itertools.count(1)

    def last(args: tuple[Any, ...]) -> bool:
        ours = bool(args) and same_id(member(args[0], "senderId"), typist.actor.id)
        return ours and next(count) == times

    return other.socket.wait_for("typingStatus", last, within=within, since=since) is not None


def _to(guest: _Guest) -> dict[str, str]:
    return {"recipientId": guest.actor.id}
