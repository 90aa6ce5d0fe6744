"""The whole server: REST and events on one port, from one contract."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado import httputil
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from contract import Contract
from reference_server import rest
from reference_server.asgi import MOST_DRAINED, Application, Bridge, Lifespan
from reference_server.chat import Chat
from reference_server.clock import Clock
from reference_server.documentation import EVENTS, REST
from reference_server.errors import StartError
from reference_server.events import EventRouter
from reference_server.handlers import event_handlers, rest_handlers
from reference_server.limits import RateLimit
from reference_server.loopback import is_loopback
from reference_server.mocks import Mock, Mocks
from reference_server.origins import LOCAL, Origins
from reference_server.preferences import Preferring
from reference_server.presence import Presence
from reference_server.sockets import LARGEST_PAYLOAD, SocketServer
from reference_server.store import Store
from reference_server.tokens import Tokens
from reference_server.transports import SocketHandler
from reference_server.users import Directory

if TYPE_CHECKING:
    from reference_server.bus import Bus
    from reference_server.handover import Handover

SOCKET_PATH = "/socket.io/"
LARGEST_HEADERS = 256 * 1024  # bytes; a token of many kilobytes still gets its 401
SLOWEST_HEADERS = 60.0  # seconds a connection may rest, or take to send the headers of a request
SLOWEST_BODY = 60.0  # seconds a client may take to send a body
FAREWELL = 0.5  # seconds that sockets and requests get to come to their end when the server stops


class Server:
    """A reference server. Use it within one running event loop: start, then stop.

    What it is made of is made by methods of their own, so that another server can be the same one
    with other parts.
    """

    has_control = False
    """Whether there is an interface that acts as any user, and an inspector over it."""

    def __init__(
        self,
        contract: Contract,
        users: Directory,
        tokens: Tokens,
        store: Store,
        *,
        mock: bool = False,
        origins: Origins = LOCAL,
        limit: RateLimit | None = None,
        bus: "Bus | None" = None,
        handover: "Handover | None" = None,
    ) -> None:
        """`mock` lets requests choose their answers from the document (`preferences.py`), pages of
        `origins` may call, no user may send more than `limit`, over `bus` other processes serve the
        same users, and by `handover` some of them at the same address.

        Raises StartError where contract and handlers do not fit together.
        """
        self.contract = contract
        self.users = users
        self.tokens = tokens
        self.clock: Clock = store.clock
        self.origins = origins
        self._store = store
        self._prefers = mock
        self._limit = limit
        self._bus = bus
        self._handover = handover
        self._sockets = self.make_sockets()
        if handover is not None:
            self._sockets.eio.process = handover.name
        self._router = self.make_router()
        self._router.limit = limit
        self.chat = Chat(users, store, self._router, Presence(), bus)
        self._router.register(event_handlers(self.chat), self.chat)
        application, mocked = self._application(contract)
        self.mocks = Mocks(mocked, self._router.mocked)
        self._lifespan = Lifespan(application)
        self._backend = _Backend(application)
        self._bridge = Bridge(self.wrapped(self._backend), self.clock, headers_for=origins.headers)
        self._http: HTTPServer | None = None
        self._parts: AsyncExitStack
        """What has to be closed when the server stops, whatever fails meanwhile."""
        self.host = ""
        self.port = 0

    def _application(self, contract: Contract) -> tuple[Any, tuple[Mock, ...]]:
        return rest.build(
            contract,
            rest_handlers(self.chat),
            self.tokens,
            [*([Preferring] if self._prefers else []), *self.around()],
            origins=self.origins,
            people=self.people,
            control=self.has_control,
            limit=self._limit,
        )

    def people(self, host: str) -> list[dict[str, str]]:
        """The users as pages see them, for a request with this `Host` header.

        Each has a token as long as only this machine reaches the server, and the request was meant
        for it: a page elsewhere whose name was made to lead here gets none.
        """
        name = host.rpartition(":")[0] or host if not host.endswith("]") else host
        local = is_loopback(self.host) and is_loopback(name)
        return [
            {"_id": user.id, "userId": user.public_id, "name": user.name}
            | ({"token": self.tokens.mint(user)} if local else {})
            for user in self.users
        ]

    async def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on; connections stay open, and what is kept is kept.

        Raises StartError where it does not fit the handlers, and then all is as before.
        """
        application, mocked = self._application(contract)
        mocks = Mocks(mocked, self._router.mocks_for(contract))
        lifespan = Lifespan(application)
        await lifespan.start()
        before, self._lifespan = self._lifespan, lifespan
        self._backend.application = application
        self._router.adopt(contract, mocks.events)
        self.contract, self.mocks = contract, mocks
        await before.stop()

    def make_sockets(self) -> SocketServer:
        """What speaks Socket.IO."""
        manager = self._bus.manager if self._bus is not None else None
        return SocketServer(allowed_origin=self.origins.allow, manager=manager)

    def make_router(self) -> EventRouter:
        """What brings events to their handlers and to users."""
        return EventRouter(self.contract, self._sockets, self.tokens)

    def around(self) -> Sequence[rest.Around]:
        """What is put around each REST operation."""
        return ()

    def wrapped(self, application: Application) -> Application:
        """What answers every HTTP request outside Socket.IO."""
        return application

    @property
    def pages(self) -> Mapping[str, str]:
        """What else there is to open, by name: paths."""
        return {"REST": REST, "Events": EVENTS}

    @property
    def url(self) -> str:
        """Where clients on this machine reach the server, once it is started."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 means any free one. Raises StartError when that is not possible."""
        listening = listen(host, port, shared=self._handover is not None)
        async with AsyncExitStack() as parts:
            for each in listening:
                parts.callback(each.close)
            parts.push_async_callback(self._store.close)
            await self._store.open()
            await self._lifespan.start()
            parts.push_async_callback(lambda: self._lifespan.stop())  # `adopt` makes it another
            if self._bus is not None:
                await self._bus.open(self.chat.presence, self.chat.told)
                parts.push_async_callback(self._bus.close)
            http = self._make_http()
            if self._handover is not None:
                self._handover.open(http.handle_stream)
            self._parts = parts.pop_all()
        self.host, self.port = host, listening[0].getsockname()[1]
        self._http = http
        http.add_sockets(listening)

    def _make_http(self) -> HTTPServer:
        return HTTPServer(
            _Front(socket_application(self._sockets.eio), self._bridge, self._handover),
            max_header_size=LARGEST_HEADERS,
            max_body_size=MOST_DRAINED + 1,
            idle_connection_timeout=SLOWEST_HEADERS,
            body_timeout=SLOWEST_BODY,
        )

    async def stop(self) -> None:
        """Stop listening, close every connection, let go of the store."""
        if self._http is None:
            return
        self._http.stop()
        if self._handover is not None:
            await self._handover.close()
        await self._sockets.eio.disconnect()
        if ending := [*self._sockets.eio.serving, *self._bridge.running]:
            await asyncio.wait(ending, timeout=FAREWELL)
        await self._sockets.shutdown()
        await self._http.close_all_connections()
        self._http = None
        await self._parts.aclose()


class _Backend:
    """The application of the contract that is in force."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application(scope, receive, send)


def server_class(*, control: bool) -> type[Server]:
    """The class of servers with or without a control interface, which is imported with it."""
    if not control:
        return Server
    from reference_server.control.server import ControlledServer

    return ControlledServer


def listen(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Sockets that listen at an address, where it is `shared` beside those of other processes; the
    kernel spreads connections over them. Raises StartError when that is not possible.
    """
    try:
        return bind_sockets(port, address=host, reuse_port=shared)
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "that is no address"
        raise StartError(
            f"Cannot listen on {host} port {port}: {why}. Choose another --host or --port"
            " (--port 0 takes any free one)."
        ) from error


def socket_application(engine: Any) -> tornado.web.Application:
    """Engine.IO at its path, for Tornado's HTTP server."""
    return tornado.web.Application(
        [(SOCKET_PATH.replace(".", r"\."), SocketHandler, {"engine": engine})],
        websocket_max_message_size=LARGEST_PAYLOAD,
        log_function=lambda _: None,  # its lines would hold the tokens of queries
    )


class _Front(httputil.HTTPServerConnectionDelegate):
    """Sends requests for sockets to Engine.IO and all others to the ASGI application."""

    def __init__(
        self, sockets: tornado.web.Application, bridge: Bridge, handover: "Handover | None"
    ) -> None:
        self._sockets = sockets
        self._bridge = bridge
        self._handover = handover

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        return _Dispatch(self._sockets, self._bridge, self._handover, server_conn, request_conn)


class _Dispatch(httputil.HTTPMessageDelegate):
    def __init__(
        self, sockets: Any, bridge: Bridge, handover: "Handover | None", *connections: Any
    ) -> None:
        self._sockets = sockets
        self._bridge = bridge
        self._handover = handover
        self._connections = connections
        self._chosen: httputil.HTTPMessageDelegate = self

    def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> Any:
        if start_line.path.partition("?")[0] == SOCKET_PATH:
            if self._handover is not None and (way := self._handover.to_owner(start_line.path)):
                stream = self._connections[1].detach()
                self._handover.pass_on(way, stream, start_line, headers)
                return None
            self._connections[1].set_max_body_size(LARGEST_PAYLOAD)
            self._chosen = self._sockets.start_request(*self._connections)
        else:
            self._chosen = self._bridge.start_request(*self._connections)
        return self._chosen.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        return self._chosen.data_received(chunk)

    def finish(self) -> None:
        self._chosen.finish()

    def on_connection_close(self) -> None:
        if self._chosen is not self:
            self._chosen.on_connection_close()
