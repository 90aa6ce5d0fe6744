"""A random interleaving of everything, compared with a small model (ALL-06).

One user, the hub, writes to all others and they to the hub. In each round devices come and go,
then many things happen without a pause, and then the model says what has to have arrived. What is
a race is left open: messages to a user whose devices changed in the same round may reach them live
or not, but stand in the history.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.judging import messages
from conformance.judging.messages import member, same_id, user_id
from conformance.scenarios import requirement
from conformance.scenarios.props.seen import copies, distinct
from conformance.stage.stage import LOOK_AGAIN, Blocked, Stage
from conformance.stage.world import Actor
from conformance.wire.deadlines import Deadline
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Connection

ROUNDS = 5
DEEDS = 14
"""Things that happen in a round."""
MOST_DEVICES = 3
"""Sockets of one user at a time."""
MOST_USERS = 4
TRANSPORTS: tuple[Transport, ...] = ("websocket", "websocket", "polling", "default")
EVENT, REST, ALIAS = "as an event", "over REST", "through the alias"
LATER = "when all is done"


@dataclass(slots=True, eq=False)
class Device:
    """A socket of a user."""

    user: Actor
    socket: Connection
    transport: Transport
    spoke: int = 0
    """The last round in which it emitted something."""
    open: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the model."""

    sender: Actor
    recipient: Actor
    text: str
    way: str


@dataclass(slots=True)
class Model:
    """What has happened, and what has to have come of it."""

    stage: Stage
    hub: Actor
    others: list[Actor]
    devices: list[Device] = field(default_factory=list)
    sent: dict[str, Message] = field(default_factory=dict)
    typed: set[tuple[str, str]] = field(default_factory=set)
    """Who has typed to whom, by id."""
    round: int = 0
    unsteady: set[str] = field(default_factory=set)
    """Ids of users whose devices came or went in this round."""
    due: list[tuple[Message, Device]] = field(default_factory=list)
    """Messages, and the device each has to reach."""
    told: list[tuple[Actor, bool, Device, int]] = field(default_factory=list)
    """Who types or ceases to, the device that has to hear of it, and since which frame."""
    certain: set[str] = field(default_factory=set)
    """Texts of messages that every reading from now on has to show."""

    def devices_of(self, user: Actor) -> list[Device]:
        """The user's devices that are connected, the newest last. Where a user has one connection
        (D15), the backend may have ended the older ones.
        """
        return [
            device
            for device in self.devices
            if device.user == user and device.open and not device.socket.closed
        ]

    def newest(self, user: Actor) -> Device | None:
        """The device that gets the user's events whatever the backend's way: the one connected
        last, as long as it has not left (D15).
        """
        mine = [device for device in self.devices if device.user == user]
        return mine[-1] if mine and mine[-1].open and user.id not in self.unsteady else None

    def between(self, one: Actor, other: Actor) -> set[str]:
        """The texts of all messages of two users."""
        pair = {one.id, other.id}
        return {it.text for it in self.sent.values() if {it.sender.id, it.recipient.id} == pair}

    def pair(self) -> tuple[Actor, Actor]:
        """Who does something, and to whom."""
        pair = [self.hub, self.stage.random.choice(self.others)]
        self.stage.random.shuffle(pair)
        return pair[0], pair[1]

    # What can happen

    def unsettle(self, user: Actor) -> None:
        """What is on its way to this user may take any way from now on until the round is over."""
        self.unsteady.add(user.id)
        self.due = [it for it in self.due if it[1].user != user]
        self.told = [it for it in self.told if it[2].user != user]

    def come(self, user: Actor) -> None:
        """A device connects."""
        transport = self.stage.random.choice(TRANSPORTS)
        self.devices.append(Device(user, self.stage.connect_at_once(user, transport), transport))

    def go(self, device: Device) -> None:
        """A device says goodbye, or drops where backends notice it at once."""
        device.open = False
        if device.transport == "websocket" and self.stage.random.random() < 0.5:
            self.stage.drop(device.socket)
        else:
            self.stage.leave(device.socket)

    def move(self) -> None:
        """Devices come and go, and settle."""
        self.unsteady.clear()
        for user in (self.hub, *self.others):
            mine = self.devices_of(user)
            chance = self.stage.random.random()
            if not mine or (chance < 0.4 and len(mine) < MOST_DEVICES):
                if mine or chance < 0.85:
                    self.come(user)
            elif chance > 0.75:
                self.go(self.stage.random.choice(mine))
        for device in self.devices[-1:]:
            device.socket.rest(self.stage.pace.breath)

    def act(self) -> None:
        """Something happens, and nobody waits for what comes of it."""
        who, whom = self.pair()
        deed = self.stage.random.choices(
            (self.say, self.post, self.alias, self.type, self.read, self.shift),
            (6, 2, 2, 3, 1, 1),
        )[0]
        deed(who, whom)

    def expect(self, who: Actor, whom: Actor, way: str) -> Message:
        """Notes a message that is about to be sent."""
        message = Message(who, whom, self.stage.text(f"{who.name} to {whom.name}"), way)
        self.sent[message.text] = message
        if (newest := self.newest(whom)) is not None:
            self.due.append((message, newest))
        return message

    def say(self, who: Actor, whom: Actor) -> None:
        """Sends a message as an event, from any of the user's devices."""
        mine = self.devices_of(who)
        if not mine or who.id in self.unsteady:
            return
        device = self.stage.random.choice(mine)
        device.spoke = self.round
        message = self.expect(who, whom, EVENT)
        body = {"recipientId": whom.id, "text": message.text}
        self.stage.emit(device.socket, "sendMessage", body)

    def post(self, who: Actor, whom: Actor) -> None:
        """Sends a message over REST."""
        message = self.expect(who, whom, REST)
        self.stage.created(who.send(whom, text=message.text))
        self.certain.add(message.text)

    def alias(self, who: Actor, whom: Actor) -> None:
        """Sends a message through the chat alias."""
        message = self.expect(who, whom, ALIAS)
        self.stage.created(who.chat(whom, message.text), "CHAT-01")
        self.certain.add(message.text)

    def type(self, who: Actor, whom: Actor) -> None:
        """Begins to type and ceases. One user never does, nor anybody to that one, so that every
        notice there is a stray.
        """
        mine = self.devices_of(who)
        if not mine or who.id in self.unsteady or self.others[-1] in (who, whom):
            return
        device = self.stage.random.choice(mine)
        device.spoke = self.round
        self.typed.add((who.id, whom.id))
        newest = self.newest(whom)
        for event, state in (("typing", True), ("stopTyping", False)):
            if newest is not None:
                self.told.append((who, state, newest, newest.socket.mark()))
            self.stage.emit(device.socket, event, {"recipientId": whom.id})

    def read(self, who: Actor, whom: Actor) -> None:
        """Reads the history, which shows at least what was certain before, and nothing else's."""
        certain = self.certain & self.between(who, whom)
        judge_history(self, who, whom, certain, "while others write")

    def shift(self, who: Actor, _: Actor) -> None:
        """A device comes or goes in the middle of everything."""
        mine = self.devices_of(who)
        silent = [device for device in mine if device.spoke < self.round]
        self.unsettle(who)
        if silent and self.stage.random.random() < 0.6:
            self.go(self.stage.random.choice(silent))
        elif len(silent) == len(mine) < MOST_DEVICES:
            # Where the newer replaces the older (D15), what the older has just sent may be lost.
            self.come(who)


def judge(model: Model, holds: bool, summary: str, expected: Any, observed: Any) -> None:
    """Judges one thing that the model says."""
    model.stage.check("ALL-06", holds, summary, expected, observed)


def judge_round(model: Model) -> None:
    """Waits for what has to arrive and to be stored, and judges that it is."""
    deadline = Deadline(model.stage.pace.delivery)
    for message, device in model.due:
        got = model.stage.await_message(device.socket, text=message.text, within=deadline.left)
        require_open(device, got)
        judge(
            model,
            got is not None,
            f"In an interleaving a message sent {message.way} does not reach the newest socket "
            "of its recipient",
            f"{message.sender.name} to {message.recipient.name}: {message.text}",
            f"nothing over {device.transport} within {deadline.seconds:.0f} s",
        )
    for who, state, device, since in model.told:
        told = device.socket.wait_for(
            "typingStatus", says(who, state), within=deadline.left, since=since
        )
        require_open(device, told)
        judge(
            model,
            told is not None,
            "In an interleaving typing does not reach the newest socket of its recipient",
            {"senderId": who.id, "isTyping": state},
            f"nothing over {device.transport} within {deadline.seconds:.0f} s",
        )
    model.due.clear()
    model.told.clear()
    # Only now may devices go: what they have sent has been handled.
    for other in model.others:
        judge_history(model, model.hub, other, model.between(model.hub, other), LATER)
    judge_confirmations(model)
    model.certain.update(model.sent)


def says(who: Actor, state: bool) -> Callable[[tuple[Any, ...]], bool]:
    """Tells the arguments of a typingStatus that says this about this user."""
    return lambda args: (
        bool(args)
        and same_id(member(args[0], "senderId"), who.id)
        and member(args[0], "isTyping") is state
    )


def require_open(device: Device, got: object) -> None:
    """Raises Blocked where nothing came because the connection has ended by itself."""
    if got is None and device.socket.closed:
        raise Blocked(f"a connection has ended by itself: {device.socket.close_reason}")


def judge_confirmations(model: Model) -> None:
    """Judges that senders have got what they sent as events, on whichever of their sockets, as
    long as the newest one has not left (D15).
    """
    deadline = Deadline(model.stage.pace.delivery)
    for message in model.sent.values():
        if message.way != EVENT or message.text in model.certain:
            continue
        if model.newest(message.sender) is None:
            continue
        sockets = [it.socket for it in model.devices if it.user == message.sender]
        while not (confirmed := any(copies(it, message.text) for it in sockets)) and deadline.left:
            threading.Event().wait(min(LOOK_AGAIN, deadline.left))
        judge(
            model,
            confirmed,
            "In an interleaving a message sent as an event is not confirmed to its sender",
            "receiveMessage on a socket of the sender",
            f"{message.sender.name} to {message.recipient.name}: {message.text}",
        )


def judge_devices(model: Model) -> None:
    """Judges what every socket has got: its own user's messages, each once, as they were sent."""
    for device in model.devices:
        user = device.user
        for text, message in model.sent.items():
            got = copies(device.socket, text)
            if not got:
                continue
            judge(
                model,
                user in (message.sender, message.recipient),
                f"In an interleaving a message sent {message.way} reaches somebody else",
                f"{message.sender.name} to {message.recipient.name}: {text}",
                f"{user.name} gets {messages.content(got[0])}",
            )
            said = (message.sender.id, message.recipient.id, text, None)
            judge(
                model,
                all(messages.content(one) == said for one in got),
                f"In an interleaving a message sent {message.way} arrives as another",
                said,
                got,
            )
            judge(
                model,
                len(got) == (distinct(got) if user == message.sender else 1),
                f"In an interleaving a message sent {message.way} comes to one socket twice",
                "once",
                got,
            )
        # Only of those who have typed here: a user may be connected elsewhere too. Twice, as what
        # an earlier scenario left behind comes once.
        heard = [
            (user_id(member(one.args[0], "senderId")), one)
            for one in device.socket.received("typingStatus")
            if one.args and member(one.args[0], "isTyping") is True
        ]
        strays = [
            one
            for typist, one in heard
            if typist in {it for it, _ in model.typed}
            and (typist, user.id) not in model.typed
            and sum(typist == other for other, _ in heard) > 1
        ]
        judge(
            model,
            not strays,
            "In an interleaving somebody is told of typing that was meant for another",
            "typingStatus for the recipient only",
            strays[0] if strays else "",
        )


def judge_history(
    model: Model, reader: Actor, other: Actor, certain: set[str], when: str
) -> list[Any]:
    """Judges that a history shows what is certain, each message once, and none of another pair."""
    history = model.stage.history_with(reader, other, certain if when == LATER else ())
    ours = [one for one in history if messages.text(one) in model.sent]
    texts = [messages.text(one) for one in ours]
    belonging = model.between(reader, other)
    for holds, what, observed in (
        (certain <= set(texts), "lacks a message", sorted(certain - set(texts))),
        (len(texts) == len(set(texts)), "shows a message twice", texts),
        (set(texts) <= belonging, "shows a message of others", sorted(set(texts) - belonging)),
        (
            all(
                messages.content(one)[:2]
                == (model.sent[text].sender.id, model.sent[text].recipient.id)
                for one, text in zip(ours, texts, strict=True)
                if text in belonging
            ),
            "shows a message as somebody else's",
            ours,
        ),
    ):
        judge(
            model,
            holds,
            f"In an interleaving a history read {when} {what}",
            f"the {len(belonging)} messages of {reader.name} and {other.name}, each once",
            observed,
        )
    return ours


@requirement("ALL-06")
def test_any_interleaving_is_as_the_model_says(stage: Stage) -> None:
    count = min(MOST_USERS, len(stage.world.actors))
    hub, *others = stage.cast(count)
    model = Model(stage, hub, others)
    for number in range(1, ROUNDS + 1):
        model.round = number
        model.move()
        for _ in range(DEEDS):
            model.act()
        judge_round(model)
    stage.settle(*(device.socket for device in model.devices if device.open))
    for other in others:
        both = model.between(hub, other)
        one = judge_history(model, hub, other, both, LATER)
        two = judge_history(model, other, hub, both, LATER)
        judge(
            model,
            set(messages.by_id(one)) == set(messages.by_id(two)),
            "After an interleaving the two users of a conversation read different messages",
            f"what {hub.name} reads",
            f"{len(one)} against {len(two)} messages",
        )
    judge_devices(model)
