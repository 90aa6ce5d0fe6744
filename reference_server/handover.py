"""Connections that go from one process to another of the same machine and address.

All requests of an Engine.IO session have to be answered by the process that holds it. Which one
that is stands at the end of the session's id. A request that comes to another process is handed
over with its connection: the open file and what was read of it already go through a Unix socket
(SCM_RIGHTS, unix(7)), and the owner goes on where the other one stopped reading. So a connection
may carry REST and several sessions one after the other, a WebSocket costs nothing once it is open,
and no client is bound to the life of a process that only passed it on.
"""

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tornado import httputil
from tornado.iostream import IOStream, StreamClosedError

from reference_server.errors import StartError

log = logging.getLogger("reference_server.handover")

NAME = re.compile(r"[0-9a-f]{16}")
"""The names of processes. Those of their sockets are made of what clients send, so no other will
do.
"""
LENGTH_OF_NAME = 16
PATIENCE = 5.0  # seconds that another process may take to say all that it has read
MOST_WAITING = 1024  # connections that are handed over faster than they are taken
MOST_READ = 1 << 30  # more bytes than one process can have read of a connection
PIECE = 65536  # bytes
_SIZE = struct.Struct("!Q")  # of what was read; comes first, with the open file

Take = Callable[[IOStream, Any], None]
"""Serves a connection, given its stream and the client's address."""


class Handover:
    """One process's end of it."""

    def __init__(self, folder: Path, name: str) -> None:
        """The processes meet in `folder`, which nobody else may enter; `name` fits NAME."""
        self.name = name
        self._folder = folder
        self._running: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None

    def open(self, take: Take) -> None:
        """Take what others hand over. Raises StartError where they cannot reach this process."""
        self._listening = socket.socket(socket.AF_UNIX)
        try:
            self._listening.bind(str(self._folder / self.name))
            self._listening.listen(MOST_WAITING)
        except OSError as error:
            self._listening.close()
            raise StartError(
                f"The workers cannot meet in {self._folder}: {error.strerror or error}. Set TMPDIR"
                " to a folder where Unix sockets may be, with a short path."
            ) from error
        self._listening.setblocking(False)
        self._begin(self._accept(self._listening, take))

    async def close(self) -> None:
        """Take nothing more; the others answer by themselves for what was held here."""
        if self._listening is None:
            return
        (self._folder / self.name).unlink(missing_ok=True)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._listening.close()

    def to_owner(self, target: str) -> socket.socket | None:
        """A way to the process that holds the session which a request target names; None where this
        process answers: it holds it itself, none is named, or whoever held it is gone.
        """
        query = target.partition("?")[2]
        name = parse_qs(query).get("sid", [""])[0][-LENGTH_OF_NAME:] if "sid=" in query else ""
        if name == self.name or NAME.fullmatch(name) is None:
            return None
        way = socket.socket(socket.AF_UNIX)
        way.setblocking(False)
        try:
            way.connect(str(self._folder / name))
        except OSError as error:
            log.info("a session's process does not answer: %s", error.strerror)
            way.close()
            return None
        return way

    def pass_on(
        self,
        way: socket.socket,
        stream: IOStream,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
    ) -> None:
        """Hand over a connection of which these headers were read last, and let go of it.

        A client whose connection cannot be handed over sees it closed.
        """
        lines = [" ".join(start_line), *(f"{name}: {value}" for name, value in headers.get_all())]
        head = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
        try:
            read = head + _buffered(stream)
            said = _SIZE.pack(len(read)) + read
            sent = socket.send_fds(way, [said], [stream.socket.fileno()])
        except (OSError, StreamClosedError) as error:
            log.warning("a connection was not handed over: %s", error)
            way.close()
        else:
            self._begin(_say(way, said[sent:]))
        finally:
            stream.close()  # of the open file this process has no part any more

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _accept(self, listening: socket.socket, take: Take) -> None:
        loop = asyncio.get_running_loop()
        while True:
            way, _ = await loop.sock_accept(listening)
            self._begin(_receive(way, take))


class Resumed(IOStream):
    """A connection of which another process has read a part."""

    def __init__(self, connection: socket.socket, read: bytes) -> None:
        self._read_before = memoryview(read)
        super().__init__(connection)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """As Tornado asks for: first what was read before."""
        if not self._read_before:
            return super().read_from_fd(buf)
        size = min(len(buf), len(self._read_before))
        buf[:size] = self._read_before[:size]
        self._read_before = self._read_before[size:]
        return size


def _buffered(stream: IOStream) -> bytes:
    """What the stream has read from its connection and given to nobody. Raises StreamClosedError
    where the connection is closed.
    """
    if stream.closed():
        raise StreamClosedError
    reading = asyncio.ensure_future(stream.read_bytes(MOST_READ, partial=True))
    if reading.done():
        return reading.result()
    reading.add_done_callback(lambda closed: closed.exception())  # once the stream is
    return b""


async def _say(way: socket.socket, rest: bytes) -> None:
    """Say what did not go at once."""
    with way:
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_sendall(way, rest)
        except OSError as error:  # a TimeoutError is an OSError
            log.warning("a connection was not handed over: %s", error)


async def _receive(way: socket.socket, take: Take) -> None:
    """Take one connection, or close it where not all that was read of it comes."""
    loop = asyncio.get_running_loop()
    with way:
        connection: socket.socket | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                await _readable(way)
                size, files, _, _ = socket.recv_fds(way, _SIZE.size, 1)
                connection = socket.socket(fileno=files[0])
                said = bytearray()
                while piece := await loop.sock_recv(way, PIECE):
                    said += piece
            if len(said) != _SIZE.unpack(size)[0]:
                raise OSError("the other process ended meanwhile")
            connection.setblocking(False)
            take(Resumed(connection, bytes(said)), connection.getpeername())
            connection = None
        except (OSError, IndexError) as error:
            log.info("a connection was not taken over: %r", error)
        finally:
            if connection is not None:
                connection.close()


async def _readable(way: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(way, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(way)
