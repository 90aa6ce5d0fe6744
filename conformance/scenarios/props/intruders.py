"""Clients that stay after they were told to go, and say and hear what they still can."""

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from conformance.backend.target import TargetError
from conformance.backend.tokens import NoToken
from conformance.evidence.steps import Step
from conformance.scenarios.props.credentials import broken_tokens, made_with
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.pacing import Pace
from conformance.wire.sessions import Session, Transport
from conformance.wire.transports import (
    Address,
    Ended,
    NoAnswer,
    Packet,
    Refused,
    Throttled,
    Unreachable,
    WrongProtocol,
)

BOTH: tuple[Transport, ...] = ("websocket", "polling")
INTRUDER = "Intruder"
"""Whoever knocks, in stories and scripts."""
AT_ONCE = 8
"""Clients who knock at the same time."""
REFUSES = {
    "AUTH-02": "CONN-02",
    "AUTH-03": "CONN-02",
    "AUTH-04": "CONN-02",
    "AUTH-05": "CONN-02",
    "AUTH-07": "CONN-03",
}
"""Which requirement refuses on the socket what another one refuses over HTTP."""
_EVENT = re.compile(r"[25](?:\d+-)?\d*(\[.*)", re.DOTALL)


class Intruder:
    """A Socket.IO client that does not leave when it is refused.

    A connection that a server refuses ends there for an honest client. This one keeps the
    Engine.IO session, as far as the server leaves it open.
    """

    def __init__(self, pace: Pace) -> None:
        self.status: int | None = None
        """The status of an HTTP answer by which the client was refused."""
        self._pace = pace
        self._changed = threading.Condition()  # guards what follows
        self._joined = False
        self._refusal: str | None = None
        self._heard: list[tuple[str, Any]] = []
        self._heard_as_a_guest = 0
        self._session: Session | None = None
        self._deadline = Deadline(pace.answer)

    @classmethod
    def enter(
        cls,
        url: str,
        query: Mapping[str, str],
        transport: Transport,
        pace: Pace,
        *,
        auth: Mapping[str, Any] | None = None,
        join: bool = True,
    ) -> Self:
        """Opens a session and asks for the namespace; without `join` it leaves that out.

        Raises Unreachable when nobody listens, Blocked when nobody is let in for now (429). A
        refusal is no error.
        """
        self = cls(pace)
        session = Session(Address.of(url, query, {}), pace, self, "r2c intruder")
        try:
            self._deadline = session.open(transport)
        except Throttled as error:
            raise Blocked(str(error)) from None
        except WrongProtocol as answer:
            # A redirect, for one: nobody has been let in.
            self._refusal = str(answer)
            return self
        except NoAnswer:
            return self
        except Refused as refusal:
            self._refusal = str(refusal)
            self.status = refusal.status
            return self
        self._session = session
        if join:
            self._post(f"40{json.dumps(dict(auth)) if auth else ''}")
        return self

    def say(self, event: str, *args: Any) -> None:
        """Sends an event if the session is still open."""
        self._post(f"42{json.dumps([event, *args])}")

    def _post(self, packet: str) -> None:
        if self._session is not None:
            with suppress(Ended):
                self._session.send([packet])

    @property
    def refusal(self) -> str | None:
        """How the client was turned away; None while it was not."""
        with self._changed:
            return self._refusal

    @property
    def joined(self) -> bool:
        """Whether the server has connected it to the namespace, and not disconnected it since."""
        with self._changed:
            return self._joined and self._refusal is None

    @property
    def heard(self) -> tuple[tuple[str, Any], ...]:
        """Names and first arguments of the events that came."""
        with self._changed:
            return tuple(self._heard)

    @property
    def heard_as_a_guest(self) -> tuple[tuple[str, Any], ...]:
        """Of these, the events that came before the client was turned away."""
        with self._changed:
            return tuple(self._heard[: self._heard_as_a_guest])

    def await_answer(self) -> None:
        """Waits until the server has answered the wish to connect, or should have."""
        with self._changed:
            self._changed.wait_for(lambda: self._joined or self._refusal, self._deadline.left)

    def await_refusal(self, deadline: Deadline) -> bool:
        """Waits until the server turns the client away; whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: self._refusal is not None, deadline.left)
            return self._refusal is not None

    def leave(self) -> None:
        """Ends the session without a word."""
        if self._session is not None:
            self._session.end("closed by the suite")
            self._session.join()
            self._session.complain()

    # What the session tells (its threads call)

    def on_frame(self, sent: bool, transport: str, data: Packet) -> int:
        """Nothing to record."""
        return 0

    def on_message(self, data: Packet, frame: int = 0) -> None:
        """Takes one Socket.IO packet of the default namespace."""
        if not isinstance(data, str) or data[1:2] == "/":
            return
        with self._changed:
            if data[:1] == "0":
                self._joined = True
            elif data[:1] == "1":
                self._refusal = self._refusal or "by disconnecting the socket"
            elif data[:1] == "4":
                self._refusal = self._refusal or f"with a connect error {data[1:]}"
            elif event := _EVENT.match(data):
                with suppress(ValueError, IndexError, TypeError, RecursionError):
                    name, *args = json.loads(event[1])
                    self._heard.append((name, args[0] if args else None))
                    self._heard_as_a_guest += self._refusal is None
            self._changed.notify_all()

    def on_end(self, reason: str) -> None:
        """The session is over."""
        with self._changed:
            self._refusal = self._refusal or f"by ending the connection ({reason})"
            self._changed.notify_all()


def claims(other: Actor) -> tuple[dict[str, Any], ...]:
    """Fields by which a payload claims to come from somebody else."""
    names = ("sender", "senderId", "userId", "from", "user", "_id")
    reference = {"_id": other.id, "name": other.name}
    return dict.fromkeys(names, other.id), dict.fromkeys(names[:-1], reference)


def liars(stage: Stage, actor: Actor, other: Actor) -> Iterator[tuple[str, Intruder]]:
    """Clients with the token of one user whose handshake claims to be another, and where it does.
    Those that are refused are left out; they leave when the next one comes.
    """
    claim = {"userId": other.id, "id": other.id, "senderId": other.id}
    url, query = stage.world.target.url, {"token": actor.token}
    for where, parameters, auth in (
        ("a parameter of the connection's query", claim, None),
        ("a field of the connect packet", {}, claim),
    ):
        liar = Intruder.enter(url, {**query, **parameters}, "websocket", stage.pace, auth=auth)
        liar.await_answer()
        if liar.joined and not liar.await_refusal(Deadline(stage.pace.breath)):
            yield where, liar
        liar.leave()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A client with a token that a server has to refuse."""

    requirement: str
    kind: str
    transport: str
    intruder: Intruder
    mark: str
    steps: tuple[Step, ...]
    """What repeats it."""


@dataclass(frozen=True, slots=True)
class Door:
    """How a client that a server has to refuse wants to come in."""

    requirement: str
    """Which requirement refuses it."""
    kind: str
    """What is the matter with it."""
    query: Mapping[str, str]
    made_with: str = ""
    """What prints its token in sh."""

    def step(self, transport: Transport) -> Step:
        """The attempt, which begins now."""
        token = self.query.get("token")
        return replace(
            Step.of_connect(INTRUDER, transport, token),
            query=self.query if token is None else None,
            made_with=self.made_with,
            at=time.time(),
        )


def doors(stage: Stage, victim: Actor, other: Actor) -> Iterator[Door]:
    """Clients without a good token who call themselves the victim. A token that cannot be made for
    this target is entered as untestable.
    """
    yield Door("CONN-02", "without a token", {})
    ids = {"userId": victim.id, "id": victim.id}
    yield Door("CONN-02", "with a user's id for a token", ids)
    for over_http, kind, make in broken_tokens(stage, victim.user, other.user):
        if id := REFUSES.get(over_http):
            try:
                token = make()
            except (NoToken, TargetError) as reason:
                stage.untestable(id, str(reason))
                continue
            command = made_with(kind, victim.user)
            if command or token.count(".") == 2:
                stage.world.redactor.register(f"{kind} of {victim.name}", token, command)
            yield Door(id, f"with {kind}", {"token": token}, command)


def knock(stage: Stage, doors: Iterable[Door], *, join: bool = True) -> list[Attempt]:
    """Each client over each transport. Ends the scenario when nobody listens, or lets anybody in
    for now; none stays then.
    """

    def one(door: Door, transport: Transport) -> Attempt:
        steps = (door.step(transport),)
        url = stage.world.target.url
        intruder = Intruder.enter(url, door.query, transport, stage.pace, join=join)
        mark = stage.text("let me in")
        return Attempt(door.requirement, door.kind, transport, intruder, mark, steps)

    # Several at a time: a backend may leave each of them without an answer.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(one, door, over) for door in doors for over in BOTH]
        try:
            return [attempt.result() for attempt in waiting]
        except BaseException as error:
            for attempt in waiting:
                if attempt.exception() is None:
                    attempt.result().intruder.leave()
            if isinstance(error, Unreachable):
                raise Blocked(f"no connection can be made: {error}") from None
            raise
