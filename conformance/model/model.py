"""What has to come, and what may come, of deeds that are done one after the other. No I/O.

A round is what is done between two moments of calm, without waiting for what comes of it. What is
a race is left open: a user whose devices came or went in a round is *unsteady* until it is over;
messages to such a user may arrive live or not, but stand in the history, and nothing is emitted by
that user, as it may be lost. Between two users with a block next to nothing is judged (D10), nor is
it after the block until a message is seen to get through again, as that is a should (META-10).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from conformance.model.deeds import (
    HUB,
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
    Seat,
    Type,
    Unblock,
    Way,
)
from conformance.wire.sessions import Transport

Kind = TypeVar("Kind", bound=Deed)

MOST_DEVICES = 3
"""Sockets of one user at a time."""
TRANSPORTS: tuple[Transport, ...] = ("websocket", "default", "polling")


@dataclass(frozen=True, slots=True)
class Device:
    """A socket of a user."""

    number: int
    who: Seat
    transport: Transport


@dataclass(frozen=True, slots=True)
class Message:
    """A message, named by how many were sent before it."""

    number: int
    sender: Seat
    recipient: Seat
    way: Way

    @property
    def pair(self) -> Pair:
        """The two users."""
        return frozenset((self.sender, self.recipient))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message has to reach a device."""

    message: Message
    device: Device


@dataclass(frozen=True, slots=True)
class Notice:
    """A device has to hear that somebody types or ceases to; at any time since the typing began, as
    a backend may end it by itself (D14).
    """

    typist: Seat
    typing: bool
    device: Device


Typing = tuple[Seat, Seat]
"""A typist and the user typed to."""


@dataclass(slots=True)
class Model:
    """Users in their seats, what they have done, and what follows. `do` takes it further."""

    seats: int
    devices: list[Device] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    due: list[Delivery] = field(default_factory=list)
    """What has to arrive before the round is over."""
    told: list[Notice] = field(default_factory=list)
    """Who has to be told before the round is over."""
    sure: set[int] = field(default_factory=set)
    """Messages that every reading from now on has to show."""
    pending: set[int] = field(default_factory=set)
    """Messages that have to stand in the history when the round is over."""
    unended: set[Typing] = field(default_factory=set)
    """Who has begun to type to whom and not ceased."""
    blocked: set[Typing] = field(default_factory=set)
    """Who blocks whom."""
    doubtful: set[Pair] = field(default_factory=set)
    """Those between whom no message was seen to get through since a block was taken back."""
    _open: set[int] = field(default_factory=set)
    _spoke: set[int] = field(default_factory=set)  # devices that emitted something in this round
    _unsteady: set[Seat] = field(default_factory=set)
    _dropped: set[Seat] = field(default_factory=set)  # who was ever cut off without a goodbye
    # The device that told of a typing; None where nobody knows what the backend makes of it.
    _typing: dict[Typing, int | None] = field(default_factory=dict)
    _heard: dict[Typing, Device] = field(default_factory=dict)  # the one that was told of it
    _noticed: set[Typing] = field(default_factory=set)  # who began or ceased in this round
    _stirred: bool = False  # something was done in this round

    # Who is there

    @property
    def quiet(self) -> Seat:
        """One who never types nor is typed to, so that every notice there is a stray."""
        return self.seats - 1

    def pairs(self) -> Iterator[tuple[Seat, Seat]]:
        """Everyone who may do something to somebody, with that one."""
        for other in range(1, self.seats):
            yield other, HUB
            yield HUB, other

    def devices_of(self, who: Seat) -> list[Device]:
        """The user's devices that have not left, the newest first. A backend that knows one
        connection per user (D15) may have ended all but the first of them.
        """
        mine = [device for device in self.devices if device.who == who]
        return [device for device in reversed(mine) if device.number in self._open]

    def newest(self, who: Seat) -> Device | None:
        """The device that gets the user's events whatever the backend's way: the one opened last,
        as long as it has not left (D15).
        """
        mine = [device for device in self.devices if device.who == who]
        steady = bool(mine) and mine[-1].number in self._open and who not in self._unsteady
        return mine[-1] if steady else None

    def is_open(self, pair: Pair) -> bool:
        """Whether anything is judged between two users."""
        return pair not in self.doubtful and not self._is_blocked(*pair)

    @property
    def recovering(self) -> set[Pair]:
        """Those whose block was taken back and who are not blocked anew."""
        return {pair for pair in self.doubtful if not self._is_blocked(*pair)}

    def _is_blocked(self, one: Seat, other: Seat) -> bool:
        return not self.blocked.isdisjoint({(one, other), (other, one)})

    # What may be done

    def legal(self, kind: type[Kind]) -> list[Kind]:
        """The deeds of a kind that may be done now, the simplest first. Follows from the deeds so
        far alone, not from what a backend made of them.
        """
        return list(cast(Iterator[Kind], _LEGAL[kind](self)))

    def _speakers(self) -> Iterator[Device]:
        for who in range(self.seats):
            if who not in self._unsteady:
                yield from self.devices_of(who)

    def _partners(self, who: Seat) -> range:
        return range(1, self.seats) if who == HUB else range(HUB, HUB + 1)

    def _connects(self) -> Iterator[Deed]:
        for transport in TRANSPORTS:
            for who in range(self.seats):
                numbers = {device.number for device in self.devices_of(who)}
                # Where the newer replaces the older, what the older has just sent may be lost.
                if len(numbers) < MOST_DEVICES and not numbers & self._spoke:
                    yield Connect(who, transport)

    def _silent(self) -> Iterator[Device]:
        """Devices that may go: what they have sent has been handled."""
        for who in range(self.seats):
            yield from (it for it in self.devices_of(who) if it.number not in self._spoke)

    def _goodbyes(self) -> Iterator[Deed]:
        return (Goodbye(device.number) for device in self._silent())

    def _drops(self) -> Iterator[Deed]:
        # Where backends notice it at once: a poll that is missing is missed later.
        return (Drop(it.number) for it in self._silent() if it.transport == "websocket")

    def _says(self) -> Iterator[Deed]:
        for device in self._speakers():
            yield from (Say(device.number, whom) for whom in self._partners(device.who))

    def _posts(self) -> Iterator[Deed]:
        for way in (Way.REST, Way.ALIAS):
            yield from (Post(who, whom, way) for who, whom in self.pairs())

    def _types(self) -> Iterator[Deed]:
        for device in self._speakers():
            for whom in self._partners(device.who):
                if (
                    self.quiet not in (device.who, whom)
                    and (device.who, whom) not in self._typing
                    and (device.who, whom) not in self._noticed
                    and not self._is_blocked(device.who, whom)
                ):
                    yield Type(device.number, whom)

    def _ceases(self) -> Iterator[Deed]:
        for (who, whom), number in self._typing.items():
            if number is not None and who not in self._unsteady:
                yield Cease(number, whom)

    def _reads(self) -> Iterator[Deed]:
        # A backend may refuse it to the blocked (D10).
        return (Read(*pair) for pair in self.pairs() if not self._is_blocked(*pair))

    def _blocks(self) -> Iterator[Deed]:
        # One at a time, so that there is something left to judge.
        return (Block(*pair) for pair in self.pairs() if not self.blocked)

    def _unblocks(self) -> Iterator[Deed]:
        return (Unblock(*pair) for pair in sorted(self.blocked))

    def _calms(self) -> Iterator[Deed]:
        return iter([Calm()] if self._stirred else [])

    # What is done

    def do(self, deed: Deed) -> Message | None:
        """Does a deed, and returns the message that it sends, if it does."""
        self._stirred = not isinstance(deed, Calm)
        match deed:
            case Connect(who, transport):
                device = Device(len(self.devices), who, transport)
                self.devices.append(device)
                self._open.add(device.number)
                self._unsettle(who)
            case Goodbye(number):
                self._leave(self.devices[number])
            case Drop(number):
                self._dropped.add(self.devices[number].who)
                self._leave(self.devices[number])
            case Say(number, whom):
                self._spoke.add(number)
                return self._send(self.devices[number].who, whom, Way.EVENT)
            case Post(who, whom, way):
                return self._send(who, whom, way)
            case Type(number, whom):
                self._spoke.add(number)
                self._type(self.devices[number], whom)
            case Cease(number, whom):
                self._spoke.add(number)
                self._cease(self.devices[number].who, whom)
            case Block(who, whom):
                self._block(who, whom)
            case Unblock(who, whom):
                self.blocked.discard((who, whom))
                self.doubtful.add(frozenset((who, whom)))
            case Calm():
                self._end_round()
            case Read():
                pass
        return None

    def _unsettle(self, who: Seat) -> None:
        """What is on its way to this user may take any way from now on until the round is over."""
        self._unsteady.add(who)
        self.due = [it for it in self.due if it.device.who != who]
        self.told = [it for it in self.told if it.device.who != who]
        self._heard = {typing: it for typing, it in self._heard.items() if it.who != who}

    def _leave(self, device: Device) -> None:
        self._unsettle(device.who)
        self._open.discard(device.number)
        for typing, number in self._typing.items():
            if number == device.number:
                self._lose_sight(typing)

    def _lose_sight(self, typing: Typing) -> None:
        """Nobody knows what the backend makes of this typing, which may have ended by itself."""
        self._typing[typing] = None
        self._heard.pop(typing, None)

    def _send(self, sender: Seat, recipient: Seat, way: Way) -> Message:
        message = Message(len(self.messages), sender, recipient, way)
        self.messages.append(message)
        if self.is_open(message.pair):
            (self.pending if way is Way.EVENT else self.sure).add(message.number)
            if (newest := self.newest(recipient)) is not None:
                self.due.append(Delivery(message, newest))
        return message

    def _type(self, device: Device, whom: Seat) -> None:
        typing = (device.who, whom)
        self.unended.add(typing)
        self._typing[typing] = device.number
        self._noticed.add(typing)
        if self.is_open(frozenset(typing)) and (newest := self.newest(whom)) is not None:
            self.told.append(Notice(device.who, True, newest))
            self._heard[typing] = newest

    def _cease(self, who: Seat, whom: Seat) -> None:
        del self._typing[who, whom]
        self.unended.discard((who, whom))
        self._noticed.add((who, whom))
        told = self._heard.pop((who, whom), None)
        if told is not None and told == self.newest(whom):
            self.told.append(Notice(who, False, told))

    def _block(self, who: Seat, whom: Seat) -> None:
        """What is on its way between the two may be stopped; whether a typing or its end still got
        through, nobody knows.
        """
        self.blocked.add((who, whom))
        pair = frozenset((who, whom))
        self.pending -= self.between(pair)
        self.due = [it for it in self.due if it.message.pair != pair]
        self.told = [it for it in self.told if {it.typist, it.device.who} != pair]
        for typing in ((who, whom), (whom, who)):
            if typing in self._typing or typing in self._noticed:
                self._lose_sight(typing)

    def _end_round(self) -> None:
        self.sure |= self.pending
        self.due, self.told = [], []
        self.pending, self._spoke, self._unsteady, self._noticed = set(), set(), set(), set()
        # Who has said goodbye on every device has ceased to type.
        gone = {who for who in range(self.seats) if not self.devices_of(who)} - self._dropped
        for typing, number in list(self._typing.items()):
            if number is None and typing[0] in gone:
                del self._typing[typing]

    # What became of it otherwise

    def strike(self, message: Message) -> None:
        """The message could not be sent after all, or it may have been lost fairly."""
        self.pending.discard(message.number)
        self.due = [it for it in self.due if it.message != message]

    def unhear(self, who: Seat, whom: Seat) -> None:
        """The typing, or its end, could not be told after all."""
        self.told = [it for it in self.told if (it.typist, it.device.who) != (who, whom)]
        self._heard.pop((who, whom), None)

    def heal(self, pair: Pair) -> None:
        """A message has got through since a block was taken back."""
        self.doubtful.discard(pair)

    # What a history holds

    def readings(self) -> list[Read]:
        """Who has to read whom to see whether what is pending stands there: its sender, so that
        what the recipient has not read stays unread.
        """
        read: dict[Pair, Read] = {}
        for number in sorted(self.pending):
            message = self.messages[number]
            read.setdefault(message.pair, Read(message.sender, message.recipient))
        return list(read.values())

    def between(self, pair: Pair) -> set[int]:
        """The numbers of all messages of two users; what is not judged among them too."""
        return {message.number for message in self.messages if message.pair == pair}

    def judged(self, pair: Pair) -> set[int]:
        """Those among them that were sent and are no race: a history has them once."""
        return self.between(pair) & (self.sure | self.pending)


_LEGAL: Mapping[type[Any], Callable[[Model], Iterator[Deed]]] = {
    Connect: Model._connects,
    Goodbye: Model._goodbyes,
    Drop: Model._drops,
    Say: Model._says,
    Post: Model._posts,
    Type: Model._types,
    Cease: Model._ceases,
    Read: Model._reads,
    Block: Model._blocks,
    Unblock: Model._unblocks,
    Calm: Model._calms,
}
