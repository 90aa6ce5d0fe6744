"""Socket.IO 5 on `engine.py`, where python-socketio leaves the protocol or trusts the client.

A packet that breaks the protocol closes its connection at once, as Node's server does; a client
that connects to no namespace is closed after a while; an unknown namespace is refused with an
object; a client cannot emit the events that the library raises itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import engineio.packet
import socketio
from socketio import packet

from reference_server.engine import Engine
from reference_server.payloads import encode

log = logging.getLogger("reference_server.sockets")

CONNECT_PATIENCE = 45.0  # seconds for a client to connect to the namespace; as in Node's server
PING_INTERVAL = 25.0  # seconds
PING_TIMEOUT = 20.0  # seconds
LARGEST_PAYLOAD = 1_000_000  # bytes of one packet, and of one poll's body
MOST_ATTACHMENTS = 10  # binary parts of one packet
_RESERVED = {"connect", "connect_error", "disconnect", "disconnecting"}

Opened = Callable[[str], Awaitable[None]]


class Manager(socketio.AsyncManager):  # type: ignore[misc]  # python-socketio carries no types
    """Knows who is in which room."""

    async def emit(self, event: str, data: Any, namespace: str, room: Any = None, **_: Any) -> None:
        """Queue an event, encoded once, for every socket of the rooms.

        python-socketio starts a task for each socket and waits for all of them. Queueing needs no
        waiting, and so nothing else happens between what is kept and what is told.
        """
        messages = [
            engineio.packet.Packet(engineio.packet.MESSAGE, part)
            for part in self._encoded(event, data, namespace)
        ]
        for _sid, eio_sid in self.get_participants(namespace, room):
            for message in messages:
                await self.server._send_eio_packet(eio_sid, message)

    def _encoded(self, event: str, data: Any, namespace: str) -> list[str | bytes]:
        """The packet, then its binary parts. A tuple is several arguments, as in the library."""
        arguments = [event, *data] if isinstance(data, tuple) else [event, data]
        if namespace == "/":
            # Otherwise it is binary data, or text that is no Unicode.
            with suppress(TypeError, ValueError):
                return [f"{packet.EVENT}{encode(arguments).decode()}"]
        encoded = self.server.packet_class(
            packet.EVENT, namespace=namespace, data=arguments
        ).encode()
        return encoded if isinstance(encoded, list) else [encoded]


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server that handles the events of one client in the order they come."""

    def __init__(
        self,
        *,
        allowed_origin: Callable[[str], bool],
        ping_interval: float = PING_INTERVAL,
        ping_timeout: float = PING_TIMEOUT,
        connect_patience: float = CONNECT_PATIENCE,
        manager: Manager | None = None,
    ) -> None:
        quiet = logging.getLogger("reference_server.libraries")
        quiet.setLevel(logging.ERROR)  # below, the libraries write down tokens
        super().__init__(
            client_manager=manager or Manager(),
            async_mode="tornado",
            async_handlers=False,
            cors_allowed_origins=allowed_origin,
            cors_credentials=True,
            max_http_buffer_size=LARGEST_PAYLOAD,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            logger=quiet,
            engineio_logger=quiet,
        )
        self._connect_patience = connect_patience
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self.opened: Opened | None = None
        """Called with the sid once a client has been told that it is connected."""

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._deadlines[eio_sid] = asyncio.get_running_loop().call_later(
            self._connect_patience, self._give_up, eio_sid
        )

    def _give_up(self, eio_sid: str) -> None:
        """Close a connection that has joined no namespace in time."""
        self.eio.serve(self.eio.disconnect(eio_sid))

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            if eio_sid in self._binary_packet and not isinstance(data, bytes):
                raise ValueError("a text stands where a binary part was announced")
            await super()._handle_eio_message(eio_sid, data)
            pending = self._binary_packet.get(eio_sid)
            if pending is not None and pending.attachment_count > MOST_ATTACHMENTS:
                raise ValueError("too many binary parts")
        except Exception as error:
            await self._break_off(eio_sid, error)

    async def _break_off(self, eio_sid: str, error: Exception) -> None:
        """Close the connection, which answers whatever a packet of a client brings about."""
        log.info("closing a connection after a broken packet: %r", error)
        self._binary_packet.pop(eio_sid, None)
        await self.eio.disconnect(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        if data is not None and not isinstance(data, dict):
            raise ValueError("the payload of a connect packet is an object")
        if namespace not in self.handlers:
            refused = {"message": "Invalid namespace"}
            await self._send_packet(
                eio_sid, self.packet_class(packet.CONNECT_ERROR, refused, namespace=namespace)
            )
            return
        if self.manager.sid_from_eio_sid(eio_sid, namespace) is not None:
            return  # it is connected already
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is not None and self.manager.is_connected(sid, namespace):
            self._keep(eio_sid)
            if self.opened is not None:
                await self.opened(sid)

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: Any
    ) -> None:
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            raise ValueError("an event is a list that begins with its name")
        if data[0] in _RESERVED:
            raise ValueError("the name of the event is reserved")
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._keep(eio_sid)
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _keep(self, eio_sid: str) -> None:
        if deadline := self._deadlines.pop(eio_sid, None):
            deadline.cancel()
