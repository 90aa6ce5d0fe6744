"""The command `doctor`: whether a target file fits its backend, in a few seconds."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import get_args

from conformance.judging.messages import member
from conformance.stage.actor import Actor
from conformance.stage.watch import Backend, Unusable
from conformance.stage.world import World
from conformance.wire.http import Exchange
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Connection, NotConnected, Throttled, Transport

CLOCK_DRIFT = 30.0
"""Seconds by which a clock may differ before tokens and times become doubtful (D7 allows 60)."""
MOST_FRIENDSHIPS = 6
"""Pairs of friends that are tried; the others are as right or wrong as these."""
MOST_TOGETHER = 20
"""Users who come one after the other, to see whether strangers are told of each other."""
MOST_NAMED = 6
"""Pairs of strangers that are named."""
LONGEST_MESSAGE = 120
"""Characters of an error's message that are quoted."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at."""

    subject: str
    well: bool
    words: str
    """What was seen, and what to do where it is not well."""


def examine(world: World, backend: Backend, patience: float = 1.0) -> Iterator[Diagnosis]:
    """Looks at the backend, the clock, users, transports and friends, in this order.

    Sends a message from each user to the same user: nothing else shows whether a public id is
    known. Whether it is accepted makes no difference (D5). Ends where the backend does.
    """
    try:
        pace = backend.begin(patience)
    except Unusable as obstacle:
        yield Diagnosis("backend", False, str(obstacle))
        return
    world.slow_down_to(pace)
    yield Diagnosis("backend", True, f"{world.target.url} answers")
    yield _latency(pace)
    for diagnosis in _closer(world):
        if not diagnosis.well and (absence := backend.absence()) is not None:
            words = f"has stopped answering by the time of “{diagnosis.subject}”: {absence}"
            yield Diagnosis("backend", False, words)
            return
        yield diagnosis


def _closer(world: World) -> Iterator[Diagnosis]:
    yield _clock(world.actors[0].read(world.actors[1]))
    for index, actor in enumerate(world.actors):
        yield _user(actor, world.actors[0 if index else 1])
    yield from _transports(world.actors[0])
    yield from _friends(world)


def _latency(pace: Pace) -> Diagnosis:
    words = f"{pace.median * 1000:.0f} ms, 95 % within {pace.p95 * 1000:.0f} ms"
    if pace.median < 0.5:
        return Diagnosis("latency", True, words)
    return Diagnosis("latency", True, f"{words}; a run will take long, --profile quick helps")


def _clock(exchange: Exchange) -> Diagnosis:
    date = exchange.headers.get("Date")
    try:
        ahead = parsedate_to_datetime(date or "").timestamp() - exchange.started
    except ValueError:
        return Diagnosis("clock", True, "the backend sends no Date; times are judged by this clock")
    if abs(ahead) <= CLOCK_DRIFT:
        return Diagnosis("clock", True, f"differs by {abs(ahead):.0f} s from this machine's")
    return Diagnosis(
        "clock",
        False,
        f"is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's; set both, "
        "or tokens will seem expired",
    )


def _user(actor: Actor, other: Actor) -> Diagnosis:
    user = actor.user
    subject = f"user {user.name}"
    answer = actor.read(other)
    if answer.status == 401:
        return Diagnosis(
            subject, False, f"the token is refused; check [auth] and that {user.id} exists"
        )
    if answer.status == 404:
        return Diagnosis(subject, False, f"no user has the _id {other.id}, or the path is unknown")
    if answer.status != 200:
        return Diagnosis(subject, False, f"reading a history answers {_said(answer)}")
    # To oneself, so that no two users who never wrote to each other are used up.
    answer = actor.chat(actor, "r2c-verify doctor looks whether this userId is known")
    if answer.status == 404:
        return Diagnosis(subject, False, f"no user has the userId {user.public_id}")
    if answer.status is None or answer.status >= 500:
        words = f"a chat message to {user.public_id} answers {_said(answer)}"
        if answer.status is not None:
            words += "; does the token name a user of the backend, as [auth] claims has it?"
        return Diagnosis(subject, False, words)
    return Diagnosis(subject, True, "token, _id and userId are known")


def _said(answer: Exchange) -> str:
    """The status with the message of an error, or why there is none."""
    if answer.status is None:
        return f"nothing ({answer.error})"
    message = member(answer.json, "message")
    if not isinstance(message, str) or not message.strip():
        return str(answer.status)
    return f"{answer.status} “{textwrap.shorten(message, LONGEST_MESSAGE, placeholder=' …')}”"


def _transports(actor: Actor) -> Iterator[Diagnosis]:
    for transport in get_args(Transport):
        try:
            actor.connect(transport).close()
        except (NotConnected, Throttled) as error:
            yield Diagnosis(f"socket over {transport}", False, str(error))
        else:
            yield Diagnosis(f"socket over {transport}", True, "connects")


def _friends(world: World) -> Iterator[Diagnosis]:
    target = world.target
    if target.friends is None:
        yield Diagnosis("friends", False, "presence cannot be judged; add [friends] pairs")
        return
    pairs = [pair for pair in target.pairs() if target.are_friends(*pair)]
    for one, other in pairs[:MOST_FRIENDSHIPS]:
        if not _hears(world.actor(one), world.actor(other)):
            yield Diagnosis(
                "friends",
                False,
                f"{other.name} does not hear that {one.name} connects; are they friends in the "
                "backend?",
            )
            return
    if told := _told_strangers(world):
        yield Diagnosis("strangers", False, _about_strangers(told))
        return
    if len(pairs) == len(target.pairs()):
        yield Diagnosis("friends", False, "all users are friends; one pair that is not is needed")
    elif not pairs:
        yield Diagnosis("friends", False, "no users are friends; one pair that is is needed")
    else:
        yield Diagnosis("friends", True, "hear each other come, and strangers do not")


def _hears(comer: Actor, listener: Actor) -> bool:
    """Whether a listener is told that a friend has come."""
    opened: list[Connection] = []
    try:
        opened.append(listener.connect())
        opened[0].rest(listener.world.pace.breath)
        since = opened[0].mark()
        opened.append(comer.connect())
        return (
            opened[0].wait_for(
                "userStatus",
                lambda args: bool(args) and _is_online(args[0], comer.id),
                within=listener.world.pace.delivery,
                since=since,
            )
            is not None
        )
    except (NotConnected, Throttled):
        return False
    finally:
        for connection in opened:
            connection.close()


def _told_strangers(world: World) -> list[tuple[Actor, Actor]]:
    """Who is told of whom though the target file does not call them friends: all come one after
    the other, so that each pair of them meets once.
    """
    actors = {actor.id: actor for actor in world.actors[:MOST_TOGETHER]}
    opened: dict[str, Connection] = {}
    try:
        for actor in actors.values():
            opened[actor.id] = actor.connect()
            opened[actor.id].rest(world.pace.breath)
        opened[actor.id].rest(world.pace.settle)
        return [
            (listener, other)
            for listener in actors.values()
            for other in actors.values()
            if other is not listener
            and not world.target.are_friends(listener.user, other.user)
            and any(
                bool(heard.args) and _is_online(heard.args[0], other.id)
                for heard in opened[listener.id].received("userStatus")
            )
        ]
    except (NotConnected, Throttled):
        return []
    finally:
        for connection in opened.values():
            connection.close()


def _about_strangers(told: list[tuple[Actor, Actor]]) -> str:
    listener, other = told[0]
    pairs = {tuple(sorted((a.user.public_id, b.user.public_id))) for a, b in told}
    named = ", ".join(f'["{one}", "{two}"]' for one, two in sorted(pairs)[:MOST_NAMED])
    more = f" and {len(pairs) - MOST_NAMED} more" if len(pairs) > MOST_NAMED else ""
    return (
        f"{listener.name} hears that {other.name} is online, but the target file calls them no "
        f"friends; if they are, add to [friends] pairs: {named}{more}; if not, the backend breaks "
        "PRES-03"
    )


def _is_online(status: object, id: str) -> bool:
    return (
        isinstance(status, dict)
        and str(status.get("userId", "")).lower() == id
        and status.get("isOnline") is True
    )
