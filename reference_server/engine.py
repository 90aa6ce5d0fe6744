"""Engine.IO 4: sessions, where python-engineio and its driver for Tornado leave the protocol.

python-engineio lets a handshake pass that names no or a wrong transport, lets broken packets stand
until the ping timeout, and keeps a cancelled poll's session. The classes here keep its sessions,
packets and timeouts and replace the parts where that happens; `transports.py` does for its driver.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import engineio
from engineio import async_socket, exceptions, packet, payload
from engineio.async_drivers import tornado as driver

from reference_server.transports import WebSocket, refusal, translate_request

log = logging.getLogger("reference_server.engine")

TRANSPORTS = ("polling", "websocket")
LARGEST_POLL = 10_000  # packets in one HTTP body; the body itself is bounded in bytes
MOST_WAITING_OUT = 5_000  # packets for a client that does not read them
UPGRADE_PATIENCE = 10.0  # seconds from polling to WebSocket; as in Node's server
HANG_UP_AFTER = 2.0  # seconds that what is queued gets to leave once a session has ended


class Session(async_socket.AsyncSocket):  # type: ignore[misc]  # python-engineio carries no types
    """One Engine.IO session, over either transport."""

    connected: bool
    upgrading: bool
    upgraded: bool
    polling = False  # whether a GET waits for packets
    connection: WebSocket | None = None
    nothing_waits = False  # to be written over the connection

    async def send(self, pkt: packet.Packet) -> None:
        """Queue a packet, or end the session of a client that reads nothing."""
        if self.closing:
            self.queue.put_nowait(pkt)  # the goodbye, due after a ping timeout too
        elif self.queue.qsize() >= MOST_WAITING_OUT:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        elif not (await self.check_ping_timeout() and self._sent_at_once(pkt)):
            await super().send(pkt)

    def _sent_at_once(self, pkt: packet.Packet) -> bool:
        """Whether it needed no queue, as nothing waits before it."""
        if self.connection is None or not (self.nothing_waits and self.queue.empty()):
            return False
        return self.connection.send_soon(pkt.encode())

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """Answer a GET: a poll, or the beginning of a WebSocket."""
        if "HTTP_UPGRADE" in environ:
            return await super().handle_get_request(environ)
        await self.check_ping_timeout()
        if self.closed or self.polling:  # two polls at once: which of them gets a packet?
            raise exceptions.EngineIOError
        self.polling = True
        try:
            return await super().handle_get_request(environ)
        finally:
            self.polling = False

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take the packets of a POST. A broken one ends the session, as over WebSocket."""
        try:
            await super().handle_post_request(environ)
        except (ValueError, IndexError, KeyError, RecursionError) as error:
            raise exceptions.EngineIOError from error

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """End the session and whatever waits for its packets, without waiting for either."""
        if not self.closed and not self.closing:
            await super().close(wait=False, abort=abort, reason=reason)
            self.queue.put_nowait(None)
            if self.connection is not None:
                # The writer says goodbye, unless it waits for a client that does not read.
                asyncio.get_running_loop().call_later(HANG_UP_AFTER, self.connection.hang_up)

    async def _websocket_handler(self, connection: WebSocket) -> None:
        if self.connected and not await self._upgrade(connection):
            await connection.close()
            return
        self.connected = self.upgraded = True
        self.connection = connection
        writer = asyncio.create_task(self._write(connection))
        reason = self.server.reason.TRANSPORT_CLOSE
        try:
            while not self.closed:
                await self.receive(packet.Packet(encoded_packet=await connection.wait()))
        except OSError:
            pass  # the client is gone
        except (exceptions.EngineIOError, ValueError, IndexError, RecursionError):
            reason = self.server.reason.TRANSPORT_ERROR  # a broken packet
        await self.close(abort=True, reason=reason)
        await writer

    async def _upgrade(self, connection: WebSocket) -> bool:
        """Move from polling to WebSocket: a probe, its answer, and the word `upgrade`."""
        if self.upgrading or self.upgraded:
            return False  # two at once would share its packets out between them
        self.upgrading = True  # polls are answered with NOOP from here on
        try:
            async with asyncio.timeout(UPGRADE_PATIENCE):
                probe = packet.Packet(encoded_packet=await connection.wait())
                if (probe.packet_type, probe.data) != (packet.PING, "probe"):
                    return False
                await connection.send(packet.Packet(packet.PONG, data="probe").encode())
                await self.queue.put(packet.Packet(packet.NOOP))  # ends the poll that waits
                upgrade = packet.Packet(encoded_packet=await connection.wait())
                self.upgraded = upgrade.packet_type == packet.UPGRADE
        except (OSError, ValueError, IndexError):  # a TimeoutError is an OSError
            return False
        finally:
            self.upgrading = False
        return self.upgraded

    async def _write(self, connection: WebSocket) -> None:
        """Send what is queued until the session ends or the client is gone."""
        try:
            while (queued := await self._next()) is not None:
                await connection.send(queued.encode())
        except OSError:
            pass
        await connection.close()

    async def _next(self) -> packet.Packet | None:
        self.nothing_waits = True
        try:
            return await self.queue.get()
        finally:
            self.nothing_waits = False


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """The Engine.IO server: handshakes, sessions and their ends."""

    start_service_task: bool
    process = ""
    """The name of this process, with which the ids of its sessions end (`handover.py`)."""
    cors_allowed_origins: Callable[[str], bool]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        payload.Payload.max_decode_packets = LARGEST_POLL
        self._async = {
            **driver._async,
            "translate_request": translate_request,
            "websocket": WebSocket,
        }
        self.serving: set[asyncio.Task[None]] = set()
        """Connections that are being served, apart from the requests that wait for them."""

    def generate_id(self) -> str:
        return f"{super().generate_id()}{self.process}"

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this beside the request that it came from."""
        task = asyncio.get_running_loop().create_task(work)
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    def handshake_error(self, query: dict[str, list[str]], upgrade: bool) -> str | None:
        """Why a GET must be refused, None when it need not be."""
        transport = query.get("transport", [""])[0]
        if transport not in TRANSPORTS:
            return "The transport is unknown; it is polling or websocket."
        if "sid" not in query and query.get("EIO") != ["4"]:
            return "The protocol version is not supported; it is Engine.IO 4 (EIO=4)."
        if upgrade != (transport == "websocket"):
            return "The transport does not fit the request."
        return self.session_error(query) if "sid" in query else None

    def session_error(self, query: dict[str, list[str]]) -> str | None:
        """Why a request must be refused in the session that it names, None when it need not be."""
        session = self.sockets.get(query.get("sid", [""])[0])
        if session is None or session.closed or session.upgraded:
            return "The session does not exist, or has moved to another connection."
        return None

    async def disconnect(self, sid: str | None = None) -> None:
        """End one session, or all of them."""
        for each in [sid] if sid is not None else list(self.sockets):
            if session := self.sockets.pop(each, None):
                await session.close(reason=self.reason.SERVER_DISCONNECT)

    async def abandon(self, sid: str) -> None:
        """End the session of a client whose poll was cut off."""
        if (session := self.sockets.get(sid)) and session.polling and not session.upgrading:
            await session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        if self.start_service_task:
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)
        sid = self.generate_id()
        session = self.sockets[sid] = Session(self, sid)
        opening = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        await session.send(packet.Packet(packet.OPEN, opening))
        await self._trigger_event("connect", sid, environ, run_async=False)
        session.schedule_ping()
        if transport == "polling":
            session.connected = True
            return self._ok(await session.poll(), jsonp_index=jsonp_index)
        try:
            return await session.handle_get_request(environ)
        finally:
            self.sockets.pop(sid, None)

    def _cors_allowed_origins(self, environ: dict[str, Any]) -> list[str]:
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return []
        own = origin.partition("//")[2] == environ.get("HTTP_HOST")
        return [origin] if own or self.cors_allowed_origins(origin) else []

    def _log_error_once(self, message: str, message_key: str) -> None:
        log.info("refused a request: %s", message_key)  # what clients do wrong is no error here

    def _bad_request(self, message: str | None = None) -> dict[str, Any]:
        return refusal(message or "The request is not valid in this session.")

    def _method_not_found(self) -> dict[str, Any]:
        return refusal("The method must be GET or POST.")
