"""The Socket.IO driver without the reference server around it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from reference_server.server import socket_application
from reference_server.sockets import SocketServer

PATIENCE = 5.0  # seconds


@contextmanager
def serving(build: Callable[[], SocketServer]) -> Iterator[str]:
    """Serve what `build` makes, in its own loop; the address of Engine.IO without the scheme."""
    loop = asyncio.new_event_loop()
    started, ended = threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        sockets = build()
        server = HTTPServer(socket_application(sockets.eio))
        listening = bind_sockets(0, "127.0.0.1")
        server.add_sockets(listening)
        ports.append(listening[0].getsockname()[1])
        started.set()
        await ended.wait()
        server.stop()
        await sockets.shutdown()
        await server.close_all_connections()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # ends what still waits, too
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(PATIENCE)
    yield f"127.0.0.1:{ports[0]}/socket.io/?EIO=4"
    loop.call_soon_threadsafe(ended.set)
    thread.join(PATIENCE)
