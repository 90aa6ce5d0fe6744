"""Shows after anything hostile that a backend still serves everyone."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from conformance.evidence.steps import Step
from conformance.judging import messages
from conformance.scenarios.props.payloads import Payload, Volley
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import LOOK_AGAIN, Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sockets import Closed, Connection, Transport
from conformance.wire.transports import NoAnswer, NotConnected

ATTEMPTS = 3
"""How often a sender who is disconnected may come back until it counts as not served."""


class Lifeline:
    """A sender, who may be disconnected for what is sent, and a witness, who may not.

    A message from one to the other shows that the backend serves them; where it does not arrive,
    that is judged under the requirement given.
    """

    def __init__(self, stage: Stage, requirement: str, sender: Actor, witness: Actor) -> None:
        self._stage = stage
        self._requirement = requirement
        self.sender, self.recipient = sender, witness
        self.witness, first = stage.connect(witness, sender)
        self.sockets = [first]
        """The sender's sockets so far; the last one is in use."""
        self._lived = 0
        if not self._carries():
            # Whatever comes next is not to blame for it.
            raise Blocked("a message does not arrive even before anything odd is sent")

    @property
    def socket(self) -> Connection:
        """The sender's socket."""
        return self.sockets[-1]

    def fire(self, event: str, volley: Volley) -> None:
        """Sends payloads and shows that everyone is served afterwards; one by one where a payload
        gets its sender disconnected, so that none is lost on a closed socket.
        """
        name, payloads = volley
        for number, payload in enumerate(payloads):
            self.send(event, payload, acknowledge=number % 2 == 0)
        if self.holds(f"{event} with {name}") or len(payloads) == 1:
            return
        for payload in payloads:
            self.send(event, payload)
            self.holds(f"{event} with {payload.flaw}")

    def send(self, event: str, payload: Payload, acknowledge: bool = False) -> None:
        """Sends one payload, unless the socket has been closed by now."""
        try:
            if payload.packet is not None:
                self._stage.world.step(Step.of_raw(self.sender.name, payload.packet))
                self.socket.send_raw(payload.packet)
            else:
                self._stage.emit_if_open(self.socket, event, *payload.args, acknowledge=acknowledge)
        except Closed:
            return

    def holds(self, after: str) -> bool:
        """Whether the sender's socket is still the same; ends the scenario with a finding where
        the sender, the witness or anyone new is not served any more. `after` is what was sent.
        """
        same, lost = True, 0
        for _ in range(ATTEMPTS):
            self._witness_is_there(after)
            same = not self.revive(after) and same
            if self._carries():
                self._stage.check(self._requirement, True, "")
                return same
            self._witness_is_there(after)
            lost += not self.socket.closed
            if lost > 1:  # Once may be a new connection whose handlers came late (D18).
                self._condemn(f"After {after} an open connection is no longer served")
        return self._condemn(f"After {after} its sender is disconnected again and again")

    def _carries(self) -> bool:
        body = {"recipientId": self.recipient.id, "text": self._stage.text("still there")}
        arrives = self.reaches("sendMessage", Payload("", (body,)), "receiveMessage", says(body))
        if arrives:
            self._lived = len(self._stage.evidence)
        return arrives

    def reaches(
        self, event: str, payload: Payload, heard: str, where: Callable[[tuple[Any, ...]], bool]
    ) -> bool:
        """Sends a payload and waits until the witness hears of it, or one of them is cut off."""
        since = self.witness.mark()
        self.send(event, payload)
        deadline = Deadline(self._stage.pace.delivery)
        while deadline.left:
            ended = self.socket.closed or self.witness.closed
            if self.witness.wait_for(heard, where, within=LOOK_AGAIN, since=since):
                return True
            if ended:  # What was sent before may have arrived, but not much later.
                return False
        return False

    def revive(self, after: str) -> bool:
        """Connects the sender again where the connection has ended; whether that was needed."""
        if not self.socket.closed:
            return False
        self._come_back(after)
        return True

    def _witness_is_there(self, after: str) -> None:
        if self.witness.closed:
            self._condemn(
                f"After {after} the connections of others end",
                self.witness.close_reason,
            )

    def _come_back(self, after: str) -> None:
        try:
            self.sockets.append(come_back(self._stage, self.sender))
        except NotConnected as error:
            self._condemn(f"After {after} the backend takes no new connection", error)
        self._stage.breathe([self.socket])

    def _condemn(self, summary: str, observed: Any = "") -> NoReturn:
        self._stage.condemn(
            self._requirement,
            summary,
            "everyone is served: the sender, who may have to reconnect, and all others",
            str(observed),
            since=self._lived,
        )


def come_back(stage: Stage, actor: Actor, transport: Transport = "websocket") -> Connection:
    """A socket without the time to settle. A handshake may stay without an answer once: whether
    that is right is judged elsewhere (CONN-01), and the service is not down. Raises NotConnected.
    """
    try:
        return stage.try_to_connect(actor, transport)
    except NoAnswer:
        return stage.try_to_connect(actor, transport)


def says(body: Mapping[str, str]) -> Callable[[tuple[Any, ...]], bool]:
    """Tells the arguments of a receiveMessage with the text of this body."""
    return lambda args: bool(args) and messages.text(args[0]) == body["text"]
