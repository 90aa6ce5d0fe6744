"""A user of the target who does things."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.backend.target import User
from conformance.evidence.steps import Step
from conformance.wire.http import Exchange
from conformance.wire.sockets import Connection, Transport

if TYPE_CHECKING:
    from conformance.stage.world import World


@dataclass(frozen=True, slots=True)
class Actor:
    """A user of the target who does things."""

    world: "World"
    user: User

    @property
    def id(self) -> str:
        """The user's ObjectId in lower case."""
        return self.user.id

    @property
    def name(self) -> str:
        """The user's name, for reports."""
        return self.user.name

    @property
    def token(self) -> str:
        """The user's valid token. Raises TargetError when it cannot be had."""
        return self.world.mint.valid(self.user)

    def call(self, operation: str, **request: Any) -> Exchange:
        """Sends a request as this user; see `World.call`."""
        return self.world.call(operation, token=self.token, actor=self.name, **request)

    def send(self, to: "Actor | str", **body: Any) -> Exchange:
        """POST /api/messages/send with `text`, `attachment` or any other fields."""
        recipient = to if isinstance(to, str) else to.id
        return self.call("sendMessage", json={"recipientId": recipient, **body})

    def chat(self, to: "Actor | str", message: str) -> Exchange:
        """POST /api/chat/send to a public user id."""
        recipient = to if isinstance(to, str) else to.user.public_id
        return self.call("sendChatMessage", json={"to": recipient, "message": message})

    def read(self, other: "Actor | str") -> Exchange:
        """GET /api/messages/{otherUserId}."""
        id = other if isinstance(other, str) else other.id
        return self.call("listMessages", path={"otherUserId": id})

    def set(self, other: "Actor | str", body: Any) -> Exchange:
        """PUT /api/conversations/{otherUserId}/metadata."""
        id = other if isinstance(other, str) else other.id
        return self.call("updateConversationMetadata", path={"otherUserId": id}, json=body)

    def connect(self, transport: Transport = "websocket", token: str | None = None) -> Connection:
        """Connects a socket of this user. Raises what `Connection.open` raises."""
        world = self.world
        number = world.attendance.number()
        world.step(Step.of_connect(self.name, transport, connection=number))
        connection = Connection.open(
            world.target.url,
            token=self.token if token is None else token,
            transport=transport,
            actor=self.name,
            pace=world.pace,
            observe=lambda received: world.observe_event(
                self, received, Step.of_received(self.name, received, connection=number)
            ),
            lost=world.looks_away,
            number=number,
        )
        world.attendance.stay(connection)
        return connection
