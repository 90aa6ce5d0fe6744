"""Pings and their timeout, on a server whose heart beats fast."""

import json
import time
from collections.abc import Iterator

import pytest
import requests
import websocket

from reference_server.origins import Origins
from reference_server.sockets import SocketServer
from tests.reference_server.driver import PATIENCE, serving

INTERVAL, TIMEOUT = 0.3, 0.2  # seconds


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of Engine.IO without the scheme."""
    with serving(
        lambda: SocketServer(
            allowed_origin=Origins().allow, ping_interval=INTERVAL, ping_timeout=TIMEOUT
        )
    ) as served:
        yield served


def open_polling(address: str) -> str:
    url = f"http://{address}&transport=polling"
    opening = json.loads(requests.get(url, timeout=PATIENCE).text[1:])
    assert (opening["pingInterval"], opening["pingTimeout"]) == (300, 200)
    return f"{url}&sid={opening['sid']}"


def test_a_websocket_that_answers_is_pinged_again_and_again(address: str) -> None:
    socket = websocket.create_connection(f"ws://{address}&transport=websocket", timeout=PATIENCE)
    assert socket.recv().startswith("0")
    begun = time.monotonic()
    for _ in range(3):
        assert socket.recv() == "2"
        socket.send("3")
    assert time.monotonic() - begun >= 3 * INTERVAL - 0.05
    socket.close()


def test_a_websocket_that_does_not_answer_is_closed(address: str) -> None:
    socket = websocket.create_connection(f"ws://{address}&transport=websocket", timeout=PATIENCE)
    assert socket.recv().startswith("0")
    begun = time.monotonic()
    while socket.recv() not in ("", None):
        pass
    assert time.monotonic() - begun < 3 * (INTERVAL + TIMEOUT)


def test_a_polling_session_that_answers_is_pinged_again_and_again(address: str) -> None:
    url = open_polling(address)
    for _ in range(3):
        assert requests.get(url, timeout=PATIENCE).text == "2"
        assert requests.post(url, data="3", timeout=PATIENCE).text == "OK"


def test_a_polling_session_that_does_not_answer_is_gone(address: str) -> None:
    url = open_polling(address)
    assert requests.get(url, timeout=PATIENCE).text == "2"
    begun = time.monotonic()
    assert requests.get(url, timeout=PATIENCE).text == "1"  # goodbye, instead of another ping
    assert time.monotonic() - begun < 3 * (INTERVAL + TIMEOUT)
    answer = requests.get(url, timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json()["success"] is False
