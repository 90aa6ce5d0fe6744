"""What one scenario has in hand: a cast of users, checks, fences, and the evidence so far."""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, TypeVar

from conformance.evidence.steps import Step
from conformance.judging.causes import of_refusal
from conformance.judging.messages import (
    by_id,
    content,
    member,
    message_id,
    new_message,
    text,
    unwrapped,
)
from conformance.stage.accusing import Accusing, Blocked
from conformance.stage.actor import Actor
from conformance.stage.casting import Untestable
from conformance.stage.world import World
from conformance.wire.deadlines import Deadline
from conformance.wire.http import Exchange
from conformance.wire.moments import Moment, coinciding
from conformance.wire.sockets import (
    Closed,
    Connection,
    Emission,
    NoAnswer,
    Received,
    Refused,
    Throttled,
    Transport,
    Unreachable,
)

T = TypeVar("T")

FENCE = "fence"
"""How the text of every message begins that only shows that what came before it is handled."""

NO_EMPTY_HISTORY = "Two users who never wrote to each other are not answered 200 with an array"
"""What breaks HIST-08, wherever it is seen."""

LOOK_AGAIN = 0.02
"""Seconds between two looks at something that is not there yet."""
LONGEST_PAUSE = 0.5
"""Seconds to which the pause between two readings of a history grows."""


class Stage(Accusing):
    """Handed to every scenario as `stage`."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.pace = world.pace
        self._connections: list[Connection] = []
        self._acknowledged: list[tuple[Connection, Emission]] = []

    # Who plays

    def fresh_pair(self) -> tuple[Actor, Actor]:
        """Two users who have not written to each other yet. Raises Untestable when none is left."""
        reserved = {actor.id for actor in self.untouched()}
        actors = self.world.actors
        for second in reversed(range(len(actors))):
            for first in range(second):
                one, other = actors[first], actors[second]
                ids = {one.id, other.id}
                if ids == reserved or ids in self.world.blocked:
                    continue
                if self.history_of(one, other) == []:
                    return one, other
        raise Untestable(
            "needs two users who never wrote to each other; set [process] reset, or add users"
        )

    def connect(self, *actors: Actor, transport: Transport = "websocket") -> list[Connection]:
        """A socket for each actor, ready for its first event (D18). Ends the scenario when a valid
        token does not connect, which is a finding against CONN-01.
        """
        connections = [self.connect_at_once(actor, transport) for actor in actors]
        self.breathe(connections)
        return connections

    def breathe(self, connections: Sequence[Connection]) -> None:
        """Lets new connections settle (D18)."""
        self.world.settle_in(*connections)

    def connect_at_once(self, actor: Actor, transport: Transport = "websocket") -> Connection:
        """A socket that has just heard `connect`, without the time to settle."""
        try:
            return self.try_to_connect(actor, transport)
        except Unreachable as error:
            # Nobody was there to look at the token; whether the backend lives is asked elsewhere.
            raise Blocked(f"the backend cannot be reached: {error}") from error
        except (Refused, NoAnswer) as error:
            if self.world.looks_away():
                raise Blocked(f"the backend is away: {error}") from error
            self.need(
                "CONN-01",
                False,
                f"A valid token does not connect over {transport}",
                "a connection",
                str(error),
            )
            raise AssertionError from error  # need never returns here

    def try_to_connect(self, actor: Actor, transport: Transport = "websocket") -> Connection:
        """A socket without the time to settle. Raises what `Connection.open` raises, but ends the
        scenario where the backend lets nobody in for now (429, D12).
        """
        try:
            connection = actor.connect(transport)
        except Throttled as error:
            raise Blocked(str(error)) from None
        self._connections.append(connection)
        return connection

    # What is said

    def text(self, about: str = "hello") -> str:
        """A text that no other message has, not even one of an earlier run with this seed."""
        return f"{about} {secrets.token_hex(8)}"

    def unknown_id(self) -> str:
        """An ObjectId that nobody has: it begins with a time of creation that has not come yet."""
        return f"e{secrets.token_hex(12)[1:]}"

    def emit(self, connection: Connection, event: str, *args: Any, **how: Any) -> Emission:
        """Sends an event. Ends the scenario where the backend has closed the connection."""
        try:
            return self.emit_if_open(connection, event, *args, **how)
        except Closed as closed:
            raise Blocked(f"the connection of {connection.actor} has ended: {closed}") from None

    def emit_if_open(
        self, connection: Connection, event: str, *args: Any, acknowledge: bool = False
    ) -> Emission:
        """Sends an event; where it asks for an acknowledgement, what came is judged at the end of
        the scenario. Raises Closed.
        """
        if connection.closed:  # Nothing is sent that a death could be laid to.
            raise Closed(connection.close_reason)
        self.world.step(_emit(connection, event, args))
        emission = connection.emit(event, *args, acknowledge=acknowledge)
        if acknowledge:
            self._acknowledged.append((connection, emission))
        return emission

    def leave(self, connection: Connection) -> None:
        """Says goodbye and closes."""
        self.world.step(Step.of_close(connection.actor or "", connection=connection.number))
        connection.close()

    def drop(self, connection: Connection) -> None:
        """Cuts the connection without a goodbye. Until the ping timeout, the backend may take its
        user for online.
        """
        self.world.step(
            Step.of_close(connection.actor or "", dropped=True, connection=connection.number)
        )
        connection.drop()
        self.world.linger(connection.actor or "", connection.ping_window)

    def together(
        self, *deeds: Callable[[], T], before: Callable[[], object] | None = None
    ) -> list[T]:
        """Does everything at the same moment, each in a thread of its own, and returns what came
        of each, in order. `before` is done first in each thread, to have its connection open.
        Requests that have a body are completed at the same moment (`moments`).
        Raises what the first of them raised that failed by itself.
        """
        start, moment = threading.Barrier(len(deeds)), Moment(len(deeds))

        def one(deed: Callable[[], T]) -> T:
            try:
                if before is not None:
                    before()
            except BaseException:
                start.abort()
                raise
            start.wait()
            with coinciding(moment):
                return deed()

        with ThreadPoolExecutor(len(deeds)) as pool:
            try:
                futures = [pool.submit(one, deed) for deed in deeds]
                wait(futures)
            except BaseException:
                # Interrupted before all had come: those who are there would wait for ever.
                start.abort()
                raise
        failures = [error for future in futures if (error := future.exception()) is not None]
        for error in failures:
            if not isinstance(error, threading.BrokenBarrierError):
                raise error
        return [future.result() for future in futures]

    # What comes back

    def created(self, answer: Exchange, requirement: str | None = None) -> dict[str, Any]:
        """The message in an answer to a send. Ends the scenario where there is none; with which
        status of success it came is judged for every answer.
        """
        message = new_message(answer)
        owner, what = _kind_of_send(answer)
        self.need(
            requirement or owner,
            message is not None,
            f"{what} is not answered 201 with the new message",
            '201 {"success": true, "data": {"_id": …}}',
            answer,
            cause=of_refusal(answer.request_json),
        )
        return dict(message or {})

    def history_of(self, reader: Actor, other: Actor) -> list[dict[str, Any]]:
        """The messages one user reads of another. Ends the scenario where they cannot be read; that
        the history of two who never wrote is answered 404 is HIST-08's affair and reads as empty.
        """
        answer = reader.read(other)
        if answer.status == 404 and not self.world.memory.have_written(reader, other):
            self.check(
                "HIST-08", False, NO_EMPTY_HISTORY, '200 {"success": true, "data": []}', answer
            )
            return []
        return self.messages_in(answer)

    def messages_in(self, answer: Exchange) -> list[dict[str, Any]]:
        """The messages in the answer to a reading. Ends the scenario where it is not one."""
        messages = unwrapped(answer.json)
        self.need(
            "HIST-01",
            answer.succeeded
            and isinstance(messages, list)
            and all(isinstance(message, dict) for message in messages),
            "A history is not answered 200 with an array of messages",
            '200 {"success": true, "data": [ … ]}',
            answer,
        )
        return list(messages)

    def await_message(
        self,
        connection: Connection,
        id: str | None = None,
        text: str | None = None,
        since: int = 0,
        within: float | None = None,
        like: Any = None,
    ) -> Received | None:
        """Waits for a receiveMessage with this id or text, or that says what the message `like`
        says; None when the deadline passes, which is the pace's or `within` seconds away.
        """
        seconds = self.pace.delivery if within is None else within

        def wanted(args: tuple[Any, ...]) -> bool:
            message = args[0] if args else None
            if like is not None and content(message)[2:] == content(like)[2:]:
                return True
            if id is not None:
                return message_id(message) == id.lower()
            return bool(member(message, "text") == text)

        return connection.wait_for("receiveMessage", wanted, within=seconds, since=since)

    def history_with(
        self,
        reader: Actor,
        other: Actor,
        texts: Collection[str] = (),
        ids: Collection[str | None] = (),
    ) -> list[dict[str, Any]]:
        """The history once it holds these texts and ids, or as it is when time for them is over:
        an event may come before what it tells of can be read.
        """
        deadline = Deadline(self.pace.delivery)
        pause = LOOK_AGAIN
        while True:
            messages = self.history_of(reader, other)
            missing = (
                set(texts).difference(map(text, messages)) or set(ids) - by_id(messages).keys()
            )
            if missing <= {None} or not deadline.left:
                return messages
            # A history may be long, and a backend that lost a message would be read all the time.
            threading.Event().wait(min(pause, deadline.left))
            pause = min(2 * pause, LONGEST_PAUSE)

    # That nothing came

    def fence(self, sender: Connection, actor: Actor, *others: tuple[Connection, Actor]) -> None:
        """Sends a later message over the same path to each of the others, waits for it there, and
        then for the settle time: what was to come has come. Ends the scenario when a fence does
        not arrive, since nothing could be said then.
        """
        for connection, other in others:
            text = self.text(FENCE)
            since = connection.mark()
            self.emit(sender, "sendMessage", {"recipientId": other.id, "text": text})
            if self.await_message(connection, text=text, since=since) is None:
                raise Blocked(f"a later message from {actor.name} to {other.name} did not arrive")
        self.settle(*(connection for connection, _ in others))

    def settle(self, *connections: Connection) -> None:
        """Waits until nothing more can be on its way to these connections."""
        deadline = time.monotonic() + self.pace.settle
        for connection in connections:
            connection.rest(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Ends the scenario's connections; called after every scenario."""
        for connection, emission in self._acknowledged:
            self.world.hearing.acknowledgements(
                emission.event,
                connection.acknowledgements(emission),
                _emit(connection, emission.event, emission.args),
            )
        self._silence()
        for connection in self._connections:
            with suppress(Exception):
                connection.close()


def _emit(connection: Connection, event: str, args: Sequence[Any]) -> Step:
    return Step.of_emit(connection.actor or "", event, args, connection=connection.number)


def is_fence(message: Any) -> bool:
    """Whether a message is a fence of the suite's."""
    return text(message).startswith(f"{FENCE} ")


def _kind_of_send(answer: Exchange) -> tuple[str, str]:
    """The requirement that has such a message taken, and what it is."""
    if answer.operation == "sendChatMessage":
        return "CHAT-01", "A valid chat message"
    if member(answer.request_json, "attachment") is not None:
        return "SEND-06", "A message with an attachment"
    return "SEND-01", "A valid message"
