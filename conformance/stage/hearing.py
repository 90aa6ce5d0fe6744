"""Judges every answer and every event the moment it comes, whoever is waiting for it."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from conformance.evidence.steps import Step
from conformance.judging.audience import Copies, Identities, judge_audience
from conformance.judging.judgements import Judgement
from conformance.judging.messages import member, message_id, new_message, status_rank, user_id
from conformance.judging.monitors import (
    Sighting,
    StatusWatch,
    judge_acknowledgements,
    judge_event,
    judge_exchange,
    messages_of,
    sightings,
)
from conformance.stage.actor import Actor
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received

if TYPE_CHECKING:
    from conformance.stage.world import World

LAST_HEARD = 100
"""How many of the last events from the backend are kept for the traces of findings."""


@dataclass(slots=True)
class Memory:
    """What was seen of messages and events in a run, by all who play in it. From any thread."""

    _undocumented: set[str] = field(default_factory=set)
    _statuses: StatusWatch = field(default_factory=StatusWatch)
    _identities: Identities = field(default_factory=Identities)
    _copies: Copies = field(default_factory=Copies)
    _pairs: set[frozenset[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_undocumented(self, *events: str) -> None:
        """Notes events that the contract does not name."""
        with self._lock:
            self._undocumented.update(events)

    @property
    def undocumented_events(self) -> frozenset[str]:
        """Those that were noted."""
        with self._lock:
            return frozenset(self._undocumented)

    def note_pair(self, message: Any) -> None:
        """Notes between whom a message is."""
        pair = {user_id(member(message, name)) for name in ("sender", "recipient")}
        if None not in pair:
            with self._lock:
                self._pairs.add(frozenset(filter(None, pair)))

    def have_written(self, one: Actor, other: Actor) -> bool:
        """Whether a message of one of the two to the other was seen."""
        with self._lock:
            return frozenset((one.id, other.id)) in self._pairs

    def judge_status(self, sighting: Sighting) -> Judgement:
        """See `StatusWatch`."""
        with self._lock:
            return self._statuses.judge(sighting)

    def judge_ids(self, message: Any) -> list[Judgement]:
        """See `Identities`."""
        with self._lock:
            return list(self._identities.judge(message))

    def judge_copy(self, message: Any, listener: str, connection: int) -> list[Judgement]:
        """See `Copies`."""
        with self._lock:
            return list(self._copies.judge(message, listener, connection))

    def forget_ids(self) -> None:
        """A backend that was started again may give the same ids once more."""
        with self._lock:
            self._identities.forget()


class Hearing:
    """What the users of a world hear from the backend."""

    def __init__(self, world: "World", memory: Memory) -> None:
        self.memory = memory
        self._world = world
        self._last: deque[Step] = deque(maxlen=LAST_HEARD)
        self._lock = threading.Lock()

    @property
    def last(self) -> tuple[Step, ...]:
        """The events that came last."""
        with self._lock:
            return tuple(self._last)

    def exchange(self, exchange: Exchange, step: Step) -> None:
        """Judges an answer of the backend."""
        for judgement in judge_exchange(self._world.contract, exchange):
            self._world.enter(judgement, [step])
        self.memory.note_pair(new_message(exchange))
        for sighting in sightings(exchange):
            self._enter(self.memory.judge_status(sighting), step)
        for message in messages_of(exchange):
            self._identify(message, step)

    def event(self, actor: Actor, received: Received, step: Step) -> None:
        """Judges an event that an actor gets."""
        with self._lock:
            self._last.append(step)
        known = self._world.contract.events.get(received.event)
        if known is None or known.action != "send":
            self.memory.note_undocumented(received.event)
            return
        message = received.args[0] if received.args else None
        for judgement in judge_event(self._world.contract, received.event, received.args):
            self._enter(judgement, step)
        for judgement in self._audience(actor, received.event, message):
            self._enter(judgement, step)
        if received.event == "receiveMessage" and step.connection is not None:
            for judgement in self.memory.judge_copy(message, actor.id, step.connection):
                named = replace(judgement, observed=self._by_name(judgement.observed))
                self._enter(named, step)
        self._identify(message, step)
        self.memory.note_pair(message)
        id, rank = message_id(message), status_rank(message)
        if id is not None and rank is not None:
            sighting = Sighting(id, rank, received.wall, received.wall, True)
            self._enter(self.memory.judge_status(sighting), step)

    def acknowledgements(
        self, event: str, answers: tuple[tuple[Any, ...], ...], step: Step
    ) -> None:
        """Judges what came back for an event that asked for an acknowledgement."""
        for judgement in judge_acknowledgements(self._world.contract, event, answers):
            self._world.enter(judgement, [step])

    def _audience(self, actor: Actor, event: str, payload: Any) -> Iterator[Judgement]:
        world = self._world
        for judgement in judge_audience(
            event,
            payload,
            actor.id,
            company=frozenset(one.id for one in world.actors),
            everyone=world.ids,
            friends=None if world.target.friends is None else self._friends,
        ):
            yield replace(judgement, observed=self._by_name(judgement.observed))

    def _friends(self, user: str) -> frozenset[str]:
        known, everyone = self._world.target.are_friends, self._world.everyone
        (one,) = (each for each in everyone if each.id == user)
        return frozenset(other.id for other in everyone if known(one, other))

    def _by_name(self, text: str) -> str:
        """The text with the names of users in place of their ids."""
        for user in self._world.everyone:
            text = text.replace(user.id, user.name)
        return text

    def _identify(self, message: Any, step: Step) -> None:
        for judgement in self.memory.judge_ids(message):
            self._enter(judgement, step)

    def _enter(self, judgement: Judgement, came: Step) -> None:
        """Enters what is judged of an answer or an event, with what led to it."""
        world = self._world
        if judgement.holds or came.kind == "exchange":
            world.enter(judgement, [came])
            return
        payload = came.args[0] if came.args else None
        id = user_id(member(payload, "senderId" if came.event == "typingStatus" else "userId"))
        user = next((one.name for one in world.everyone if one.id == id), None)
        world.enter(judgement, world.attendance.leading_to(came, user, list(world.last_steps)))
