"""What the official Socket.IO protocol suite looks at and the contract has no use for.

Its server has a second namespace and answers what it gets, text and binary; the driver is the same.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket

from reference_server.origins import Origins
from reference_server.sockets import SocketServer
from tests.reference_server.driver import PATIENCE, serving

PLACES = ["", "/custom,"]
"""How a packet names the main namespace, and another one."""


def echoing() -> SocketServer:
    """Tells who connects what it said, and sends and acknowledges what it gets."""
    sockets = SocketServer(allowed_origin=Origins().allow)
    said: dict[str, tuple[str, object]] = {}

    async def opened(sid: str) -> None:
        namespace, auth = said[sid]
        await sockets.emit("auth", auth or {}, to=sid, namespace=namespace)

    sockets.opened = opened
    for namespace in ("/", "/custom"):

        async def connect(
            sid: str, environ: object, auth: object, namespace: str = namespace
        ) -> None:
            said[sid] = namespace, auth

        async def message(sid: str, *data: object, namespace: str = namespace) -> None:
            await sockets.emit("message-back", data, to=sid, namespace=namespace)

        async def acknowledged(sid: str, *data: object) -> tuple[object, ...]:
            return data

        sockets.on("connect", connect, namespace=namespace)
        sockets.on("message", message, namespace=namespace)
        sockets.on("message-with-ack", acknowledged, namespace=namespace)
    return sockets


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(echoing) as served:
        yield served


@pytest.fixture
def wire(address: str) -> Iterator[websocket.WebSocket]:
    """An open session, connected to no namespace."""
    opened = websocket.create_connection(f"ws://{address}&transport=websocket", timeout=PATIENCE)
    assert opened.recv().startswith("0")
    yield opened
    opened.close()


def connected(wire: websocket.WebSocket, place: str, payload: str = "") -> Any:
    """What the server says of the connection."""
    wire.send(f"40{place}{payload}")
    assert "sid" in json.loads(wire.recv().removeprefix(f"40{place}"))
    return json.loads(wire.recv().removeprefix(f"42{place}"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("payload", "heard"), [("", {}), ('{"token":"123"}', {"token": "123"})])
def test_a_namespace_connects_with_and_without_a_payload(
    wire: websocket.WebSocket, place: str, payload: str, heard: object
) -> None:
    assert connected(wire, place, payload) == ["auth", heard]


def test_a_goodbye_to_one_namespace_leaves_the_other(wire: websocket.WebSocket) -> None:
    for place in PLACES:
        connected(wire, place)
    wire.send("41/custom,")
    wire.send('42/custom,["message","lost"]')
    wire.send('42["message","message to main namespace"]')
    assert wire.recv() == '42["message-back","message to main namespace"]'


@pytest.mark.parametrize("place", PLACES)
def test_texts_and_numbers_come_back_as_they_were(wire: websocket.WebSocket, place: str) -> None:
    connected(wire, place)
    wire.send(f'42{place}["message",1,"2",{{"3":[true,null]}}]')
    assert wire.recv() == f'42{place}["message-back",1,"2",{{"3":[true,null]}}]'
    wire.send(f'42{place}456["message-with-ack",1,"2",{{"3":[false]}}]')
    assert wire.recv() == f'43{place}456[1,"2",{{"3":[false]}}]'


PARTS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


@pytest.mark.parametrize("place", PLACES)
def test_binary_parts_come_back_as_they_were(wire: websocket.WebSocket, place: str) -> None:
    connected(wire, place)
    for kind, answer in [
        (f'452-{place}["message",{PARTS}]', f'452-{place}["message-back",{PARTS}]'),
        (f'452-{place}789["message-with-ack",{PARTS}]', f"462-{place}789[{PARTS}]"),
    ]:
        wire.send(kind)
        wire.send_binary(b"\x01\x02\x03")
        wire.send_binary(b"\x04\x05\x06")
        assert wire.recv() == answer
        assert [wire.recv(), wire.recv()] == [b"\x01\x02\x03", b"\x04\x05\x06"]


def test_binary_parts_are_written_in_base_64_over_http(address: str) -> None:
    url = f"http://{address}&transport=polling"
    opening = json.loads(requests.get(url, timeout=PATIENCE).text[1:])
    url += f"&sid={opening['sid']}"
    part = "b" + base64.b64encode(bytes(range(5))).decode()
    one = '{"_placeholder":true,"num":0}'
    sent = ["40", f'451-["message",{one}]', part]
    assert requests.post(url, "\x1e".join(sent), timeout=PATIENCE).status_code == 200
    heard: list[str] = []
    while len(heard) < 4:
        heard += requests.get(url, timeout=PATIENCE).text.split("\x1e")
    assert heard[2:] == [f'451-["message-back",{one}]', part]
