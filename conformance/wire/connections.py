"""HTTP connections under requests: they obey deadlines, carry any request target, and say why
they failed.

requests and urllib3 hand nothing of a caller's own down to the connection that carries a request;
`under_way` does, per thread. The names with an underscore that are overridden here belong to
urllib3 and http.client; tests hold that they still do what they are overridden for.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import requests
import urllib3

from conformance.wire import deadlines, moments, pieces

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of an answer's body beyond which it is an error of the backend, not something to judge."""

NOBODY_LISTENS = "the connection was refused"
"""What `why` says where nothing listens at the address: the backend is gone, whatever was asked."""

CLOSED_BEFORE_AN_ANSWER = (
    "the connection was closed before an answer came",
    "the connection was reset before an answer came",
)
"""What `why` says where somebody listens, and ends the connection instead of answering."""


@dataclass(slots=True)
class Attempt:
    """What the connection has to know about the request it carries, and what it tells of it."""

    target: bytes | None
    fresh: bool = False  # a new connection, please
    reused: bool = False  # the connection had carried a request before
    found_closed: bool = False  # the server had closed one a moment after its answer
    broke_before_answer: bool = False
    line: deadlines.Clocked | None = None
    received_before: int = 0
    cut: int = 0  # bytes of the body that went ahead of the rest

    @property
    def bytes_received(self) -> int:
        return self.line.received - self.received_before if self.line is not None else 0


class UnderWay(threading.local):
    """The attempt of this thread; urllib3 hands nothing of ours down to its connections."""

    attempt: Attempt | None = None


under_way = UnderWay()


class Answer(http.client.HTTPResponse):
    """An answer without what is said before it (RFC 9110, section 15.2), such as 103 Early Hints.

    http.client skips 100 alone. After 101 no HTTP follows.
    """

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        before = 100 <= status < 200 and status != http.HTTPStatus.SWITCHING_PROTOCOLS
        return version, http.HTTPStatus.CONTINUE if before else status, reason


class _Connection(urllib3.connection.HTTPConnection):
    """A connection on a clocked socket, not used after a rest, that sends targets unchanged."""

    response_class = Answer
    _used: float | None = None
    _body: Any = None

    def _new_conn(self) -> socket.socket:
        return deadlines.dial(self._dns_host, self.port or self.default_port, tls=False)

    def connect(self) -> None:
        self._used = None
        super().connect()

    @property
    def is_connected(self) -> bool:
        attempt = under_way.attempt
        rested = self._used is not None and time.monotonic() - self._used > deadlines.STALE_AFTER
        open = super().is_connected
        if attempt and self.sock is not None and not open and not rested:
            attempt.found_closed = True
        return open and not rested and not (attempt and attempt.fresh)

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if attempt := under_way.attempt:
            attempt.line = line = cast(deadlines.Clocked, self.sock)
            attempt.received_before = line.received
            attempt.reused = self._used is not None
            url = url if attempt.target is None else attempt.target.decode("latin-1")
        self._used = time.monotonic()
        super().putrequest(method, url, *args, **kwargs)

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        self._body = body
        super().request(method, url, body, *args, **kwargs)

    def send(self, data: Any) -> None:
        if data and data is self._body and moments.awaited():
            super().send(data[:-1])
            moments.with_others(partial(super().send, data[-1:]))
        elif data and data is self._body and (cut := pieces.taken()):
            super().send(data[: cut.at])
            cut.between()
            super().send(data[cut.at :])
            if attempt := under_way.attempt:
                attempt.cut = cut.at
        else:
            super().send(data)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        response = super().getresponse()
        self._used = time.monotonic()
        return response

    def _validate_path(self, url: str) -> None:
        """Any target may be sent; HttpClient.send sees to it that it stays one line."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


class _TLSConnection(_Connection, urllib3.connection.HTTPSConnection):
    """The same with TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
"""What a urllib3.PoolManager needs as `pool_classes_by_scheme`."""


class TooLong(OSError):
    """The body goes on beyond LARGEST_BODY."""


def _causes(exception: BaseException) -> Iterator[BaseException]:
    """The exception, and all that libraries packed into it as cause, reason or argument."""
    pending: list[object] = [exception]
    seen: set[int] = set()
    while pending:
        item = pending.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            pending += [getattr(item, "reason", None), *item.args, item.__cause__, item.__context__]


def closed_at_once(exception: BaseException, attempt: Attempt) -> bool:
    """Whether the connection ended (not: fell silent) before the first byte of an answer."""
    broken = (ConnectionError, http.client.RemoteDisconnected)
    return attempt.bytes_received == 0 and any(isinstance(e, broken) for e in _causes(exception))


def why(exception: BaseException, response: requests.Response | None, limit: float) -> str:
    """One phrase for why there is no answer."""
    causes = list(_causes(exception))

    def first(*kinds: type[BaseException]) -> Any:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    if first(TooLong):
        return f"the body is longer than {LARGEST_BODY // 1024 // 1024} MiB"
    if cause := first(socket.gaierror):
        return f"the host name cannot be resolved ({cause.strerror})"
    if first(ConnectionRefusedError):
        return NOBODY_LISTENS
    if first(TimeoutError):
        what = "no complete answer" if response is not None else "no answer"
        return f"{what} within {limit:g} s"
    if cause := first(ssl.SSLError):
        return f"no TLS connection ({cause.reason or cause})"
    if response is not None and first(http.client.IncompleteRead, ConnectionError):
        return f"the connection broke in the middle of the answer (status {response.status_code})"
    if first(http.client.RemoteDisconnected):  # a ConnectionResetError too, to Python
        return CLOSED_BEFORE_AN_ANSWER[0]
    if first(ConnectionError):
        return CLOSED_BEFORE_AN_ANSWER[1]
    if cause := first(http.client.HTTPException, urllib3.exceptions.DecodeError):
        return f"the answer is no HTTP that can be read ({cause})"
    return f"no answer ({causes[-1]})"
