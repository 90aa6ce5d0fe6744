"""Events from the AsyncAPI document: a router that knows of no event by itself.

Each `receive` operation becomes a Socket.IO handler: its payload is judged by the contract, the
function registered under the operation's id is called, and what it returns is acknowledged. Each
`send` operation becomes an event that can be announced; its payload is judged before it leaves.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from socketio.exceptions import ConnectionRefusedError as Refused

from contract import Contract, Event, Validator
from reference_server.errors import (
    INTERNAL_ERROR,
    BrokenEvent,
    Refusal,
    StartError,
    Unauthorized,
    error_body,
)
from reference_server.limits import RateLimit
from reference_server.mocks import Mock
from reference_server.payloads import require
from reference_server.samples import NoSample, completed
from reference_server.sockets import SocketServer
from reference_server.tokens import Tokens
from reference_server.users import User

log = logging.getLogger("reference_server.events")

Json = dict[str, Any]
Handler = Callable[[User, Json], Awaitable[Json]]


class Lifecycle(Protocol):
    """Hears of users' sockets that come and go."""

    async def expected(self, user: User) -> None: ...

    async def joined(self, user: User, connection: str) -> None: ...

    async def left(self, user: User, connection: str) -> None: ...


class EventRouter:
    """Connects the document's events to functions and to the sockets of users."""

    def __init__(self, contract: Contract, sockets: SocketServer, tokens: Tokens) -> None:
        self._contract = contract
        self._sockets = sockets
        self._tokens = tokens
        self._query_names = _query_credentials(contract.asyncapi)
        self._users: dict[str, User] = {}  # by sid
        self._handlers: Mapping[str, Handler] = {}
        self._received: list[Event] = []
        self._lifecycle: Lifecycle
        self.limit: RateLimit | None = None
        self.mocked: tuple[Mock, ...] = ()
        """The operations without a handler, answered from their examples."""

    def register(self, handlers: Mapping[str, Handler], lifecycle: Lifecycle) -> None:
        """Attach a handler to each `receive` operation, by operation id.

        Raises StartError as `mocks_for` does.
        """
        self._handlers, self._lifecycle = handlers, lifecycle
        self.adopt(self._contract, self.mocks_for(self._contract))
        self._sockets.opened = self._opened

    def mocks_for(self, contract: Contract) -> tuple[Mock, ...]:
        """The operations of a contract that no handler stands for, and what they would be answered.

        Raises StartError for a handler whose operation the document does not have, and for an
        operation without handler for which no answer can be made up.
        """
        received = {event.operation_id: event for event in _received(contract)}
        if unknown := sorted(self._handlers.keys() - received.keys()):
            raise StartError(
                f"{contract.files[1]} has no receive operation {unknown[0]}, for which there is a"
                " handler."
            )
        return tuple(
            Mock.of_event(event, contract.files[1])
            for id, event in received.items()
            if id not in self._handlers
        )

    def adopt(self, contract: Contract, mocks: tuple[Mock, ...]) -> None:
        """Go by this contract, with its `mocks_for`, from now on, for sockets that are open too."""
        for event in self._received:
            self._sockets.handlers[event.namespace].pop(event.name)
        self._contract, self._received, self.mocked = contract, _received(contract), mocks
        self._query_names = _query_credentials(contract.asyncapi)
        handlers = {mock.operation_id: _acknowledging(mock.answer) for mock in mocks}
        for event in self._received:
            handler = self._handlers.get(event.operation_id) or handlers[event.operation_id]
            self._sockets.on(event.name, self._receiver(event, handler), event.namespace)
        for namespace in {event.namespace for event in contract.events.values()}:
            self._sockets.on("connect", self._connect, namespace)
            self._sockets.on("disconnect", self._disconnect, namespace)
            self._sockets.on("*", self._unknown, namespace)

    async def announce(self, event: str, payload: Json, user_ids: Collection[str]) -> None:
        """Emit a `send` event once to every connected socket of these users.

        Raises BrokenEvent when the contract has no such event or another payload for it.
        """
        documented = self._contract.events.get(event)
        if documented is None:
            raise BrokenEvent(f"{self._contract.files[1]} has no event {event} of the server")
        validator = documented.payload.validator
        payload = self._completed(validator, payload)
        if not validator.accepts(payload):
            violation = validator.violations(payload)[0]
            raise BrokenEvent(
                f"{event} would not be as {self._contract.files[1]} has it, at"
                f" {violation.path or 'its top'}: {violation.message}"
            )
        rooms = [_room(user_id) for user_id in user_ids]
        if rooms:
            await self._sockets.emit(event, payload, room=rooms, namespace=documented.namespace)

    def credential(self, environ: Mapping[str, Any], auth: Any) -> str:
        """The token of a handshake: in the query, as the document says, else in the `auth` payload
        of the connect packet, else in the Authorization header. Raises Unauthorized.
        """
        if (token := self.credential_in_query(environ)) is not None:
            return token
        if isinstance(auth, dict) and isinstance(auth.get("token"), str):
            return str(auth["token"])
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return str(token).strip()
        raise Unauthorized("The token is missing; put it into the query of the connection.")

    def credential_in_query(self, environ: Mapping[str, Any]) -> str | None:
        """The token in the query of a handshake, None where there is none."""
        query = parse_qs(environ.get("QUERY_STRING", ""))
        return next((query[name][0] for name in self._query_names if name in query), None)

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        try:
            user = self._users[sid] = self._tokens.user_of(self.credential(environ, auth))
        except Unauthorized as refusal:
            raise Refused(refusal.message) from refusal
        await self._lifecycle.expected(user)

    async def _opened(self, sid: str) -> None:
        # Only now does the socket join its user's room, so that no event comes before the client
        # has been told that it is connected.
        user = self._users[sid]
        await self._sockets.enter_room(sid, _room(user.id))
        await self._lifecycle.joined(user, sid)

    async def _disconnect(self, sid: str, reason: str) -> None:
        if (user := self._users.pop(sid, None)) is not None:
            await self._lifecycle.left(user, sid)

    def _receiver(self, event: Event, handler: Handler) -> Callable[..., Awaitable[Json]]:
        async def receive(sid: str, *arguments: Any) -> Json:
            # The first argument is the payload; further ones are ignored.
            try:
                if self.limit is not None:
                    self.limit.take(self._users[sid].id)
                payload: Any = arguments[0] if arguments else None
                require(event.payload, payload, "payload")
                return self._completed(
                    event.acknowledgement, await handler(self._users[sid], payload)
                )
            except Refusal as refusal:
                return error_body(refusal.message)
            except BrokenEvent as error:
                log.error("%s", error)
                return error_body(INTERNAL_ERROR)
            except Exception:
                log.exception("the handler of %s failed", event.operation_id)
                return error_body(INTERNAL_ERROR)

        return receive

    def _completed(self, validator: Validator | None, payload: Json) -> Json:
        """The payload with what a document of one's own asks for more."""
        if validator is not None and not self._contract.shipped:
            with contextlib.suppress(NoSample):
                return dict(completed(validator, payload))
        return payload

    async def _unknown(self, *_: Any) -> Json:
        return error_body("The contract has no such event from a client.")


def _room(user_id: str) -> str:
    return f"user:{user_id}"


def _query_credentials(asyncapi: Json) -> list[str]:
    """The names of the query parameters that carry credentials, by the document's servers."""
    return [
        scheme["name"]
        for server in asyncapi.get("servers", {}).values()
        for scheme in server.get("security", [])
        if scheme.get("type") == "httpApiKey" and scheme.get("in") == "query"
    ]


def _received(contract: Contract) -> list[Event]:
    return [event for event in contract.events.values() if event.action == "receive"]


def _acknowledging(answer: Json) -> Handler:
    """A handler that always acknowledges with this."""

    async def mock(user: User, payload: Json) -> Json:
        return answer

    return mock
