"""Which messages were sent, who got them, and what that says about the backend.

Nothing here waits or looks at a clock: moments are given, in seconds on the monotonic clock.
"""

import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.judging.judgements import Judgement
from conformance.judging.messages import attachment, content, conversation_id, text
from contract import Level

MARK = re.compile(r"r2c[0-9a-f]{14}")
"""What a message of a load run is known by; it stands in its text or in its attachment's url."""

LOST = {"sendMessage": "SEND-14", "sendChatMessage": "CHAT-05"}
"""Operations and the requirements that ask for their delivery; for events it is MSG-01."""


@dataclass(slots=True, eq=False)
class Device:
    """One connection of a user."""

    user: str
    """Id of the user."""
    opened: float
    ready: float | None = None
    ended: float | None = None

    def changed_since(self, moment: float) -> bool:
        """Whether it came or went since then, or is on its way."""
        if self.ended is not None:
            return self.ended >= moment
        return self.ready is None or self.ready >= moment


@dataclass(slots=True, eq=False)
class Posted:
    """A message on its way."""

    mark: str
    sender: str
    recipient: str
    body: dict[str, Any] = field(repr=False)
    """With `text` and `attachment`, as an answer would have them."""
    operation: str | None
    """The REST operation that sent it; None for an event."""
    sent: float
    answered: float | None = None
    """When it was known what became of it, or that this would not be known."""
    accepted: bool = False
    certain: bool = True
    """Whether the backend said what became of it, or showed it to somebody."""
    got: dict[Device, int] = field(default_factory=dict)
    seen: threading.Event = field(default_factory=threading.Event, repr=False)
    """Somebody has got it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an event with a message says."""

    seconds: float
    """Since it was sent."""
    judgements: tuple[Judgement, ...]


class Deliveries:
    """The messages between some users whom nobody else writes to, and the devices of these users.

    A message that was accepted (201, an acknowledgement of success, or somebody got it) has to
    reach each device that was there before it was sent and is there still. Of a user whose devices
    came or went meanwhile nothing is said: a backend may serve the newest one alone (D15), and
    which that is would be a guess.
    """

    def __init__(self) -> None:
        self._devices: dict[str, list[Device]] = {}
        self._posted: dict[str, Posted] = {}
        self._row: deque[Posted] = deque()
        self._conversations: dict[frozenset[str], str] = {}

    def opens(self, user: str, now: float) -> Device:
        """A connection of a user is begun; whoever opens it sets `ready` and `ended`."""
        device = Device(user, now)
        self._devices.setdefault(user, []).append(device)
        return device

    def post(self, posted: Posted) -> None:
        """A message is about to be sent."""
        self._posted[posted.mark] = posted
        self._row.append(posted)

    def arrived(self, device: Device, message: Any, now: float) -> Arrival | None:
        """A device has got a message; None where it is none that was sent here, or is forgotten."""
        posted = self._known(message)
        if posted is None:
            return None
        posted.got[device] = posted.got.get(device, 0) + 1
        posted.seen.set()
        return Arrival(now - posted.sent, tuple(self._arrival(posted, device, message)))

    def _arrival(self, posted: Posted, device: Device, message: Any) -> Iterator[Judgement]:
        if posted.got[device] == 2:
            yield Judgement(
                "MSG-01",
                False,
                "A message reaches a socket more than once",
                "receiveMessage once per socket",
                f"{posted.mark} came again",
            )
        sent, shown = (
            (posted.sender, posted.recipient, text(posted.body).strip(), attachment(posted.body)),
            content(message),
        )
        shown = (*shown[:2], shown[2].strip(), shown[3])
        yield Judgement(
            "MSG-01",
            sent == shown,
            "A message arrives as another than was sent",
            str(sent),
            str(shown),
        )
        yield from self.judge_conversation(message)

    def judge_conversation(self, message: Any) -> Iterator[Judgement]:
        """Whether all messages of a pair are in one conversation (SEND-04)."""
        sender, recipient, *_ = content(message)
        id = conversation_id(message)
        if sender is None or recipient is None or id is None:
            return
        known = self._conversations.setdefault(frozenset((sender, recipient)), id)
        yield Judgement(
            "SEND-04",
            known == id,
            "Messages of a pair land in several conversations",
            f"conversationId {known}",
            f"conversationId {id}",
        )

    def _known(self, message: Any) -> Posted | None:
        attached = attachment(message)
        for part in (text(message), attached[1] if attached else ""):
            for mark in MARK.findall(part):
                if mark in self._posted:
                    return self._posted[mark]
        return None

    def outstanding(self) -> bool:
        """Whether somebody has yet to get a message that was accepted, or may be."""
        return any(
            posted.answered is None or (_taken(posted) and any(self._missing(posted)))
            for posted in self._row
        )

    def due(self, now: float, deadline: float) -> Iterator[tuple[str, tuple[Judgement, ...]]]:
        """Judges and forgets the messages whose time is over: what is answered longer than
        `deadline` ago. For each a word for how it was judged, and the judgements.
        """
        while self._row and (at := self._row[0].answered) is not None and now - at >= deadline:
            posted = self._row.popleft()
            del self._posted[posted.mark]
            if not _taken(posted):
                yield ("unconfirmed", ())
            elif not posted.certain:
                yield ("unjudged", ())
            else:
                stable = [
                    user for user in (posted.recipient, posted.sender) if self._stable(posted, user)
                ]
                missing = tuple(self._missing(posted))
                yield ("judged" if len(stable) == 2 else "unjudged", missing)
        self._tidy(self._row[0].sent if self._row else now)

    def _stable(self, posted: Posted, user: str) -> bool:
        """Whether the devices of a user are the same since a message was sent."""
        return not any(one.changed_since(posted.sent) for one in self._devices.get(user, ()))

    def _missing(self, posted: Posted) -> Iterator[Judgement]:
        for user, whose in ((posted.recipient, "recipient"), (posted.sender, "sender")):
            if not self._stable(posted, user):
                continue
            there = [one for one in self._devices.get(user, ()) if one.ended is None]
            without = [one for one in there if one not in posted.got]
            if without:
                yield _lost(posted, whose, there, without)

    def _tidy(self, since: float) -> None:
        """Forgets the devices that were gone before then."""
        for user, devices in self._devices.items():
            self._devices[user] = [one for one in devices if (one.ended or since) >= since]


def _taken(posted: Posted) -> bool:
    return posted.accepted or bool(posted.got)


def _lost(posted: Posted, whose: str, there: list[Device], without: list[Device]) -> Judgement:
    newest = max(there, key=lambda one: one.opened)
    certain = all(
        one is newest or (one.ready is not None and one.ready <= newest.opened) for one in there
    )
    observed = f"{posted.mark} reached {len(there) - len(without)} of {len(there)} sockets"
    if len(without) < len(there) and not (certain and newest in without):
        return Judgement(
            "CONN-04",
            False,
            f"Some sockets of a {whose} do not get a message",
            "receiveMessage on each socket",
            observed,
        )
    level: Level | None = None
    if posted.operation is not None:
        requirement = LOST.get(posted.operation, "SEND-14")
        level = "should" if whose == "sender" else None
    else:
        requirement = "MSG-01" if whose == "recipient" else "MSG-02"
    how = f"sent by {posted.operation}" if posted.operation else "sent by an event"
    return Judgement(
        requirement,
        False,
        f"A message {how} is lost: a connected {whose} does not get it",
        "receiveMessage",
        observed,
        level,
    )
