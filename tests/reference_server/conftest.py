"""A running server, and two small clients for it: one for REST, one that speaks frames."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from reference_server import RunningServer, running
from reference_server.users import User
from tests.reference_server.command import Start, starting

PATIENCE = 10.0
"""Seconds after which an answer counts as missing."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def people(server: RunningServer) -> list[User]:
    """The seeded users: the first three are friends, the last one is a stranger to them."""
    return list(server.users)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command; returns the process and what it announces once it listens."""
    with starting(tmp_path) as begin:
        yield begin


Rest = Callable[..., requests.Response]


@pytest.fixture
def rest(server: RunningServer) -> Rest:
    """Send a request as a user: `rest("GET", "/api/…", user, json=…)`."""

    def send(method: str, path: str, user: User | None = None, **options: Any) -> requests.Response:
        headers = dict(options.pop("headers", {}))
        if user is not None:
            headers["Authorization"] = f"Bearer {server.token(user)}"
        return requests.request(
            method, server.url + path, headers=headers, timeout=PATIENCE, **options
        )

    return send


class Frames:
    """A WebSocket whose Engine.IO packets a test reads and writes by itself."""

    def __init__(self, url: str) -> None:
        self.socket = websocket.create_connection(url, timeout=PATIENCE)

    def send(self, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            self.socket.send_binary(packet)
        else:
            self.socket.send(packet)

    def next(self) -> str:
        """The next packet; an empty text when the server has closed the connection."""
        return str(self.socket.recv())

    def until(self, beginning: str) -> str:
        """The next packet that begins so; fails when the connection ends before it comes."""
        while packet := self.next():
            if packet.startswith(beginning):
                return packet
        raise AssertionError(f"the connection was closed before a packet {beginning!r} came")

    def closes(self) -> float:
        """Seconds until the server closes the connection."""
        begun = time.monotonic()
        try:
            while self.next():
                pass
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            pass
        return time.monotonic() - begun

    def emit(self, event: str, *arguments: Any) -> Any:
        """Emit an event, ask for an acknowledgement and return its first argument."""
        self.send("421" + json.dumps([event, *arguments]))
        return json.loads(self.until("431").removeprefix("431"))[0]

    def received(self, event: str) -> Any:
        """The payload of the next event of this name."""
        return json.loads(self.until(f'42["{event}"').removeprefix("42"))[1]

    def close(self) -> None:
        self.socket.close()


Connect = Callable[..., Frames]


@pytest.fixture
def engine(server: RunningServer) -> Iterator[Connect]:
    """Open an Engine.IO connection with a query of one's own, without connecting further."""
    opened: list[Frames] = []

    def connect(query: str = "EIO=4&transport=websocket") -> Frames:
        address = server.url.replace("http", "ws", 1)
        opened.append(Frames(f"{address}/socket.io/?{query}"))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


@pytest.fixture
def connect(server: RunningServer, engine: Connect) -> Connect:
    """Connect a user to the default namespace."""

    def connected(user: User) -> Frames:
        frames = engine(f"EIO=4&transport=websocket&token={server.token(user)}")
        frames.until("0")
        frames.send("40")
        frames.until("40")
        return frames

    return connected
