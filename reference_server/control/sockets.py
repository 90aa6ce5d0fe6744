"""Socket.IO with what faults do to the events of clients, and a word about broken connections."""

from collections.abc import Callable
from typing import Any

from socketio import packet

from reference_server.control.faults import Fault
from reference_server.control.lanes import Lane, Passage
from reference_server.engine import Engine
from reference_server.errors import INTERNAL_ERROR, error_body
from reference_server.sockets import SocketServer
from reference_server.transports import BAD_ORIGIN


class ControlledEngine(Engine):
    """The Engine.IO server; it tells of handshakes that it refuses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.refused: Callable[[str], None] = lambda message: None
        self.foreign: Callable[[str], None] = lambda origin: None
        """Hears the origin of a page that may not connect."""

    def handshake_error(self, query: dict[str, list[str]], upgrade: bool) -> str | None:
        """Why a GET must be refused, None when it need not be."""
        error = super().handshake_error(query, upgrade)
        if error is not None and "sid" not in query:
            self.refused(error)
        return error

    def _log_error_once(self, message: str, message_key: str) -> None:
        super()._log_error_once(message, message_key)
        if message_key == BAD_ORIGIN:
            self.foreign(message.partition(" ")[0])


class ControlledSockets(SocketServer):
    """A Socket.IO server on which the events of clients meet faults."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lanes: dict[str, Lane] = {}  # by Engine.IO sid; only where a fault made one
        self.fault_of: Callable[[str, str], Fault | None] = lambda sid, event: None
        """The fault that an event of a client meets."""
        self.broken: Callable[[str | None, str], None] = lambda sid, message: None
        """Hears of a connection that was closed for a broken packet."""
        self.elsewhere: Callable[[str], None] = lambda namespace: None
        """Hears of a namespace that a client asked for and that there is not."""

    def _engineio_server_class(self) -> type[Engine]:
        return ControlledEngine

    def cut(self, sid: str) -> None:
        """Break the connection of a socket, without a goodbye."""
        for namespace in list(self.manager.get_namespaces()):
            eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
            session = self.eio.sockets.get(eio_sid)
            if session is None:
                continue
            if session.connection is not None:
                session.connection.hang_up()
            else:
                reason = self.eio.reason.TRANSPORT_ERROR
                self.eio.serve(session.close(abort=True, reason=reason))

    def clear_lanes(self) -> None:
        """Let go of all events of clients that are under way."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or "/") not in self.handlers:
            self.elsewhere(namespace or "/")
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: Any
    ) -> None:
        namespace = namespace or "/"
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        named = isinstance(data, list) and data and isinstance(data[0], str)
        fault = self.fault_of(sid, data[0]) if named and sid is not None else None
        lane = self._lanes.get(eio_sid)
        if fault is None and lane is None:
            await super()._handle_event(eio_sid, namespace, id, data)
            return
        if lane is None:
            lane = self._lanes[eio_sid] = Lane()
        handle = super()._handle_event

        async def disconnect() -> None:
            await handle(eio_sid, namespace, None, data)
            self.cut(sid)

        async def fail(code: int) -> None:
            if id is not None:
                refused = [error_body(INTERNAL_ERROR)]
                await self._send_packet(
                    eio_sid, self.packet_class(packet.ACK, refused, namespace=namespace, id=id)
                )

        passage = Passage(
            proceed=lambda: handle(eio_sid, namespace, id, data),
            again=lambda: handle(eio_sid, namespace, None, data),
            disconnect=disconnect,
            fail=fail,
        )
        await lane.carry(passage, fault)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        if lane := self._lanes.pop(eio_sid, None):
            lane.close()
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def _break_off(self, eio_sid: str, error: Exception) -> None:
        self.broken(self.manager.sid_from_eio_sid(eio_sid, "/"), str(error))
        await super()._break_off(eio_sid, error)
