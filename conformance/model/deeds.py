"""What users can do in an interleaving, as values. A script is a sequence of deeds.

Users are named by their seat in the cast; the first, the hub, is the one who writes to all others.
A device is a socket that a user opens; it is named by how many were opened before it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from conformance.wire.sessions import Transport

Seat: TypeAlias = int
HUB: Seat = 0

Pair: TypeAlias = frozenset[Seat]
"""Two users who write to each other."""


class Way(StrEnum):
    """How a message is sent, in the words of a report."""

    EVENT = "as an event"
    REST = "over REST"
    ALIAS = "through the alias"


@dataclass(frozen=True, slots=True)
class Connect:
    """A user opens another socket."""

    who: Seat
    transport: Transport


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A device says goodbye and closes."""

    device: int


@dataclass(frozen=True, slots=True)
class Drop:
    """A device is cut off without a goodbye."""

    device: int


@dataclass(frozen=True, slots=True)
class Say:
    """A device sends a message as an event."""

    device: int
    whom: Seat


@dataclass(frozen=True, slots=True)
class Post:
    """A user sends a message over HTTP."""

    who: Seat
    whom: Seat
    way: Way


@dataclass(frozen=True, slots=True)
class Type:
    """A device tells that its user begins to type."""

    device: int
    whom: Seat


@dataclass(frozen=True, slots=True)
class Cease:
    """The device that told so tells that its user types no more."""

    device: int
    whom: Seat


@dataclass(frozen=True, slots=True)
class Read:
    """A user reads the history with another."""

    who: Seat
    whom: Seat


@dataclass(frozen=True, slots=True)
class Block:
    """A user blocks another."""

    who: Seat
    whom: Seat


@dataclass(frozen=True, slots=True)
class Unblock:
    """A user takes the block of another back."""

    who: Seat
    whom: Seat


@dataclass(frozen=True, slots=True)
class Calm:
    """Nobody does anything until all that has to come of the deeds so far has come."""


Deed: TypeAlias = (
    Connect | Goodbye | Drop | Say | Post | Type | Cease | Read | Block | Unblock | Calm
)
Script: TypeAlias = tuple[Deed, ...]


def people(script: Script) -> list[set[Seat]]:
    """Of each deed, who does it and to whom."""
    owners = [deed.who for deed in script if isinstance(deed, Connect)]
    return [_people(deed, owners) for deed in script]


def _people(deed: Deed, owners: list[Seat]) -> set[Seat]:
    match deed:
        case Connect(who):
            return {who}
        case Goodbye(device) | Drop(device):
            return {owners[device]}
        case Say(device, whom) | Type(device, whom) | Cease(device, whom):
            return {owners[device], whom}
        case Post(who, whom) | Read(who, whom) | Block(who, whom) | Unblock(who, whom):
            return {who, whom}
        case Calm():
            return set()
