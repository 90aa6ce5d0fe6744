"""A proxy that is as slow as a backend far away."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DELAY, JITTER = 0.1, 0.05
"""Seconds that everything from the backend takes longer, and by how much that differs."""


@contextmanager
def delayed(host: str, port: int, seed: int = 1) -> Iterator[int]:
    """Passes TCP connections on to a backend until the block ends, and holds back every piece that
    the backend sends. Pieces of one connection keep their order. Gives the port to connect to.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="delay", daemon=True)
    thread.start()
    proxy = _Proxy(host, port, random.Random(seed))
    try:
        yield asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Proxy:
    def __init__(self, host: str, port: int, chance: random.Random) -> None:
        self._backend = host, port
        self._random = chance
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A backend that is gone shows as a connection that ends at once.
        with suppress(OSError):
            backend, request = await asyncio.open_connection(*self._backend)
            try:
                await self._pass_both(client, request, backend, answer)
            finally:
                request.transport.abort()
        answer.close()

    async def _pass_both(
        self,
        client: asyncio.StreamReader,
        request: asyncio.StreamWriter,
        backend: asyncio.StreamReader,
        answer: asyncio.StreamWriter,
    ) -> None:
        """Ends when the backend has said its last, or the client is gone without a half-close."""
        async with asyncio.TaskGroup() as group:
            upwards = group.create_task(_pass_on(client, request))
            await self._hold_back(backend, answer)
            upwards.cancel()

    async def _hold_back(self, backend: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def release() -> None:
            while True:
                due, piece = await held.get()
                await asyncio.sleep(max(0.0, due - clock()))
                if not piece:
                    return
                answer.write(piece)
                await answer.drain()

        releasing = asyncio.create_task(release())
        try:
            while True:
                piece = b""
                with suppress(OSError):
                    piece = await backend.read(65536)
                later = DELAY + self._random.uniform(-JITTER, JITTER)
                held.put_nowait((clock() + later, piece))
                if not piece:
                    break
            with suppress(OSError):
                await releasing
        finally:
            releasing.cancel()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        # The client said goodbye or is gone: the backend is to notice at once.
        writer.write_eof()
