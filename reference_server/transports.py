"""The transports of Engine.IO on Tornado: polls, posts and WebSockets.

python-engineio's own driver waits on Nagle's algorithm, calls every client 127.0.0.1, and leaves
failed writes to closing sockets as unretrieved exceptions.
"""

import asyncio
import contextlib
import json
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import tornado.websocket
from engineio.async_drivers import tornado as driver
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

if TYPE_CHECKING:
    from reference_server.engine import Engine

log = logging.getLogger("reference_server.transports")

BAD_ORIGIN = "bad-origin"  # python-engineio's word for a page that may not connect
MOST_WAITING_IN = 100  # messages of a client that sends faster than they are handled


def refusal(message: str) -> dict[str, Any]:
    """An HTTP answer of Engine.IO that refuses, with the error body of the contract."""
    body = json.dumps({"success": False, "message": message}).encode()
    return {
        "status": "400 BAD REQUEST",
        "headers": [("Content-Type", "application/json")],
        "response": body,
    }


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


def translate_request(handler: "SocketHandler") -> dict[str, Any]:
    """The request as python-engineio reads it, with the client's own address."""
    environ: dict[str, Any] = driver.translate_request(handler)
    environ["REMOTE_ADDR"] = handler.request.remote_ip
    environ["SERVER_SOFTWARE"] = "tornado"
    return environ


class SocketHandler(tornado.websocket.WebSocketHandler):
    """The HTTP side of Engine.IO: polls, posts and WebSockets at `/socket.io/`."""

    def initialize(self, engine: "Engine") -> None:
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
