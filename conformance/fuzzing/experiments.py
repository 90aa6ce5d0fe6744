"""Experiments with one payload: emit it alone and see what comes of it."""

import time
from dataclasses import dataclass

from conformance.fuzzing.expectation import Expectation
from conformance.fuzzing.party import NOTICES, Party
from conformance.fuzzing.rounds import Content, arguments, meant, strays, told
from conformance.fuzzing.stimulus import Stimulus
from conformance.judging.messages import by_id, content, member, same_id, unwrapped
from conformance.stage.stage import is_fence
from conformance.wire.sockets import NotConnected
from contract import Event


@dataclass(frozen=True, slots=True)
class Job:
    """A stimulus and what is expected of it."""

    stimulus: Stimulus
    expectation: Expectation


class Experiments:
    """Each emits one payload and says in words what it sees; empty where all is well."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self._sender = party.sender
        self._listeners = party.listeners

    def delivered(self, event: Event, job: Job) -> str:
        """What a payload alone delivers, in words; empty where it delivers nothing."""
        began = time.monotonic()
        if not self.alone(event, job):
            return ""
        self._party.settle()
        return told(strays(event.name, self._party.heard(began)))

    def idle(self, event: Event) -> bool:
        """Whether the same is delivered where no payload is emitted, just the fence: a backend may
        end typing by itself (D14).
        """
        began = time.monotonic()
        if not self._party.reopened():
            return False
        self._party.settle()
        return bool(strays(event.name, self._party.heard(began)))

    def stored(self, event: Event, job: Job) -> str:
        """What a payload alone stores, in words; empty where it stores nothing."""
        before = self.histories()
        if not self.alone(event, job):
            return ""
        count = len(self.stored_since(before))
        return f"{count} more in the histories" if count else ""

    def histories(self) -> dict[str, set[str]]:
        """Ids of the messages with each listener; without those whose history cannot be read."""
        found = {}
        for actor in self._listeners:
            messages = unwrapped(self._sender.read(actor).json)
            if isinstance(messages, list):
                found[actor.id] = set(by_id(messages))
        return found

    def stored_since(self, before: dict[str, set[str]]) -> list[Content]:
        """Messages of the sender that are in the histories now and were not, fences aside."""
        found = []
        for actor in self._listeners:
            messages = unwrapped(self._sender.read(actor).json)
            if actor.id not in before or not isinstance(messages, list):
                continue
            for id, message in by_id(messages).items():
                says = content(message)
                new = id not in before[actor.id] and not is_fence(message)
                if new and says[0] == self._sender.id:
                    found.append(says)
        return found

    def lost(self, event: Event, job: Job) -> str:
        """What came instead of a valid payload, in words; empty where it arrives as it was sent."""
        self._party.open()
        id = member(job.stimulus.body, "recipientId")
        recipient = next(actor for actor in self._listeners if same_id(actor.id, id))
        if event.name in NOTICES:
            # Some backends pass a notice on only when it says something new.
            (other,) = NOTICES.keys() - {event.name}
            self._party.notice(recipient, other)
        since, began = self._party.mark(recipient), time.monotonic()
        self._party.emit(event.name, *arguments(job.stimulus))
        if event.name in NOTICES:
            arrived = self._party.told_typing(recipient, NOTICES[event.name], since)
        else:
            expected = meant(self._sender.id, job.stimulus)
            arrived = self._party.wait(
                recipient, "receiveMessage", lambda message: content(message) == expected, since
            )
        return "" if arrived else told(self._party.heard(began)) or "nothing arrived"

    def serves(self) -> bool:
        """Whether a message goes through over new connections."""
        try:
            self._party.renew()
            return self._party.message(self._listeners[0])
        except NotConnected:
            return False

    def alone(self, event: Event, job: Job) -> bool:
        """Emits one payload; whether a fence behind it arrives, on a new connection if need be."""
        try:
            self._party.open()
            self._party.emit(event.name, *arguments(job.stimulus))
            if self._party.message(self._listeners[0]):
                return True
            self._party.open()
            return self._party.message(self._listeners[0])
        except NotConnected:
            return False

    def deafened(self, event: Event, job: Job) -> str:
        """Whether a payload alone leaves an open connection on which nothing is handled."""
        try:
            self._party.renew()
            self._party.emit(event.name, *arguments(job.stimulus))
            heard = self._party.message(self._listeners[0])
        except NotConnected:
            return ""
        deaf = not heard and not self._party.dropped
        return "a later message on the same connection does not arrive" if deaf else ""
