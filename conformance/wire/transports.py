"""Engine.IO 4 as a client speaks it, over WebSocket and long polling, frame by frame.

python-engineio's client hides what a conformance suite has to see: why a handshake failed (it
says "Connection error"), the order of what arrived (it starts a thread for each message), more
than sixteen packets in one answer (it gives up), and it upgrades before it has said anything over
polling, which no browser does. So the session is written out here, on websocket-client and
http.client, with the deadlines of `conformance.wire.deadlines`.

Source: https://github.com/socketio/engine.io-protocol, and engine.io-client 6 for what the
protocol leaves open (the order of upgrading, when a silent server is given up).
"""

import base64
import http.client
import json
import math
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, urlencode, urlsplit

import websocket
from urllib3.util.wait import wait_for_read
from websocket import ABNF

from conformance.wire import deadlines
from conformance.wire.connections import LARGEST_BODY, Answer

Packet = str | bytes
"""One Engine.IO packet: text with its type digit in front, or the content of a binary message."""

SEPARATOR = "\x1e"

Stage = Literal["handshake", "connect"]


class NotConnected(Exception):
    """There is no connection; `str` says why in one phrase."""


class Unreachable(NotConnected):
    """Nothing listens there: no TCP (or TLS) connection could be made."""


class Throttled(Exception):
    """The server answers 429 to every handshake: it says nothing about who may connect."""

    def __init__(self) -> None:
        super().__init__("the backend answers handshakes with 429 for longer than the suite waits")


class NoAnswer(NotConnected):
    """The deadline passed without the answer that the protocol asks for at this stage."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        super().__init__(f"no answer to the {stage} within {seconds:g} s")
        self.stage = stage


class WrongProtocol(NoAnswer):
    """Something answered, but it speaks no Engine.IO 4 and Socket.IO 5."""

    def __init__(self, stage: Stage, seen: str) -> None:
        NotConnected.__init__(self, f"the answer to the {stage} is no Socket.IO 5: {seen}")
        self.stage = stage


class Refused(NotConnected):
    """The server turned the client away.

    `reason` is one of "http" (`status` has the status), "connect_error" (`detail` is its data),
    "disconnected" (a Socket.IO DISCONNECT) and "closed" (the connection ended; `detail` says how).
    """

    def __init__(
        self,
        stage: Stage,
        reason: str,
        detail: Any = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,  # of the HTTP answer
    ) -> None:
        said = {
            "http": f"with HTTP status {status}",
            "connect_error": f"with a connect error {json.dumps(detail, default=repr)[:300]}",
            "disconnected": "by disconnecting the socket",
            "closed": f"by ending the connection ({detail})",
        }[reason]
        super().__init__(f"refused at the {stage} {said}")
        self.stage, self.reason, self.detail, self.status = stage, reason, detail, status
        self.headers = headers or {}


class Ended(Exception):
    """The transport ended; `str` says how."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server's Engine.IO endpoint is, and what every request to it carries."""

    origin: SplitResult
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> "Address":
        """The endpoint at the root of `url`'s host. Raises ValueError for a URL without one."""
        origin = urlsplit(url)
        if origin.scheme not in ("http", "https", "ws", "wss") or not origin.hostname:
            raise ValueError(f"{url!r} is no URL that begins with http:// or https://")
        return cls(origin, query, headers)

    @property
    def tls(self) -> bool:
        return self.origin.scheme in ("https", "wss")

    @property
    def host(self) -> str:
        return self.origin.hostname or ""

    @property
    def port(self) -> int:
        return self.origin.port or (443 if self.tls else 80)

    def target(self, transport: str, sid: str | None) -> str:
        """Path and query of a request; the timestamp keeps caches out of it."""
        query = {**self.query, "EIO": "4", "transport": transport}
        if transport == "polling":
            query["t"] = f"{time.time_ns():x}"
        if sid is not None:
            query["sid"] = sid
        return f"/socket.io/?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Opening:
    """What the server said in its OPEN packet; times in seconds."""

    sid: str
    upgrades: tuple[str, ...]
    ping_window: float  # silence longer than this ends the session
    longest_payload: int  # bytes of one POST

    @classmethod
    def read(cls, packet: Packet) -> "Opening":
        """Raises WrongProtocol."""
        try:
            if not isinstance(packet, str) or packet[:1] != "0":
                raise ValueError
            data = json.loads(packet[1:])
            window = (float(data["pingInterval"]) + float(data["pingTimeout"])) / 1000
            if not 0 <= window < math.inf:
                raise ValueError
            upgrades = tuple(str(name) for name in data.get("upgrades", ()))
            return cls(str(data["sid"]), upgrades, window, int(data.get("maxPayload", 1_000_000)))
        except (
            ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError,
        ):  # fmt: skip
            raise WrongProtocol("handshake", shown(packet)) from None


def shown(data: Packet) -> str:
    """The beginning of what came, for a message."""
    return repr(data if len(data) <= 80 else data[:80]).lstrip("b") + (
        "…" if len(data) > 80 else ""
    )


class _NoCookies(dict[str, Any]):
    """Keeps nothing."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


# websocket-client keeps one cookie jar per process: a cookie set for one user's connection would
# go with those of all others.
websocket._handshake.CookieJar.jar = _NoCookies()


class WebSocket:
    """One WebSocket connection. Sending is safe from any thread, receiving from one."""

    name = "websocket"

    def __init__(self, address: Address) -> None:
        self._address = address
        self._ws = websocket.WebSocket(enable_multithread=True, skip_utf8_validation=True)
        self._readable = selectors.DefaultSelector()
        self._sock: socket.socket | None = None
        self._cut = False

    def connect(self, sid: str | None, deadline: deadlines.Deadline) -> None:
        """Shakes hands. Raises Unreachable, NoAnswer, WrongProtocol, Refused."""
        address = self._address
        host = f"[{address.host}]" if ":" in address.host else address.host
        url = f"{'wss' if address.tls else 'ws'}://{host}:{address.port}"
        with deadlines.within(deadline):
            self._sock = _dial(address)
            if self._cut:  # while dialling
                self.cut()
            self._readable.register(self._sock, selectors.EVENT_READ)
            try:
                # No Origin: a server's list of allowed ones is for browsers. No redirects.
                self._ws.connect(  # type: ignore[no-untyped-call]
                    url + address.target("websocket", sid),
                    socket=self._sock,
                    header=[f"{name}: {value}" for name, value in address.headers.items()],
                    suppress_origin=True,
                    redirect_limit=0,
                    timeout=deadline.left,
                )
            except websocket.WebSocketBadStatusException as error:
                body = (error.resp_body or b"").decode("utf-8", "replace")
                raise not_accepted(error.status_code, body, error.resp_headers or {}) from None
            except (TimeoutError, websocket.WebSocketTimeoutException):
                raise NoAnswer("handshake", deadline.seconds) from None
            except (websocket.WebSocketConnectionClosedException, ConnectionError):
                raise Refused("handshake", "closed", "before an answer came") from None
            except (websocket.WebSocketException, OSError, ValueError, IndexError) as error:
                raise WrongProtocol("handshake", str(error)) from None

    def send(self, packets: Sequence[Packet], seconds: float) -> None:
        """Hands the packets to the kernel. Raises Ended."""
        try:
            with deadlines.within(seconds):
                for packet in packets:
                    if isinstance(packet, bytes):
                        self._ws.send_binary(packet)
                    else:
                        self._ws.send(packet.encode("utf-8", "surrogatepass"))
        except (websocket.WebSocketException, OSError, ValueError, AttributeError) as error:
            raise Ended(f"sending failed ({error})") from None

    def receive(self, silence: float, seconds: float) -> list[Packet]:
        """The next packet: waits `silence` for its first byte, then `seconds` for the rest.

        Nothing where it was a ping of the WebSocket itself. Raises Ended.
        """
        try:
            pending = isinstance(self._sock, deadlines.ClockedTLS) and self._sock.pending()
            # Under gevent each wait is a turn of its loop, in which others are served: a socket
            # would fall behind with one frame in each.
            pending = pending or deadlines.filled(self._sock)
            if not pending and not self._readable.select(silence):
                raise Ended("ping timeout: the server fell silent")
            with deadlines.within(seconds):
                code, data = self._ws.recv_data(control_frame=True)
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise Ended("the server stopped in the middle of a frame") from None
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            raise Ended("the TCP connection ended") from None
        except (websocket.WebSocketException, OSError, ValueError, AttributeError) as error:
            raise Ended(f"no WebSocket any more ({error})") from None
        if code == ABNF.OPCODE_CLOSE:
            status = int.from_bytes(data[:2], "big") if len(data) > 1 else 1005
            said = data[2:].decode("utf-8", "replace")
            raise Ended(f"the server closed the WebSocket ({status}{said and ' '}{said})")
        if code in (ABNF.OPCODE_PING, ABNF.OPCODE_PONG):
            return []
        if code == ABNF.OPCODE_BINARY:
            return [bytes(data)]
        try:
            return [data.decode("utf-8")]
        except UnicodeDecodeError:
            raise Ended(f"a text frame is no UTF-8: {shown(bytes(data))}") from None

    def say_goodbye(self, seconds: float) -> None:
        """Sends the close frame. Raises Ended."""
        try:
            with deadlines.within(seconds):
                self._ws.send_close()
        except (websocket.WebSocketException, OSError, ValueError, AttributeError) as error:
            raise Ended(f"sending failed ({error})") from None

    def cut(self) -> None:
        """Ends the TCP connection, for good; wakes whoever waits in `receive`."""
        self._cut = True
        deadlines.cut(self._sock)

    def close(self) -> None:
        """Gives the file descriptors back; for the thread that received, as its last act."""
        self.cut()
        self._readable.close()
        if self._sock is not None:
            self._sock.close()


class Polling:
    """One HTTP connection of a polling session; a session has one to read and one to write."""

    name = "polling"

    def __init__(self, address: Address, keeps_alive: bool) -> None:
        """Where the server does not keep connections alive, each request has one of its own."""
        self._address = address
        self._keeps_alive = keeps_alive
        self._connection = _HTTPConnection(address)
        self._used = 0.0
        self._cut = False

    def request(
        self, sid: str | None, body: bytes | None, deadline: deadlines.Deadline
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of the answer to a GET, or to a POST of `body`.

        Raises OSError, http.client.HTTPException, Unreachable.
        """
        rested = time.monotonic() - self._used > deadlines.STALE_AFTER
        if rested or not self._keeps_alive or self._is_closed():
            self._connection.close()
        headers = dict(self._address.headers)
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        with deadlines.within(deadline):
            if self._connection.sock is None:
                self._connection.sock = _dial(self._address)
            if self._cut:  # while dialling
                self.cut()
            method = "GET" if body is None else "POST"
            self._connection.request(method, self._address.target("polling", sid), body, headers)
            with self._connection.getresponse() as response:
                answer = response.read(LARGEST_BODY)
                if len(answer) == LARGEST_BODY:
                    raise http.client.HTTPException("the body is too long")
                if response.length:  # http.client overlooks it when asked for a number of bytes
                    raise http.client.IncompleteRead(answer, response.length)
                self._used = time.monotonic()
                return response.status, answer, dict(response.getheaders())

    def _is_closed(self) -> bool:
        """Whether the server has closed the connection after an answer, and did not say so."""
        sock = self._connection.sock
        return sock is not None and bool(wait_for_read(sock, timeout=0))

    def cut(self) -> None:
        """Ends the TCP connection, for good; wakes whoever waits in `request`."""
        self._cut = True
        deadlines.cut(self._connection.sock)

    def close(self) -> None:
        """Gives the file descriptor back; for the thread that made requests, as its last act."""
        self._connection.close()


class _HTTPConnection(http.client.HTTPConnection):
    response_class = Answer

    def __init__(self, address: Address) -> None:
        super().__init__(address.host, address.port)
        if address.tls:
            self.default_port = http.client.HTTPS_PORT


def _dial(address: Address) -> socket.socket:
    try:
        return deadlines.dial(address.host, address.port, tls=address.tls)
    except ConnectionRefusedError:
        raise Unreachable("the connection was refused") from None
    except TimeoutError:
        raise Unreachable("no TCP connection came about before the deadline") from None
    except OSError as error:
        raise Unreachable(error.strerror or str(error)) from None


def not_accepted(status: int, body: str, headers: Mapping[str, str]) -> NotConnected:
    """What an HTTP status other than the one that accepts means."""
    if status >= 400:
        return Refused("handshake", "http", body, status, headers)
    return WrongProtocol("handshake", f"HTTP status {status} {shown(body)}")


def payload(packets: Sequence[Packet]) -> bytes:
    """Packets as the body of a POST."""
    texts = (f"b{base64.b64encode(p).decode()}" if isinstance(p, bytes) else p for p in packets)
    return SEPARATOR.join(texts).encode("utf-8", "surrogatepass")


def packets_of(body: bytes) -> list[Packet]:
    """The packets in the body of an answer to a GET. Raises Ended."""
    try:
        texts = body.decode("utf-8").split(SEPARATOR)
        return [base64.b64decode(t[1:], validate=True) if t[:1] == "b" else t for t in texts]
    except ValueError:  # of base64 too, which says so of characters that are not ASCII
        raise Ended(f"a payload cannot be decoded: {shown(body)}") from None
