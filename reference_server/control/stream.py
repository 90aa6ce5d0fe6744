"""The traffic as server-sent events (HTML Living Standard, section 9.2)."""

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs

from reference_server.asgi import ClientGone
from reference_server.control.traffic import Entry, Listener, Traffic

HEARTBEAT = 15.0  # seconds after which a silent stream shows that it lives
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
]


class Stream:
    """An endpoint (ASGI) that tells what happens, until either side ends it."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        listener = self._traffic.listen(last_known(scope))
        telling = asyncio.ensure_future(self._tell(listener, send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait([telling, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._traffic.unlisten(listener)
            leaving.cancel()
            telling.cancel()
            await asyncio.wait([telling, leaving])
        if not telling.cancelled() and (error := telling.exception()):
            raise error

    async def _tell(self, listener: Listener, send: Any) -> None:
        with contextlib.suppress(ClientGone):
            await self._tell_all(listener, send)

    async def _tell_all(self, listener: Listener, send: Any) -> None:
        await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    entry = await listener.next()
            except TimeoutError:
                text = ": still here\n\n"
            else:
                if entry is None:
                    break
                text = self._event(entry)
            body = text.encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _event(self, entry: Entry) -> str:
        data = json.dumps(self._traffic.show(entry))  # one line, in ASCII
        return f"id: {entry.id}\nevent: {entry.kind}\ndata: {data}\n\n"


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def last_known(scope: dict[str, Any]) -> int:
    """The id after which a client wants to hear, 0 for all: `Last-Event-ID`, else `since`."""
    headers = dict(scope["headers"])
    query = parse_qs(scope["query_string"].decode("latin-1"))
    for text in (headers.get(b"last-event-id", b"").decode("latin-1"), *query.get("since", ())):
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return int(text)
    return 0
