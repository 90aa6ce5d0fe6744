"""Performs scripts against a backend, and says what was wrong."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum

from conformance.evidence.steps import Step
from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Deed,
    Drop,
    Goodbye,
    Pair,
    Post,
    Read,
    Say,
    Script,
    Seat,
    Type,
    Unblock,
    Way,
    people,
)
from conformance.model.faults import Fault
from conformance.model.model import Device, Message, Model, Typing
from conformance.model.observer import Observer
from conformance.scenarios.props.settings import PLAIN
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import FENCE, Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.http import Exchange
from conformance.wire.sockets import Closed, Connection


class Depth(IntEnum):
    """How far a script is judged. What is done to judge it may itself change what comes of the
    next one, so that it is left out where it is not needed.
    """

    DEEDS = 0
    """While it is performed, and until what has to come has come."""
    ARRIVALS = 1
    """And what came to the devices altogether."""
    HISTORIES = 2
    """And what everybody reads in the end."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A fault, and what was done and seen until then."""

    fault: Fault
    script: Script
    steps: tuple[Step, ...]
    depth: Depth
    """Where it was seen."""


@dataclass(slots=True)
class Players:
    """Users who perform scripts together, the hub first, and what is known of them between two."""

    stage: Stage
    actors: list[Actor]
    typed: set[Typing] = field(default_factory=set)
    """Who has typed to whom in any script: what comes late is no stray in the next."""
    doubtful: set[Pair] = field(default_factory=set)
    """Those whose block was taken back, and between whom nothing was seen to get through since."""
    estranged: set[Pair] = field(default_factory=set)
    """Those among them between whom nothing did, which META-02 and META-10 judge."""

    def perform(
        self,
        script: Script,
        seconds: float,
        concerns: Callable[[Fault], bool],
        depth: Depth = Depth.HISTORIES,
    ) -> Failure | None:
        """Performs a script, waiting up to so many seconds for what has to come, and returns the
        first fault that `concerns` the caller. Raises Blocked.
        """
        self._make_up()
        model = Model(len(self.actors), doubtful=set(self.doubtful))
        observer = Observer(self.stage, self.actors, model, seconds)
        play = _Play(self, model, observer, concerns)
        try:
            play.introduce(set().union(*people(script)))
            play.perform(script, depth)
        except _Broken as broken:
            steps = (*observer.steps, *observer.received())
            return Failure(broken.fault, script[: play.done], steps, play.depth)
        finally:
            play.clear()
        return None

    def _make_up(self) -> None:
        """Looks whether messages get through where the last script ended with a block."""
        for pair in sorted(self.doubtful - self.estranged, key=sorted):
            sender, recipient = (self.actors[seat] for seat in sorted(pair, reverse=True))
            (socket,) = self.stage.connect(recipient)
            if gets_through(self.stage, sender, recipient, socket)[0]:
                self.doubtful.discard(pair)
            else:
                self.part(pair)
            self.stage.leave(socket)

    def part(self, pair: Pair) -> None:
        """Notes that nothing gets through between two, and sets them aside for the whole run."""
        self.estranged.add(pair)
        self.stage.world.blocked.add(frozenset(self.actors[seat].id for seat in pair))


def gets_through(
    stage: Stage, sender: Actor, recipient: Actor, socket: Connection
) -> tuple[bool, Exchange]:
    """Whether a message comes to a socket of its recipient; and the answer to sending it."""
    text = stage.text(FENCE)
    answer = sender.send(recipient, text=text)
    came = answer.succeeded and stage.await_message(socket, text=text) is not None
    return came, answer


class _Broken(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.summary)
        self.fault = fault


class _Play:
    """One performance of one script."""

    def __init__(
        self, players: Players, model: Model, observer: Observer, concerns: Callable[[Fault], bool]
    ) -> None:
        self.done = 0
        """Deeds."""
        self.depth = Depth.DEEDS
        self._players = players
        self._stage = players.stage
        self._actors = players.actors
        self._model = model
        self._observer = observer
        self._names = observer.names
        self._concerns = concerns
        self._sockets = observer.sockets
        self._breathing: list[Deadline] = []  # until which devices rest, by their numbers

    def introduce(self, seats: set[Seat]) -> None:
        """Lets these users write to each other. There is a conversation that settings can be made
        for then (D9), and the last thing that happened between them is the same in every play.
        """
        for sender, recipient in self._model.pairs():
            if sender in seats and recipient in seats:
                text = self._stage.text(FENCE)
                answer = self._actors[sender].send(self._actors[recipient], text=text)
                self._note(Step.of_exchange(answer))

    def perform(self, script: Script, depth: Depth) -> None:
        """Does and judges everything. Raises _Broken at the first fault, and Blocked."""
        for deed in script:
            self.done += 1
            self._do(deed)
        if script and script[-1] != Calm():
            self._do(Calm())
        if depth >= Depth.ARRIVALS:
            self.depth = Depth.ARRIVALS
            self._find(self._observer.arrivals())
            self._find(self._observer.strays(self._players.typed))
        if depth >= Depth.HISTORIES:
            self.depth = Depth.HISTORIES
            self._find(self._observer.histories())

    def _find(self, found: Iterator[Fault]) -> None:
        for fault in found:
            if self._concerns(fault):
                raise _Broken(fault)

    def clear(self) -> None:
        """Leaves nothing behind: no block, nobody who types, and nobody there."""
        self._players.doubtful |= self._model.doubtful
        for owner, other in self._model.blocked:
            self._players.doubtful.add(frozenset((owner, other)))
            with suppress(Exception):
                self._actors[owner].set(self._actors[other], PLAIN)
        for typist, other in self._model.unended:
            with suppress(Exception):
                self._stop_typing(typist, other)
        for socket in self._sockets:
            if not socket.closed:
                with suppress(Exception):
                    self._stage.leave(socket)

    def _stop_typing(self, typist: Seat, other: Seat) -> None:
        device = self._speaking(self._model.devices_of(typist))
        if device is None:
            (socket,) = self._stage.connect(self._actors[typist])
            self._sockets.append(socket)
        else:
            socket = self._sockets[device.number]
        self._stage.emit(socket, "stopTyping", {"recipientId": self._actors[other].id})

    def _do(self, deed: Deed) -> None:
        match deed:
            case Connect(who):
                self._connect(deed, self._actors[who])
            case Goodbye(number) | Drop(number):
                self._go(deed, self._model.devices[number])
            case Say(number, whom):
                self._say(deed, self._model.devices[number], whom)
            case Post(who, whom):
                self._post(deed, who, whom)
            case Type(number, whom) | Cease(number, whom):
                self._type(deed, self._model.devices[number], whom)
            case Read(who, whom):
                self._model.do(deed)
                if self._model.is_open(frozenset((who, whom))):
                    self._find(self._observer.read(deed)[1])
            case Block(who, whom) | Unblock(who, whom):
                self._set(deed, self._actors[who], self._actors[whom])
            case Calm():
                self._find(self._observer.round())
                self._heal()
                self._model.do(deed)

    # Who is there

    def _connect(self, deed: Connect, actor: Actor) -> None:
        self._model.do(deed)
        ordinal = self._observer.ordinal(len(self._sockets))
        self._note(Step.of_connect(actor.name, deed.transport, device=ordinal))
        self._sockets.append(self._stage.connect_at_once(actor, deed.transport))
        self._breathing.append(Deadline(self._stage.pace.breath))

    def _note(self, step: Step) -> None:
        self._observer.note(step)

    def _go(self, deed: Goodbye | Drop, device: Device) -> None:
        self._model.do(deed)
        dropped, socket = isinstance(deed, Drop), self._sockets[device.number]
        ordinal = self._observer.ordinal(device.number)
        self._note(Step.of_close(self._names[device.who], dropped=dropped, device=ordinal))
        (self._stage.drop if dropped else self._stage.leave)(socket)

    def _let_settle(self, *devices: Device | None) -> None:
        """Lets connections rest before anything is expected of them (D18)."""
        for device in devices:
            if device is not None:
                self._sockets[device.number].rest(self._breathing[device.number].left)

    def _speaking(self, devices: list[Device]) -> Device | None:
        """The first of these devices that the backend has not ended for a newer one (D15)."""
        return next((it for it in devices if not self._sockets[it.number].closed), None)

    def _emit(self, device: Device, event: str, body: dict[str, str]) -> bool:
        """Emits an event; whether the connection was open. Raises Blocked where it was the user's
        newest and has ended by itself.
        """
        newest, ordinal = self._model.newest(device.who), self._observer.ordinal(device.number)
        self._note(Step.of_emit(self._names[device.who], event, [body], device=ordinal))
        try:
            self._stage.emit_if_open(self._sockets[device.number], event, body)
        except Closed as closed:
            if device == newest:
                raise Blocked(f"a connection has ended by itself: {closed}") from None
            return False
        return True

    # What they say

    def _text(self, sender: Seat, recipient: Seat, way: Way) -> str:
        """The text of the next message, which stands nowhere else."""
        texts = self._observer.texts
        message = Message(len(texts), sender, recipient, way)
        texts.append(self._stage.text(self._names.about(message)))
        return texts[-1]

    def _say(self, deed: Say, device: Device, whom: Seat) -> None:
        who = device.who
        text = self._text(who, whom, Way.EVENT)
        speaking = self._speaking([device, *self._model.devices_of(who)])
        self._let_settle(speaking, self._model.newest(who), self._model.newest(whom))
        message = self._model.do(deed)
        body = {"recipientId": self._actors[whom].id, "text": text}
        sent = speaking is not None and self._emit(speaking, "sendMessage", body)
        if message is not None and not sent:
            self._model.strike(message)

    def _post(self, deed: Post, who: Seat, whom: Seat) -> None:
        text, way = self._text(who, whom, deed.way), deed.way
        sender, recipient = self._actors[who], self._actors[whom]
        self._let_settle(self._model.newest(whom))
        if way is Way.REST:
            answer = sender.send(recipient, text=text)
        else:
            answer = sender.chat(recipient, text)
        self._note(Step.of_exchange(answer))
        if self._model.is_open(frozenset((who, whom))):
            self._stage.created(answer, "SEND-01" if way is Way.REST else "CHAT-01")
        self._model.do(deed)

    def _type(self, deed: Type | Cease, device: Device, whom: Seat) -> None:
        begins, newest = isinstance(deed, Type), self._model.newest(whom)
        self._let_settle(device, newest)
        if begins:
            self._players.typed.add((device.who, whom))
            if newest is not None:
                mark = self._sockets[newest.number].mark()
                self._observer.began[device.who, whom] = mark
        self._model.do(deed)
        event = "typing" if begins else "stopTyping"
        body = {"recipientId": self._actors[whom].id}
        if self._sockets[device.number].closed or not self._emit(device, event, body):
            self._model.unhear(device.who, whom)

    def _set(self, deed: Block | Unblock, owner: Actor, other: Actor) -> None:
        # From before it is set until it is known to be taken back nothing is judged.
        blocks = isinstance(deed, Block)
        if blocks:
            self._model.do(deed)
        self._note(Step.of_exchange(owner.set(other, PLAIN | {"isBlocked": blocks})))
        if not blocks:
            self._model.do(deed)

    def _heal(self) -> None:
        """Looks whether messages get through where a block was taken back, to all who are there."""
        for pair in sorted(self._model.recovering - self._players.estranged, key=sorted):
            there = [it for seat in sorted(pair) if (it := self._model.newest(seat)) is not None]
            if not there:
                continue
            if all(self._gets_through(pair, device) for device in there):
                self._model.heal(pair)
            else:
                self._players.part(pair)

    def _gets_through(self, pair: Pair, device: Device) -> bool:
        self._let_settle(device)
        (sender,) = pair - {device.who}
        came, answer = gets_through(
            self._stage,
            self._actors[sender],
            self._actors[device.who],
            self._sockets[device.number],
        )
        self._note(Step.of_exchange(answer))
        return came
