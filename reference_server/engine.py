"""Engine.IO 4 on Tornado, where python-engineio's own driver leaves the protocol.

python-engineio lets a handshake pass that names no or a wrong transport, lets broken packets stand
until the ping timeout, keeps a cancelled poll's session, waits on Nagle's algorithm, calls every
client 127.0.0.1, and leaves failed writes to closing sockets as unretrieved exceptions. The classes
here keep its sessions, packets and timeouts and replace the parts where that happens.
"""

import asyncio
import contextlib
import json
import logging
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

import engineio
import tornado.websocket
from engineio import async_socket, exceptions, packet, payload
from engineio.async_drivers import tornado as driver
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

log = logging.getLogger("reference_server.engine")

TRANSPORTS = ("polling", "websocket")
BAD_ORIGIN = "bad-origin"  # python-engineio's word for a page that may not connect
LARGEST_POLL = 10_000  # packets in one HTTP body; the body itself is bounded in bytes
MOST_WAITING_OUT = 5_000  # packets for a client that does not read them
MOST_WAITING_IN = 100  # messages of a client that sends faster than they are handled
UPGRADE_PATIENCE = 10.0  # seconds from polling to WebSocket; as in Node's server
HANG_UP_AFTER = 2.0  # seconds that what is queued gets to leave once a session has ended


def refusal(message: str) -> dict[str, Any]:
    """An HTTP answer of Engine.IO that refuses, with the error body of the contract."""
    body = json.dumps({"success": False, "message": message}).encode()
    return {
        "status": "400 BAD REQUEST",
        "headers": [("Content-Type", "application/json")],
        "response": body,
    }


class Session(async_socket.AsyncSocket):  # type: ignore[misc]  # python-engineio carries no types
    """One Engine.IO session, over either transport."""

    connected: bool
    upgrading: bool
    upgraded: bool
    polling = False  # whether a GET waits for packets
    connection: "WebSocket | None" = None
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

    async def _websocket_handler(self, connection: "WebSocket") -> None:
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

    async def _upgrade(self, connection: "WebSocket") -> bool:
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

    async def _write(self, connection: "WebSocket") -> None:
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


class WebSocket:
    """What Session needs of Tornado's WebSocket."""

    def __init__(self, handler: Callable[["WebSocket"], Any], server: "Engine") -> None:
        self._serve = handler
        self._handler: SocketHandler
        self._frames = bytearray()  # that leave at the end of this turn of the event loop

    async def __call__(self, environ: dict[str, Any]) -> None:
        self._handler = environ["tornado.handler"]
        await self._serve(self)

    async def wait(self) -> str | bytes:
        """The next message. Raises OSError when the client is gone."""
        message = await self._handler.incoming.get()
        if message is None:
            raise OSError("the WebSocket is closed")
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message and wait until it is on its way. Raises OSError when it cannot be."""
        self._flush()
        try:
            await self._handler.write_message(message, binary=isinstance(message, bytes))
        except (WebSocketClosedError, StreamClosedError) as error:
            raise OSError("the WebSocket is closed") from error

    def send_soon(self, message: str | bytes) -> bool:
        """Send a message together with all others of this turn of the event loop, which costs one
        write. False where the client has not taken what was sent before: it has to wait then.
        """
        connection: Any = self._handler.ws_connection
        if connection is None or connection.is_closing() or connection.stream.writing():
            return False
        if not self._frames:
            asyncio.get_running_loop().call_soon(self._flush)
        self._frames += frame(message)
        return True

    def _flush(self) -> None:
        connection: Any = self._handler.ws_connection
        if self._frames and connection is not None and connection.stream is not None:
            with contextlib.suppress(StreamClosedError):
                connection.stream.write(bytes(self._frames))
        self._frames.clear()

    async def close(self) -> None:
        """Say goodbye; Tornado hangs up when that is not answered within some seconds."""
        self._flush()
        self._handler.close()

    def hang_up(self) -> None:
        """Close the TCP connection, whatever waits to be written to it."""
        connection: Any = self._handler.ws_connection
        if connection is not None and connection.stream is not None:
            connection.stream.close()


def frame(message: str | bytes) -> bytes:
    """The WebSocket frame of a whole message of a server (RFC 6455, section 5.2). Tornado makes the
    same and writes each at once.
    """
    data = message.encode() if isinstance(message, str) else message
    kind, size = 0x81 if isinstance(message, str) else 0x82, len(data)
    if size < 126:
        return bytes((kind, size)) + data
    return (
        struct.pack("!BBH", kind, 126, size)
        if size < 1 << 16
        else struct.pack("!BBQ", kind, 127, size)
    ) + data


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """The Engine.IO server: handshakes, sessions and their ends."""

    start_service_task: bool
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


def translate_request(handler: "SocketHandler") -> dict[str, Any]:
    """The request as python-engineio reads it, with the client's own address."""
    environ: dict[str, Any] = driver.translate_request(handler)
    environ["REMOTE_ADDR"] = handler.request.remote_ip
    environ["SERVER_SOFTWARE"] = "tornado"
    return environ


class SocketHandler(tornado.websocket.WebSocketHandler):
    """The HTTP side of Engine.IO: polls, posts and WebSockets at `/socket.io/`."""

    def initialize(self, engine: Engine) -> None:
        self.engine = engine
        self.incoming: asyncio.Queue[str | bytes | None] = asyncio.Queue(MOST_WAITING_IN)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:
        if self.request.method not in ("GET", "POST", "OPTIONS"):
            self._refuse("The method must be GET or POST.")

    async def get(self, *args: Any, **kwargs: Any) -> None:
        upgrade = self.request.headers.get("Upgrade", "").lower() == "websocket"
        query = parse_qs(self.request.query)
        if error := self.engine.handshake_error(query, upgrade):
            self._refuse(error)
        elif upgrade:
            await super().get(*args, **kwargs)  # calls open()
        else:
            await self.engine.handle_request(self)

    async def post(self, *args: Any, **kwargs: Any) -> None:
        if error := self.engine.session_error(parse_qs(self.request.query)):
            self._refuse(error)
        else:
            await self.engine.handle_request(self)

    async def options(self, *args: Any, **kwargs: Any) -> None:
        await self.engine.handle_request(self)

    async def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)  # Nagle's algorithm would hold every message back by some 40 ms
        self.engine.serve(self.engine.handle_request(self))

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        # Tornado reads on when this is done, and makes a task of what is to be awaited.
        if self.incoming.full():
            return self.incoming.put(message)
        self.incoming.put_nowait(message)
        return None

    def on_close(self) -> None:
        self.engine.serve(self.incoming.put(None))

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self.ws_connection is None and (sid := self.get_query_argument("sid", None)):
            self.engine.serve(self.engine.abandon(sid))

    def check_origin(self, origin: str) -> bool:
        environ = {"HTTP_ORIGIN": origin, "HTTP_HOST": self.request.host}
        if self.engine._cors_allowed_origins(environ):
            return True
        self.engine._log_error_once(f"{origin} is not an accepted origin.", BAD_ORIGIN)
        return False

    def get_compression_options(self) -> None:
        return None  # messages are short: compressing them costs more than it saves

    def log_exception(self, *error: Any) -> None:
        log.error("a request for %s failed", self.request.path, exc_info=error)  # no query: tokens

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish({"success": False, "message": self._reason})

    def _refuse(self, message: str) -> None:
        answer = refusal(message)
        self.set_status(400)
        # A page that may connect may also read why it cannot.
        shared = self.engine._cors_headers(translate_request(self))
        for name, value in (*answer["headers"], *shared):
            self.set_header(name, value)
        self.finish(answer["response"])
