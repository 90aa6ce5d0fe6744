"""Processes of the server that serve the same users, with all that stands beside them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import services
from tests.reference_server.command import Start, starting, token
from tests.reference_server.conftest import Frames

PATIENCE = 20.0
"""Seconds within which what has to come has come."""


@dataclass(frozen=True)
class Fleet:
    """Two processes, and whom they serve."""

    urls: tuple[str, str]
    processes: tuple[Any, Any]
    announced: Any

    def send(self, url: str, sender: int, recipient: int, text: str) -> requests.Response:
        """Sends a text through /api/messages/send of the process at a URL."""
        return requests.post(
            f"{url}/api/messages/send",
            json={"recipientId": self.id(recipient), "text": text},
            headers={"Authorization": f"Bearer {token(self.announced, sender)}"},
            timeout=PATIENCE,
        )

    def history(self, url: str, reader: int, other: int) -> list[str]:
        """The texts of a history as the process at a URL shows it."""
        answer = requests.get(
            f"{url}/api/messages/{self.id(other)}",
            headers={"Authorization": f"Bearer {token(self.announced, reader)}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 200, answer.text
        return [message["text"] for message in answer.json()["data"]]

    def connect(self, url: str, user: int) -> Frames:
        """Connects a user to the process at a URL."""
        query = f"EIO=4&transport=websocket&token={token(self.announced, user)}"
        frames = Frames(f"{url.replace('http', 'ws', 1)}/socket.io/?{query}")
        frames.until("0")
        frames.send("40")
        frames.until("40")
        return frames

    def id(self, user: int) -> str:
        """The id of a user."""
        return str(self.announced["users"][user]["_id"])


Launch = Callable[..., Fleet]


def launched(start: Start, store: str, bus: str, *options: str) -> Fleet:
    """Two processes on one store and one bus."""
    shared = ("--store", store, "--bus", bus, *options)
    (one, announced), (two, other) = start(*shared), start(*shared)
    return Fleet((announced["url"], other["url"]), (one, two), announced)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command; returns the process and what it announces once it listens."""
    with starting(tmp_path) as begin:
        yield begin


@pytest.fixture(scope="module")
def mongodb() -> Iterator[str]:
    """The address of a MongoDB server, with `{}` for the name of the database."""
    with services.mongodb() as address:
        yield address


def until(fits: Callable[[], bool], what: str) -> float:
    """Waits until it is so; returns the seconds that took. Fails when it does not come about."""
    begun = time.monotonic()
    while not fits():
        assert time.monotonic() - begun < PATIENCE, f"it does not come about that {what}"
        time.sleep(0.05)
    return time.monotonic() - begun
