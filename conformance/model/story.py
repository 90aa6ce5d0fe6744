"""Tells a script, and what came of it, in sentences that a person can follow."""

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Deed,
    Drop,
    Goodbye,
    Post,
    Read,
    Say,
    Script,
    Seat,
    Type,
    Unblock,
)
from conformance.model.model import Device, Message, Model


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the users, by their seats."""

    names: tuple[str, ...]

    def __getitem__(self, seat: Seat) -> str:
        return self.names[seat]

    def about(self, message: Message) -> str:
        """How the text of a message begins: who writes to whom, and its number."""
        return f"{self[message.sender]} to {self[message.recipient]} {message.number + 1}"

    def quoted(self, message: Message) -> str:
        """A message in a sentence."""
        return f"“{self.about(message)}”"


def ordinal(devices: Sequence[Device], number: int) -> int:
    """Which of its user's a device is among all, from 1."""
    return sum(device.who == devices[number].who for device in devices[: number + 1])


def called(names: Names, devices: Sequence[Device], number: int) -> str:
    """A device among all in a sentence: its user, and which it is where there are several."""
    who = devices[number].who
    several = sum(device.who == who for device in devices) > 1
    return f"{names[who]} (device {ordinal(devices, number)})" if several else names[who]


BEFORE = "They have written to each other. Nobody is connected, blocked or typing."
"""How every script begins; what a backend keeps of those before it besides, nobody can tell."""
ONCE = "It did not occur when the same was done again: it takes a race, or what was done before."
LONGEST = 40
"""Lines of a story; of a longer one, which could not be made shorter, the end."""


def story(script: Script, names: Names, seen: str, *, again: bool = True) -> str:
    """The deeds, numbered, each on a line, and what was seen then; where it was not seen `again`
    when the same was done once more, it says so.
    """
    teller = _Teller(script, names)
    lines = [
        teller.sentence(deed, last=place == len(script)) for place, deed in enumerate(script, 1)
    ]
    if lines and seen.startswith(f"{lines[-1].removesuffix('.')}: "):
        lines.pop()  # it was seen in this very reading
    lines.append(f"{seen}.")
    numbered = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
    if len(numbered) > LONGEST:
        numbered[:-LONGEST] = [f"({len(numbered) - LONGEST} deeds before these)"]
    end = () if again else (ONCE,)
    return "\n".join((BEFORE, *numbered, *end))


class _Teller:
    def __init__(self, script: Script, names: Names) -> None:
        self._names = names
        self._model = Model(len(names.names))
        ends = Model(len(names.names))
        for deed in script:
            ends.do(deed)
        self._devices = ends.devices

    def sentence(self, deed: Deed, last: bool) -> str:
        """Tells the next deed, and what is read to know that all has come; in the last one, it was
        seen before or in that reading what is wrong.
        """
        readings = self._model.readings() if isinstance(deed, Calm) else []
        message = self._model.do(deed)
        words = [self._words(deed, self._names.quoted(message) if message else "")]
        if not last:
            words += [self._words(reading, "") for reading in readings]
        return f"{'; '.join(words)}."

    def _words(self, deed: Deed, text: str) -> str:
        names = self._names
        match deed:
            case Connect(who, transport):
                device = self._device(len(self._model.devices) - 1)
                return f"{device} connects ({transport})"
            case Goodbye(number):
                return f"{self._device(number)} says goodbye"
            case Drop(number):
                return f"{self._device(number)} drops off without a goodbye"
            case Say(number, whom):
                return f"{self._device(number)} sends {names[whom]} {text} as an event"
            case Post(who, whom, way):
                return f"{names[who]} sends {names[whom]} {text} {way}"
            case Type(number, whom):
                return f"{self._device(number)} begins to type to {names[whom]}"
            case Cease(number, whom):
                return f"{self._device(number)} stops typing to {names[whom]}"
            case Read(who, whom):
                return f"{names[who]} reads {names[whom]}"
            case Block(who, whom):
                return f"{names[who]} blocks {names[whom]}"
            case Unblock(who, whom):
                return f"{names[who]} unblocks {names[whom]}"
            case Calm():
                return "They wait until all of it has come"

    def _device(self, number: int) -> str:
        return called(self._names, self._devices, number)
