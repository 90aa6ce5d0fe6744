"""Sees what comes of a script, and holds it against the model."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.evidence.leading import LONGEST_EVIDENCE
from conformance.evidence.steps import Step
from conformance.judging import messages
from conformance.judging.messages import member, same_id, user_id
from conformance.model import faults
from conformance.model.deeds import Read, Seat
from conformance.model.faults import LATER, MEANWHILE, Arrival, Fault, Shown
from conformance.model.model import Device, Message, Model, Notice, Typing
from conformance.model.story import Names, ordinal
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import LONGEST_PAUSE, LOOK_AGAIN, Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sockets import Connection


class Observer:
    """Looks at histories and at what came to devices, waiting up to `seconds` for what has to come.

    All that is wrong is yielded, nothing is raised for it. Where nothing can be said, as a
    connection has ended by itself or a history cannot be read, Blocked is raised.
    """

    def __init__(self, stage: Stage, actors: list[Actor], model: Model, seconds: float) -> None:
        self.names = Names(tuple(actor.name for actor in actors))
        self.steps: list[Step] = []
        """What was done and read so far."""
        self.sockets: list[Connection] = []
        """By the numbers of the devices."""
        self.texts: list[str] = []
        """By the numbers of the messages."""
        self.began: dict[Typing, int] = {}
        """The frame of the recipient's newest socket since which a typing may be told."""
        self._stage = stage
        self._actors = actors
        self._seats = {actor.id: seat for seat, actor in enumerate(actors)}
        self._model = model
        self._seconds = seconds

    def note(self, step: Step) -> None:
        """Adds something that was done to the backend."""
        self.steps.append(step if step.at is not None else replace(step, at=time.time()))

    def ordinal(self, number: int) -> int:
        """Which of its user's a device is, from 1."""
        return ordinal(self._model.devices, number)

    def received(self) -> list[Step]:
        """What came last to the devices, of what is judged here."""
        came = [
            (one.at, Step.of_received(socket.actor or "", one, self.ordinal(number)))
            for number, socket in enumerate(self.sockets[: len(self._model.devices)])
            for one in socket.received()
            if one.event in ("receiveMessage", "typingStatus")
        ]
        return [step for _, step in sorted(came, key=lambda it: it[0])[-LONGEST_EVIDENCE:]]

    # When a round is over

    def round(self) -> Iterator[Fault]:
        """Waits until all has come that has to. What was sent as an event has been handled when it
        stands in the history, and only then may devices go.
        """
        deadline = Deadline(self._seconds)
        for delivery in self._model.due:
            if not self._comes(delivery.message, delivery.device, deadline):
                yield faults.missing_delivery(self._model, self.names, delivery, self._seconds)
        for notice in self._model.told:
            if not self._is_told(notice, deadline):
                yield faults.missing_notice(self._model, self.names, notice, self._seconds)
        for reading in self._model.readings():
            yield from self.read(reading, LATER)[1]
        deadline = Deadline(self._seconds)
        for number in sorted(self._model.pending):
            message = self._model.messages[number]
            steady = self._model.newest(message.sender) is not None
            if steady and not self._is_confirmed(message, deadline):
                yield faults.missing_confirmation(self.names, message, self._seconds)

    def _comes(self, message: Message, device: Device, deadline: Deadline) -> bool:
        socket, text = self.sockets[device.number], self.texts[message.number]
        came = self._stage.await_message(socket, text=text, within=deadline.left)
        return came is not None or self._is_missing(device)

    def _is_told(self, notice: Notice, deadline: Deadline) -> bool:
        typist = self._actors[notice.typist].id

        def says_so(args: tuple[Any, ...]) -> bool:
            return (
                bool(args)
                and same_id(member(args[0], "senderId"), typist)
                and member(args[0], "isTyping") is notice.typing
            )

        told = self.sockets[notice.device.number].wait_for(
            "typingStatus",
            says_so,
            within=deadline.left,
            since=self.began[notice.typist, notice.device.who],
        )
        return told is not None or self._is_missing(notice.device)

    def _is_missing(self, device: Device) -> bool:
        """False, as nothing came; raises Blocked where the connection has ended by itself."""
        socket = self.sockets[device.number]
        if socket.closed:
            raise Blocked(f"a connection has ended by itself: {socket.close_reason}")
        return False

    def _is_confirmed(self, message: Message, deadline: Deadline) -> bool:
        """Whether it came to any of the sender's sockets, which may have left since."""
        sockets = [
            self.sockets[device.number]
            for device in self._model.devices
            if device.who == message.sender
        ]
        while not any(self._has(socket, message) for socket in sockets):
            if not deadline.left:
                return False
            threading.Event().wait(min(LOOK_AGAIN, deadline.left))
        return True

    def _has(self, socket: Connection, message: Message) -> bool:
        return any(
            messages.text(one.args[0]) == self.texts[message.number]
            for one in socket.received("receiveMessage")
            if one.args
        )

    # Histories

    def read(self, reading: Read, when: str = MEANWHILE) -> tuple[list[Shown], Iterator[Fault]]:
        """What a history shows of this script, once that is what has to stand there or time is
        over; and what is wrong with it.
        """
        certain = self._model.judged(frozenset((reading.who, reading.whom)))
        if when == MEANWHILE:
            certain &= self._model.sure
        deadline, pause = Deadline(self._seconds if when == LATER else 0), LOOK_AGAIN
        while True:
            answer = self._actors[reading.who].read(self._actors[reading.whom])
            shown = self._shown(self._stage.messages_in(answer))
            if certain <= {it.number for it in shown} or not deadline.left:
                break
            # A history may be long, and a backend that lost a message would be read all the time.
            threading.Event().wait(min(pause, deadline.left))
            pause = min(2 * pause, LONGEST_PAUSE)
        self.note(Step.of_exchange(answer))
        found = faults.of_history(self._model, self.names, reading, shown, certain, when)
        return shown, found

    def _shown(self, history: list[dict[str, Any]]) -> list[Shown]:
        numbers = {text: number for number, text in enumerate(self.texts)}
        return [
            Shown(
                numbers[messages.text(one)],
                self._seat(member(one, "sender")),
                self._seat(member(one, "recipient")),
                messages.message_id(one),
            )
            for one in history
            if messages.text(one) in numbers
        ]

    def _seat(self, reference: Any) -> Seat | None:
        return self._seats.get(user_id(reference) or "")

    def histories(self) -> Iterator[Fault]:
        """Lets the two of each pair read each other."""
        for pair in dict.fromkeys(message.pair for message in self._model.messages):
            if not self._model.is_open(pair):
                continue
            one, other = sorted(pair)
            mine, found = self.read(Read(one, other), LATER)
            yield from found
            theirs, found = self.read(Read(other, one), LATER)
            yield from found
            yield from faults.of_both(self._model, self.names, pair, mine, theirs)

    # What came to the devices

    def arrivals(self) -> Iterator[Fault]:
        """Waits until nothing more can be on its way."""
        there = [it for who in range(self._model.seats) for it in self._model.devices_of(who)]
        self._stage.settle(*(self.sockets[device.number] for device in there))
        for device in self._model.devices:
            yield from faults.of_arrivals(self._model, self.names, device, self._arrivals(device))

    def _arrivals(self, device: Device) -> list[Arrival]:
        numbers = {text: number for number, text in enumerate(self.texts)}
        arrived = (
            one.args[0]
            for one in self.sockets[device.number].received("receiveMessage")
            if one.args and messages.text(one.args[0]) in numbers
        )
        return [self._arrival(numbers[messages.text(one)], one) for one in arrived]

    def _arrival(self, number: int, arrived: Any) -> Arrival:
        message = self._model.messages[number]
        sender, recipient = self._actors[message.sender].id, self._actors[message.recipient].id
        as_sent = messages.content(arrived) == (sender, recipient, self.texts[number], None)
        state = messages.message_id(arrived), messages.status_rank(arrived)
        return Arrival(number, as_sent, state)

    def strays(self, typed: set[Typing]) -> Iterator[Fault]:
        """What came of typing where so many have `typed` to others."""
        for device in self._model.devices:
            told = (
                one.args[0]
                for one in self.sockets[device.number].received("typingStatus")
                if one.args and member(one.args[0], "isTyping") is True
            )
            heard = [
                seat for one in told if (seat := self._seat(member(one, "senderId"))) is not None
            ]
            yield from faults.of_typing(self._model, self.names, device, heard, typed)
