"""How long after `connect` a backend begins to handle events where all users come at once (D18)."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.backend.target import User
from conformance.evidence.steps import Step
from conformance.judging.messages import member, same_id
from conformance.stage.actor import Actor
from conformance.stage.troupes import troupes
from conformance.stage.world import World
from conformance.wire.sockets import Closed, Connection, NotConnected

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
    """Seconds that the slowest of the users' connections, all opened at the same moment, was not
    ready yet; 0 where the first events were handled, or where nothing can be measured.

    Each user types to the next one of the troupe until it arrives, and once more when all are known
    to be ready: what took longer at first is what is asked for. Typing stores nothing.
    """
    with ThreadPoolExecutor(len(world.actors), "r2c readiness") as pool:
        guests = [guest for guest in pool.map(_come, world.actors) if guest is not None]
        try:
            ring = [pair for users in troupes(world.target) for pair in _ring(guests, users)]
            first = [*pool.map(partial(_arrives, again=True), ring)]
            later = [*pool.map(partial(_arrives, again=False), ring)]
        finally:
            for guest in guests:
                guest.socket.close()
    measured = zip(first, later, strict=True)
    late = (one - other for one, other in measured if one is not None and other is not None)
    return max(0.0, max(late, default=0.0))


def _ring(guests: list[_Guest], users: Sequence[User]) -> Iterator[tuple[_Guest, _Guest]]:
    ours = [guest for guest in guests if guest.actor.user in users]
    return zip(ours, ours[1:] + ours[:1], strict=True) if len(ours) > 1 else iter(())


def _come(actor: Actor) -> _Guest | None:
    try:
        return _Guest(actor, actor.connect(), time.monotonic())
    except NotConnected:
        return None


def _arrives(pair: tuple[_Guest, _Guest], *, again: bool) -> float | None:
    """Seconds until typing arrives, since both were connected, or without `again`, since now."""
    typist, other = pair
    since = max(typist.since, other.since) if again else time.monotonic()
    mark, end, event = other.socket.mark(), since + LONGEST, "typing"
    typist.actor.world.step(Step.of_emit(typist.actor.name, event, (_to(other),)))
    while time.monotonic() < end:
        try:
            typist.socket.emit(event, _to(other))
        except Closed:
            return None
        within = AGAIN if again else max(0.0, end - time.monotonic())
        if other.socket.wait_for("typingStatus", _by(typist), within=within, since=mark):
            return time.monotonic() - since
        event = "stopTyping" if event == "typing" else "typing"
    return None


def _to(guest: _Guest) -> dict[str, str]:
    return {"recipientId": guest.actor.id}


def _by(guest: _Guest) -> Callable[[tuple[Any, ...]], bool]:
    return lambda args: bool(args) and same_id(member(args[0], "senderId"), guest.actor.id)
