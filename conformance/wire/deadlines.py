"""Sockets that obey one deadline for a whole exchange, however slowly its bytes come.

The timeouts of Python's sockets count for one call each: a server that sends a byte every second
satisfies them for ever. Sockets made here look at the deadline of the calling thread (`within`)
before each call instead, so that the libraries above them (urllib3, http.client,
websocket-client), which know nothing of it, cannot be held up for longer.
"""

import fcntl
import functools
import socket
import ssl
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from requests.utils import DEFAULT_CA_BUNDLE_PATH

STALE_AFTER = 0.5
"""Seconds without use after which a kept-alive connection is not trusted with another request.
Servers close idle connections after a few seconds; a request that crosses such a close is lost
without a trace of whether it was handled. Shorter idle limits than this are not seen in the field,
and a new connection costs less than that doubt."""

Result = TypeVar("Result")

_current = threading.local()


class Deadline:
    """A moment after which waiting ends; `seconds` is what was granted."""

    __slots__ = ("at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())


@contextmanager
def within(deadline: float | Deadline) -> Iterator[Deadline]:
    """All socket calls of this thread inside the block end together when the deadline is over."""
    limit = deadline if isinstance(deadline, Deadline) else Deadline(deadline)
    outer = getattr(_current, "deadline", None)
    _current.deadline = limit
    try:
        yield limit
    finally:
        _current.deadline = outer


class Clocked(socket.socket):
    """A socket whose waiting calls are bounded by what is left of their thread's deadline."""

    received = 0  # bytes that came so far

    def _clocked(self, call: Callable[..., Result], *args: Any) -> Result:
        limit: Deadline | None = getattr(_current, "deadline", None)
        if limit is None:
            return call(*args)
        while left := limit.left:
            self.settimeout(left)
            # Another thread may set its own, shorter timeout between these two lines: what is
            # left is looked at again before anyone is told that time is over.
            with suppress(TimeoutError):
                return call(*args)
        raise TimeoutError(f"not done within {limit.seconds:g} s")

    def connect(self, address: Any, /) -> None:
        # Once: after a timeout the attempt goes on in the kernel and must not be begun again.
        limit: Deadline | None = getattr(_current, "deadline", None)
        if limit is not None:
            if not limit.left:
                raise TimeoutError(f"not done within {limit.seconds:g} s")
            self.settimeout(limit.left)
        super().connect(address)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = self._clocked(super().recv, bufsize, flags)
        self.received += len(data)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        count = self._clocked(super().recv_into, buffer, nbytes, flags)
        self.received += count
        return count

    def send(self, data: Any, flags: int = 0, /) -> int:
        return self._clocked(super().send, data, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        # Piece by piece: after a timeout inside sendall nobody knows how much has left.
        with memoryview(data) as view, view.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                sent += self.send(rest[sent:], flags)


class ClockedTLS(Clocked, ssl.SSLSocket):  # type: ignore[misc]  # their stubs name arguments otherwise
    """The same with TLS."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Trusts the system's authorities, requests' own bundle and those that SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    context.sslsocket_class = ClockedTLS
    return context


def dial(host: str, port: int, *, tls: bool) -> socket.socket:
    """A connection to `host`, with TLS if asked for, within the deadline of this thread.

    All addresses of the host share that deadline. Looking them up does not obey it: the resolver
    of the operating system has a limit of its own, and no way to set another.
    Raises OSError (TimeoutError, ConnectionRefusedError, socket.gaierror, ssl.SSLError …).
    """
    limit: Deadline | None = getattr(_current, "deadline", None)
    sock = _connected(host, port)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if limit:
            sock.settimeout(max(limit.left, 0.001))
        return tls_context().wrap_socket(sock, server_hostname=host) if tls else sock
    except BaseException:
        sock.close()
        raise


def _connected(host: str, port: int) -> Clocked:
    """Tries the addresses of the host in turn; raises what the last one failed of."""
    failure = OSError(f"{host} has no address")
    for family, kind, proto, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            sock = Clocked(family, kind, proto)
        except OSError as error:  # a family that this machine does not speak
            failure = error
            continue
        try:
            sock.connect(address)
            return sock
        except OSError as error:
            failure = error
            sock.close()
    raise failure


def filled(sock: socket.socket | None) -> bool:
    """Whether bytes have come that nobody has read yet; below TLS, where there is TLS."""
    if sock is None:
        return False
    count = bytearray(4)
    try:
        fcntl.ioctl(sock.fileno(), termios.FIONREAD, count)
    except (OSError, ValueError):  # it is closed
        return False
    return any(count)


def cut(sock: socket.socket | None) -> None:
    """Ends a connection at once, with no goodbye of any protocol above TCP; wakes its readers."""
    if sock is not None:
        with suppress(OSError):
            # Not SSLSocket.shutdown, which takes the TLS layer from under a reader's feet.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
