"""ASGI 3 applications on Tornado's HTTP server.

`Bridge` is a connection delegate: it takes a request from Tornado's parser and hands the answer
back to it, with no RequestHandler between. A body is read up to a limit before the application
starts, so an application sees it in one piece.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from tornado import httputil, iostream

from reference_server.clock import Clock
from reference_server.errors import INTERNAL_ERROR, error_body
from reference_server.payloads import encode

log = logging.getLogger("reference_server.asgi")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
HANG_UP = "reference_server.hang_up"
"""An extension of ASGI: a message of this type ends the connection without an answer."""
LARGEST_BODY = 1024 * 1024  # bytes
# A client that sends more than the limit hears so when it has sent everything: closing while it
# still writes would reset the connection before it reads the answer. Beyond this it is cut off.
MOST_DRAINED = 64 * LARGEST_BODY
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@functools.lru_cache(maxsize=2)
def http_date(second: int) -> str:
    """The Date header for a time in seconds since the epoch (RFC 9110, section 6.6.1)."""
    return formatdate(second, usegmt=True)


class ClientGone(OSError):
    """The client closed its connection before the answer was complete (ASGI 2.4)."""


class Bridge(httputil.HTTPServerConnectionDelegate):
    """Runs an ASGI application for every request of a Tornado HTTPServer.

    The HTTPServer must let bodies of MOST_DRAINED bytes pass (`max_body_size`).
    """

    def __init__(
        self,
        application: Application,
        clock: Clock | None = None,
        *,
        largest_body: int = LARGEST_BODY,
        headers_for: Callable[[str | None], Mapping[str, str]] = lambda origin: {},
    ) -> None:
        """`headers_for` gives the headers that let a page of an origin read an answer, for those
        that the application has no part in.
        """
        self.application = application
        self.clock = clock or Clock()
        self.largest_body = largest_body
        self.headers_for = headers_for
        self.running: set[asyncio.Task[None]] = set()
        self.too_large: Callable[[dict[str, Any], str], None] = lambda scope, message: None
        """Hears of a request that is refused for the size of its body, and in which words."""

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> "_Exchange":
        return _Exchange(self, request_conn)


class _Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(self, bridge: Bridge, connection: Any) -> None:
        self._bridge = bridge
        self._connection = connection
        self._body: list[bytes] = []
        self._received = 0
        self._gone: asyncio.Event | None = None
        self._closed = False
        self._handed_over = False
        self._status = 0
        self._headers: Iterable[tuple[bytes, bytes]] = ()
        self._started = False
        self._finished = False

    # What Tornado calls

    def headers_received(
        self,
        start_line: Any,  # a RequestStartLine; Tornado's clients get the other kind
        headers: httputil.HTTPHeaders,
    ) -> None:
        self._head = start_line.method == "HEAD"
        self._origin = headers.get("Origin")
        self._scope = scope_of(start_line, headers, self._connection)
        self._expects = headers.get("Expect", "").lower() == "100-continue"
        length = headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self._bridge.largest_body:
            self._received = self._bridge.largest_body + 1
            if self._expects or int(length) > MOST_DRAINED:
                self._refuse_body()

    def data_received(self, chunk: bytes) -> None:
        if self._finished:
            return
        self._received += len(chunk)
        if self._received <= self._bridge.largest_body:
            self._body.append(chunk)
        elif self._received > MOST_DRAINED:
            self._refuse_body()

    def finish(self) -> None:
        if self._finished:
            return
        if self._received > self._bridge.largest_body:
            self._refuse_body()
            return
        self._connection.set_close_callback(self.on_connection_close)
        task = asyncio.get_running_loop().create_task(self._run())
        self._bridge.running.add(task)
        task.add_done_callback(self._bridge.running.discard)

    def on_connection_close(self) -> None:
        self._closed = True
        if self._gone is not None:
            self._gone.set()

    # What the application calls

    async def _receive(self) -> Message:
        if not self._handed_over:
            self._handed_over = True
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._closed and not self._finished:
            self._gone = asyncio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == HANG_UP:
            self._finished = True
            self._connection.close()
            return
        if message["type"] == "http.response.start":
            if self._status:
                raise RuntimeError("the response has been started already")
            self._status, self._headers = message["status"], message.get("headers", ())
            return
        if message["type"] != "http.response.body":
            raise RuntimeError(f"unknown message {message['type']}")
        if not self._status or self._finished:
            raise RuntimeError("there is no response to write to")
        if self._closed:
            raise ClientGone("the client is gone")
        chunk = b"" if self._head else message.get("body", b"")
        if not message.get("more_body", False):
            self._write(chunk)
            self._end()
            return
        try:
            await self._write(chunk)  # a client that reads slowly holds the application back
        except iostream.StreamClosedError as error:
            raise ClientGone("the client is gone") from error

    # Between the two

    async def _run(self) -> None:
        try:
            await self._bridge.application(self._scope, self._receive, self._send)
            failed = not self._finished
            if failed and not self._closed:
                log.error("the application ended without completing its response")
        except ClientGone:
            failed = False
        except Exception:
            log.exception("the application failed")
            failed = True
        if failed and not self._closed:
            if self._started:
                self._finished = True
                self._connection.close()  # the only way to tell that the answer is incomplete
            else:
                self._answer(500, INTERNAL_ERROR)

    def _refuse_body(self) -> None:
        self._body.clear()
        message = f"The body is larger than {self._bridge.largest_body:,} bytes."
        self._bridge.too_large(self._scope, message)
        self._answer(413, message)

    def _answer(self, status: int, text: str) -> None:
        body = encode(error_body(text))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *(
                (name.encode(), value.encode("latin-1"))
                for name, value in self._bridge.headers_for(self._origin).items()
            ),
        ]
        self._status, self._headers = status, headers
        self._write(b"" if self._head else body)
        self._end()

    def _write(self, chunk: bytes) -> "asyncio.Future[None]":
        written: asyncio.Future[None]
        if self._started:
            written = self._connection.write(chunk)
            return written
        self._started = True
        headers = httputil.HTTPHeaders()
        for name, value in self._headers:
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
        if "Date" not in headers:
            headers["Date"] = http_date(int(self._bridge.clock.time()))
        line = httputil.ResponseStartLine(
            "HTTP/1.1", self._status, _REASONS.get(self._status, "Unknown")
        )
        written = self._connection.write_headers(line, headers, chunk)
        return written

    def _end(self) -> None:
        self._finished = True
        log.info("%s %s %d", self._scope["method"], self._scope["path"], self._status)
        self._connection.finish()


def scope_of(
    start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders, connection: Any
) -> dict[str, Any]:
    """The ASGI scope of a request (ASGI HTTP specification 2.4).

    `path` is decoded from percent-encoding, with U+FFFD where it is no UTF-8; `raw_path` is as it
    came. Headers keep their order and repetitions.
    """
    target = start_line.path
    if not target.startswith("/") and "://" in target:  # absolute form, RFC 9112, section 3.2.2
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    raw_path, _, query = target.encode("latin-1").partition(b"?")
    context = getattr(connection, "context", None)
    address = getattr(context, "address", None)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": start_line.version.removeprefix("HTTP/"),
        "method": start_line.method,
        "scheme": getattr(context, "protocol", "http"),
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.get_all()
        ],
        "client": tuple(address[:2]) if isinstance(address, tuple) else None,
        "server": None,
        "extensions": {HANG_UP: {}},
    }


class Lifespan:
    """Runs an application's start and end (ASGI lifespan specification 2.0)."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._to_application: asyncio.Queue[Message] = asyncio.Queue()
        self._from_application: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Returns when the application is ready. Raises RuntimeError when it says that it failed.

        An application that does not take part in the protocol is taken as ready.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(
            self._application(scope, self._to_application.get, self._from_application.put)
        )
        await self._exchange("startup", self._task)

    async def stop(self) -> None:
        """Returns when the application has ended. Raises RuntimeError when it says it failed."""
        if self._task is not None and not self._task.done():
            await self._exchange("shutdown", self._task)
            await asyncio.wait([self._task])

    async def _exchange(self, phase: str, task: "asyncio.Future[None]") -> None:
        await self._to_application.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._from_application.get())
        either: list[asyncio.Future[Any]] = [answer, task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            if error := task.exception():
                log.info("the application has no lifespan: %r", error)
        elif answer.result()["type"] == f"lifespan.{phase}.failed":
            raise RuntimeError(answer.result().get("message", f"the application's {phase} failed"))
