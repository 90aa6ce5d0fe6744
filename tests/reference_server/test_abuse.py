"""What a client does that means no good: slow requests, many sockets, tokens that would leak."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import websocket

from reference_server import RunningServer, running
from tests.reference_server.command import Start, token
from tests.reference_server.conftest import PATIENCE, Frames


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    monkeypatch.setattr("reference_server.server.SLOWEST_HEADERS", 0.3)
    monkeypatch.setattr("reference_server.server.SLOWEST_BODY", 0.3)
    with running() as server:
        yield server


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET /api/messages/x HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/messages/send HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
    ],
)
def test_a_request_that_does_not_come_to_its_end_is_cut_off(
    impatient: RunningServer, sent: bytes
) -> None:
    port = int(impatient.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        while connection.recv(1000):
            pass
        assert time.monotonic() - begun < PATIENCE / 2


def test_five_hundred_sockets_of_one_user_do_not_keep_others_out(
    server: RunningServer, connect: Callable[..., Frames], people: list[Any]
) -> None:
    many = [connect(people[0]) for _ in range(500)]
    ben = connect(people[1])
    answer = ben.emit("sendMessage", {"recipientId": people[0].id, "text": "to all of them"})
    assert answer["data"]["status"] == "delivered"
    assert {each.received("receiveMessage")["text"] for each in many} == {"to all of them"}
    for each in many:
        each.close()
    deadline = time.monotonic() + PATIENCE
    while server.server.chat.presence.is_online(people[0].id):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(server.server._sockets.eio.sockets) <= 1


def test_no_token_and_no_secret_is_logged_whatever_happens(start: Start) -> None:
    secret = "a-secret-of-ones-own-that-nobody-else-may-see"
    process, announced = start("--log-level", "debug", "--secret", secret)
    url, ws = announced["url"], announced["url"].replace("http", "ws", 1)
    good = token(announced)
    wrong = good[:-4] + "wxyz"
    for each in (good, wrong):
        bearer = {"Authorization": f"Bearer {each}"}
        for path in ("/api/messages/x", f"/api/messages/{'6' * 24}", "/nothing", "/docs/rest/"):
            requests.get(url + path, headers=bearer, timeout=PATIENCE)
            requests.get(f"{url}{path}?token={each}", timeout=PATIENCE)
        requests.post(f"{url}/api/messages/send", headers=bearer, data=b"{", timeout=PATIENCE)
        requests.post(f"{url}/api/chat/send", headers=bearer, json={"to": each}, timeout=PATIENCE)
        for query in (f"token={each}", f"token={each}&EIO=3", f"sid={each}", ""):
            polling = f"{url}/socket.io/?EIO=4&transport=polling&{query}"
            requests.get(polling, headers=bearer, timeout=PATIENCE)
        for packet in ("40", f'40{{"token":"{each}"}}', f'42["{each}"]', f"9{each}"):
            frames = Frames(f"{ws}/socket.io/?EIO=4&transport=websocket&token={each}")
            frames.send(packet)
            frames.until("0")
            frames.close()
        with pytest.raises(websocket.WebSocketBadStatusException):
            Frames(f"{ws}/socket.io/?EIO=3&transport=websocket&token={each}")
    process.terminate()
    _, logged = process.communicate(timeout=PATIENCE)
    assert len(logged) > 1000, "there is something to look at"
    assert secret not in logged
    for each in (good, wrong):
        assert each not in logged
        assert each.rpartition(".")[2] not in logged, "the signature alone is a token's secret"
