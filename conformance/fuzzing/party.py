"""The sockets of event fuzzing: one that emits, others that listen, and fences between them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from conformance.evidence.steps import Step
from conformance.judging.messages import member, same_id, text, user_id
from conformance.stage.actor import Actor
from conformance.stage.stage import FENCE, is_fence
from conformance.wire.deadlines import Deadline
from conformance.wire.sockets import Closed, Connection, Emission, NotConnected, Received

NOTICES = {"typing": True, "stopTyping": False}
"""Client-to-server events that give the recipient a typingStatus, and its `isTyping`."""

LOOK = 0.05
"""Seconds between two looks at whether the sender's socket still is open."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that somebody's socket received."""

    listener: Actor
    received: Received

    @property
    def event(self) -> str:
        """The event's name."""
        return self.received.event

    @property
    def payload(self) -> Any:
        """The event's first argument."""
        return self.received.args[0] if self.received.args else None


class Party:
    """A sender, who emits what is fuzzed, and listeners; every one with one socket.

    `open` comes first; it raises NotConnected where a socket is not to be had.
    """

    def __init__(self, sender: Actor, listeners: Sequence[Actor]) -> None:
        self.sender = sender
        self.listeners = tuple(listeners)
        self._pace = sender.world.pace
        self._sockets: dict[str, Connection] = {}
        self._numbers = count()

    def open(self) -> None:
        """Opens every socket that is not open, and lets it settle (D18)."""
        missing = [
            actor
            for actor in (self.sender, *self.listeners)
            if actor.id not in self._sockets or self._sockets[actor.id].closed
        ]
        if not missing:
            return
        with ThreadPoolExecutor(len(missing), "r2c connecting") as pool:
            futures = {actor.id: pool.submit(actor.connect) for actor in missing}
        self._sockets |= {
            id: future.result() for id, future in futures.items() if future.exception() is None
        }
        for future in futures.values():
            future.result()
        self.sender.world.settle_in(self._sockets[missing[-1].id])

    def renew(self) -> None:
        """Gives everyone a new socket."""
        self.close()
        self.open()

    def reopened(self) -> bool:
        """Whether the sender gets a message through on a new connection."""
        try:
            self.open()
        except NotConnected:
            return False
        return self.message(self.listeners[0])

    def close(self) -> None:
        """Closes all sockets."""
        for socket in self._sockets.values():
            with suppress(Exception):
                socket.close()
        self._sockets.clear()

    @property
    def dropped(self) -> bool:
        """Whether the backend has closed the sender's socket."""
        socket = self._sockets.get(self.sender.id)
        return socket is None or socket.closed

    def emit(self, event: str, *args: Any, acknowledge: bool = False) -> Emission | None:
        """Emits an event as the sender; None where the backend has closed the socket."""
        socket = self._sockets[self.sender.id]
        self.sender.world.step(
            Step.of_emit(self.sender.name, event, args, connection=socket.number)
        )
        try:
            return socket.emit(event, *args, acknowledge=acknowledge)
        except Closed:
            return None

    @property
    def socket(self) -> Connection:
        """The sender's socket."""
        return self._sockets[self.sender.id]

    def wait(self, listener: Actor, event: str, wanted: Callable[[Any], bool], since: int) -> bool:
        """Whether an event whose payload is `wanted` reaches the listener in time.

        Once the sender's socket is closed, only what is on its way is waited for.
        """
        deadline = Deadline(self._pace.delivery)
        socket = self._sockets[listener.id]
        while True:
            last = self.dropped or deadline.left <= LOOK
            within = self._pace.settle if self.dropped else min(deadline.left, LOOK)
            found = socket.wait_for(
                event, lambda args: bool(args) and wanted(args[0]), within=within, since=since
            )
            if found is not None or last:
                return found is not None

    def mark(self, listener: Actor) -> int:
        """The number of the next frame that the listener gets."""
        return self._sockets[listener.id].mark()

    def message(self, listener: Actor) -> bool:
        """Sends a message and waits for it at the listener: what was emitted before is handled."""
        content = f"{FENCE} {next(self._numbers)} {time.time_ns():x}"
        since = self.mark(listener)
        self.emit("sendMessage", {"recipientId": listener.id, "text": content})
        return self.wait(
            listener,
            "receiveMessage",
            lambda message: text(message) == content,
            since,
        )

    def notice(self, listener: Actor, event: str) -> bool:
        """The same with `typing` or `stopTyping`, which stores nothing."""
        since = self.mark(listener)
        self.emit(event, {"recipientId": listener.id})
        return self.told_typing(listener, NOTICES[event], since)

    def told_typing(self, listener: Actor, typing: bool, since: int) -> bool:
        """Whether the listener is told in time that the sender is typing, or has ceased to."""
        return self.wait(
            listener,
            "typingStatus",
            lambda status: (
                same_id(member(status, "senderId"), self.sender.id)
                and member(status, "isTyping") is typing
            ),
            since,
        )

    def settle(self) -> None:
        """Waits until nothing that was emitted before can still be on its way."""
        self._sockets[self.sender.id].rest(self._pace.settle)

    def heard(self, since: float) -> list[Heard]:
        """What everyone received from the sender since a monotonic time, fences aside.

        An event with another sender is somebody else's business; one without any is not.
        """
        found = []
        for actor in (self.sender, *self.listeners):
            socket = self._sockets.get(actor.id)
            for received in socket.received() if socket is not None else ():
                heard = Heard(actor, received)
                if received.at >= since and self._ours(heard):
                    found.append(heard)
        return found

    def _ours(self, heard: Heard) -> bool:
        if heard.event == "receiveMessage":
            sender = user_id(member(heard.payload, "sender"))
            return not is_fence(heard.payload) and sender in (None, self.sender.id)
        if heard.event == "typingStatus":
            return user_id(member(heard.payload, "senderId")) in (None, self.sender.id)
        return False
