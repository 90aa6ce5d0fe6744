"""Holds what was read and received against the model. Pure: no I/O, and nothing is waited for."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.model.deeds import Pair, Read, Seat
from conformance.model.model import Delivery, Device, Message, Model, Notice, Typing
from conformance.model.story import Names, called

LATER = "when all is done"
MEANWHILE = "while others write"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as the model says."""

    summary: str
    """Without any value that changes from run to run: what a baseline knows it by."""
    expected: str
    seen: str
    """What a story ends with."""
    awaited: bool = False
    """Whether it consists in something that did not come, so that it depends on how long one waits;
    any other was seen as it stands.
    """


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the play in a history. Users who have no seat are None."""

    number: int
    sender: Seat | None
    recipient: Seat | None
    id: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of the play that came to a device."""

    number: int
    as_sent: bool
    """Whether it has the content that was sent."""
    state: tuple[Any, ...]
    """What a sender may hear of again: its id and status."""


def missing_delivery(model: Model, names: Names, delivery: Delivery, seconds: float) -> Fault:
    """A message did not reach a device."""
    message, device = delivery.message, delivery.device
    return Fault(
        f"In an interleaving a message sent {message.way} does not reach the newest socket of its "
        "recipient",
        f"receiveMessage for {names.quoted(message)} on the newest socket of {names[device.who]}",
        f"{names.quoted(message)} has not come to {called(names, model.devices, device.number)} "
        f"within {seconds:.1f} s",
        awaited=True,
    )


def missing_notice(model: Model, names: Names, notice: Notice, seconds: float) -> Fault:
    """A device was not told of typing, or of its end."""
    what = "types" if notice.typing else "types no more"
    return Fault(
        "In an interleaving typing does not reach the newest socket of its recipient",
        f"typingStatus with isTyping {str(notice.typing).lower()} of {names[notice.typist]} on the "
        f"newest socket of {names[notice.device.who]}",
        f"{called(names, model.devices, notice.device.number)} is not told within {seconds:.1f} s "
        f"that {names[notice.typist]} {what}",
        awaited=True,
    )


def missing_confirmation(names: Names, message: Message, seconds: float) -> Fault:
    """A sender did not hear of what was sent as an event."""
    return Fault(
        "In an interleaving a message sent as an event is not confirmed to its sender",
        f"receiveMessage for {names.quoted(message)} on a socket of {names[message.sender]}",
        f"{names.quoted(message)} has come to no socket of {names[message.sender]} within "
        f"{seconds:.1f} s",
        awaited=True,
    )


def of_history(
    model: Model,
    names: Names,
    reading: Read,
    shown: Sequence[Shown],
    certain: Collection[int],
    when: str,
) -> Iterator[Fault]:
    """What is wrong with what a reading shows, which has to show the `certain` messages."""

    def fault(what: str, number: int, seen: str, *, awaited: bool = False) -> Fault:
        return Fault(
            f"In an interleaving a history read {when} {what}",
            f"the {len(judged)} messages of {reader} and {other}, each once",
            f"{reader} reads {other}: {names.quoted(model.messages[number])} {seen}",
            awaited=awaited,
        )

    reader, other = names[reading.who], names[reading.whom]
    pair = frozenset((reading.who, reading.whom))
    judged = model.judged(pair)
    times = Counter(it.number for it in shown)
    for number in sorted(set(certain) - times.keys()):
        yield fault("lacks a message", number, "is missing", awaited=when == LATER)
    for number in sorted(number for number in judged if times[number] > 1):
        yield fault("shows a message twice", number, f"stands there {_times(times[number])}")
    for number in sorted(times.keys() - model.between(pair)):
        yield fault("shows a message of others", number, "stands there, which is another's")
    for it in shown:
        message = model.messages[it.number]
        if it.number in judged and (it.sender, it.recipient) != (message.sender, message.recipient):
            yield fault("shows a message as somebody else's", it.number, "is somebody else's there")


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def of_both(
    model: Model, names: Names, pair: Pair, one: Sequence[Shown], other: Sequence[Shown]
) -> Iterator[Fault]:
    """What differs between the histories that the two of a pair read."""
    judged = model.judged(pair)
    mine, theirs = ({it.id for it in read if it.number in judged} for read in (one, other))
    if mine != theirs:
        left, right = (names[seat] for seat in sorted(pair))
        yield Fault(
            "After an interleaving the two users of a conversation read different messages",
            "the same ids on both sides",
            f"{left} and {right} read different messages of each other: {len(mine - theirs)} only "
            f"{left} does, {len(theirs - mine)} only {right}",
        )


def of_arrivals(
    model: Model, names: Names, device: Device, arrivals: Sequence[Arrival]
) -> Iterator[Fault]:
    """What is wrong with the messages that came to a device: its own user's, once, as sent."""

    def fault(what: str, message: Message, seen: str) -> Fault:
        return Fault(
            f"In an interleaving a message sent {message.way} {what}",
            f"{names.quoted(message)} for {names[message.recipient]}, and {names[message.sender]} "
            "for confirmation, as it was sent and once on each socket",
            f"{names.quoted(message)} {seen} {called(names, model.devices, device.number)}",
        )

    for number in dict.fromkeys(it.number for it in arrivals):
        message = model.messages[number]
        copies = [it for it in arrivals if it.number == number]
        if device.who not in message.pair:
            yield fault("reaches somebody else", message, "has come to")
        if number not in model.judged(message.pair):
            continue
        if not all(it.as_sent for it in copies):
            yield fault("arrives as another", message, "has come otherwise than it was sent to")
        # A sender may hear again of a message whose status has changed.
        states = len({it.state for it in copies}) if device.who == message.sender else 1
        if len(copies) != states:
            seen = f"has come {_times(len(copies))} to"
            yield fault("comes to one socket twice", message, seen)


def of_typing(
    model: Model, names: Names, device: Device, heard: Sequence[Seat], typed: Collection[Typing]
) -> Iterator[Fault]:
    """What is wrong with who types as a device `heard` it, where so many have `typed` to others.

    Only those are judged who have typed at all, as a user may be connected elsewhere too. What came
    once may be what an earlier scenario left behind.
    """
    typists = {typist for typist, _ in typed}
    for typist, times in Counter(heard).items():
        if times > 1 and typist in typists and (typist, device.who) not in typed:
            yield Fault(
                "In an interleaving somebody is told of typing that was meant for another",
                "typingStatus for the recipient only",
                f"{called(names, model.devices, device.number)} is told {_times(times)} that "
                f"{names[typist]} types, who has typed to others only",
            )
