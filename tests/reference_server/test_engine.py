"""Engine.IO 4 as Node's server speaks it: what the official protocol suite looks at, and Nagle."""

import json
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import websocket
from tornado.websocket import WebSocketProtocol13

from reference_server import RunningServer
from reference_server import engine as engine_module
from reference_server.engine import LARGEST_POLL
from reference_server.sockets import LARGEST_PAYLOAD
from reference_server.transports import frame
from reference_server.users import User

QUICK = 5.0
"""Seconds within which a connection closes that breaks the protocol; a ping timeout takes 45."""
PATIENCE = 10.0  # seconds


class Polling:
    """A session over HTTP."""

    def __init__(self, server: RunningServer, user: User | None = None) -> None:
        self.url = f"{server.url}/socket.io/?EIO=4&transport=polling"
        token = f"&token={server.token(user)}" if user else ""
        opened = requests.get(self.url + token, timeout=PATIENCE)
        self.opening = json.loads(opened.text[1:])
        self.url += f"&sid={self.opening['sid']}"

    def post(self, body: str | bytes) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        return requests.post(self.url, data=data, timeout=PATIENCE)

    def poll(self) -> requests.Response:
        return requests.get(self.url, timeout=PATIENCE)


def refused(response: requests.Response) -> bool:
    return (
        response.status_code == 400
        and response.headers["Content-Type"] == "application/json"
        and response.json()["success"] is False
        and bool(response.json()["message"])
    )


def test_a_session_opens_with_the_handshake_of_the_protocol(server: RunningServer) -> None:
    opening = Polling(server).opening
    assert opening["upgrades"] == ["websocket"]
    assert opening["pingInterval"] == 25_000
    assert opening["pingTimeout"] == 20_000
    assert opening["maxPayload"] == LARGEST_PAYLOAD


@pytest.mark.parametrize(
    "query",
    ["", "EIO=4", "EIO=4&transport=abc", "EIO=4&transport=websocket", "transport=polling",
     "EIO=3&transport=polling", "EIO=abc&transport=polling", "EIO=4&transport=polling&sid=unknown"],
)  # fmt: skip
def test_a_wrong_handshake_over_http_is_400_in_json(server: RunningServer, query: str) -> None:
    assert refused(requests.get(f"{server.url}/socket.io/?{query}", timeout=PATIENCE))


@pytest.mark.parametrize(
    "query",
    ["EIO=4", "EIO=4&transport=abc", "EIO=4&transport=polling", "transport=websocket",
     "EIO=3&transport=websocket", "EIO=4&transport=websocket&sid=unknown"],
)  # fmt: skip
def test_a_wrong_handshake_over_websocket_is_refused(engine: Any, query: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as answer:
        engine(query)
    assert answer.value.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "HEAD"])
def test_a_wrong_method_is_400(server: RunningServer, method: str) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    assert requests.request(method, url, timeout=PATIENCE).status_code == 400


@pytest.mark.parametrize("packet", ["abc", "9", "", "7x", "2", "b$$"])
def test_a_broken_packet_closes_a_websocket_at_once(engine: Any, packet: str) -> None:
    frames = engine()
    frames.until("0")
    frames.send(packet)
    assert frames.closes() < QUICK


@pytest.mark.parametrize("body", ["abc", "9", "\x1e", "4x\x1e\x1e", b"\xff", "2"])
def test_a_broken_packet_closes_a_polling_session_at_once(
    server: RunningServer, body: str | bytes
) -> None:
    session = Polling(server)
    assert refused(session.post(body))
    assert refused(session.poll())


def test_a_close_packet_closes_at_once(server: RunningServer, engine: Any) -> None:
    frames = engine()
    frames.until("0")
    frames.send("1")
    assert frames.closes() < QUICK
    session = Polling(server)
    session.post("1")
    assert refused(session.post("40"))
    assert refused(session.poll())


def test_two_polls_at_once_close_the_session(server: RunningServer, people: list[User]) -> None:
    session = Polling(server, people[0])
    first: list[requests.Response] = []
    waiting = threading.Thread(target=lambda: first.append(session.poll()))
    waiting.start()
    deadline = time.monotonic() + PATIENCE
    while not any(each.polling for each in sockets(server).values()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert refused(session.poll())
    waiting.join(PATIENCE)
    assert first[0].status_code == 400 or first[0].text == "1"
    assert refused(session.poll())


def test_a_cut_poll_closes_the_session_and_takes_its_user_away(
    server: RunningServer, people: list[User], connect: Any
) -> None:
    friend = connect(people[7])
    session = Polling(server, people[8])
    session.post("40")
    assert session.poll().text.startswith("40")
    assert friend.received("userStatus")["isOnline"] is True
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(session.url, timeout=0.2)
    assert friend.received("userStatus")["isOnline"] is False
    assert refused(session.poll())


def sockets(server: RunningServer) -> Any:
    return server.server._sockets.eio.sockets


def test_after_an_upgrade_the_old_way_is_closed(server: RunningServer, people: list[User]) -> None:
    session = Polling(server, people[0])
    address = session.url.replace("http", "ws", 1).replace("polling", "websocket")
    upgraded = websocket.create_connection(address, timeout=PATIENCE)
    upgraded.send("2probe")
    assert upgraded.recv() == "3probe"
    upgraded.send("5")
    upgraded.send("40")
    received = upgraded.recv()
    while not received.startswith("40"):
        received = upgraded.recv()
    assert refused(session.poll())
    assert refused(session.post("40"))
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(address, timeout=PATIENCE)
    upgraded.close()


def test_a_wrong_probe_is_closed_and_leaves_the_session(server: RunningServer) -> None:
    session = Polling(server)
    address = session.url.replace("http", "ws", 1).replace("polling", "websocket")
    wrong = websocket.create_connection(address, timeout=PATIENCE)
    wrong.send("4hello")
    assert wrong.recv() == ""
    wrong.close()
    assert session.post("3").status_code == 200


def test_of_two_upgrades_at_once_one_is_closed(server: RunningServer, people: list[User]) -> None:
    session = Polling(server, people[0])
    address = session.url.replace("http", "ws", 1).replace("polling", "websocket")
    first, second = (websocket.create_connection(address, timeout=QUICK) for _ in range(2))
    first.send("2probe")
    assert first.recv() == "3probe"
    second.send("2probe")
    assert second.recv() == ""
    first.send("5")
    first.send("40")
    assert "40{" in (first.recv(), first.recv())[-1]
    first.close()


@pytest.mark.parametrize("said", [(), ("2probe",)])
def test_an_upgrade_that_does_not_come_to_its_end_is_cut_off_and_leaves_the_session(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...]
) -> None:
    monkeypatch.setattr(engine_module, "UPGRADE_PATIENCE", 0.3, raising=False)
    session = Polling(server)
    upgrading = websocket.create_connection(
        session.url.replace("http:", "ws:").replace("polling", "websocket"), timeout=QUICK
    )
    for packet in said:
        upgrading.send(packet)
        assert upgrading.recv() == "3probe"
    assert upgrading.recv() == ""  # closed
    session.post("40")
    if (answer := session.poll().text) == "6":  # for the poll that would have waited
        answer = session.poll().text
    assert "44{" in answer


def test_many_packets_in_one_poll_are_all_taken(server: RunningServer, people: list[User]) -> None:
    session = Polling(server, people[0])
    session.post("40")
    assert session.poll().text.startswith("40")
    packets = [f'42{n}["typing",{{}}]' for n in range(100)]
    assert len(packets) < LARGEST_POLL
    assert session.post("\x1e".join(packets)).status_code == 200
    received: list[str] = []
    while len(received) < 100:
        received += [each for each in session.poll().text.split("\x1e") if each.startswith("43")]
    assert [int(each[2 : each.index("[")]) for each in received] == list(range(100))


def test_payloads_over_the_limit_close_the_connection(server: RunningServer, engine: Any) -> None:
    frames = engine()
    frames.until("0")
    frames.send("4" + "x" * LARGEST_PAYLOAD)
    assert frames.closes() < QUICK
    port = int(server.url.rsplit(":", 1)[1])
    session = Polling(server)
    path = session.url.removeprefix(server.url)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_PAYLOAD + 1}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_a_round_trip_does_not_wait_for_nagles_algorithm(connect: Any, people: list[User]) -> None:
    # Two writes follow on each message, the event and the acknowledgement: the second is what
    # Nagle's algorithm would hold back.
    asha = connect(people[0])
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        asha.emit("sendMessage", {"recipientId": people[1].id, "text": "x"})
        times.append(time.perf_counter() - begun)
    assert sorted(times)[15] < 0.03  # with Nagle's algorithm it is 0.04


def test_the_clients_own_address_is_known(server: RunningServer) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(
        ("127.0.0.1", port), timeout=PATIENCE, source_address=("127.0.0.7", 0)
    ) as connection:
        connection.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in connection.recv(1000)
    addresses = {each["REMOTE_ADDR"] for each in server.server._sockets.environ.values()}
    assert "127.0.0.7" in addresses


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("null", False),
    ],
)
def test_pages_of_this_machine_may_connect_and_others_not(
    server: RunningServer, origin: str, allowed: bool
) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport="
    polled = requests.get(url + "polling", headers={"Origin": origin}, timeout=PATIENCE)
    assert (polled.status_code == 200) is allowed
    assert (polled.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    try:
        address = url.replace("http", "ws", 1) + "websocket"
        websocket.create_connection(address, origin=origin, timeout=PATIENCE).close()
        connected = True
    except websocket.WebSocketBadStatusException:
        connected = False
    assert connected is allowed


def test_nothing_is_logged_when_sockets_close_while_the_server_writes(
    server: RunningServer, connect: Any, people: list[User], caplog: pytest.LogCaptureFixture
) -> None:
    asha = connect(people[0])
    for _ in range(10):
        ben = connect(people[1])
        for number in range(20):
            payload = {"recipientId": people[1].id, "text": "x" * 1000}
            asha.send(f"42{number}" + json.dumps(["sendMessage", payload]))
        ben.socket.sock.close()
        for _ in range(20):
            asha.until("43")
    assert [each for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")] == []


def test_a_client_that_reads_nothing_is_cut_off_and_the_others_are_served(
    server: RunningServer,
    connect: Any,
    rest: Any,
    people: list[User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reference_server.engine.MOST_WAITING_OUT", 50)
    monkeypatch.setattr("reference_server.engine.HANG_UP_AFTER", 0.05)
    friend, deaf = connect(people[8]), connect(people[9])
    assert friend.received("userStatus")["isOnline"] is True
    text = "x" * 100_000
    body = {"recipientId": people[9].id, "text": text}
    for _ in range(150):  # more than the buffers of the system hold
        assert rest("POST", "/api/messages/send", people[0], json=body).status_code == 201
    assert friend.received("userStatus")["isOnline"] is False
    assert deaf.closes() < PATIENCE


def test_messages_of_every_size_come_in_order_and_as_they_are(
    connect: Any, people: list[User]
) -> None:
    asha, ben = connect(people[0]), connect(people[1])
    # Around the sizes at which the header of a frame grows (RFC 6455, section 5.2), and of letters
    # that have more bytes than characters.
    texts = ["x" * size for size in (1, *range(65_000, 65_600, 50), 2)] + ["ä" * 40_000, "€", "z"]
    for text in texts:
        asha.send("42" + json.dumps(["sendMessage", {"recipientId": people[1].id, "text": text}]))
    assert [ben.received("receiveMessage")["text"] for _ in texts] == texts
    for size in range(120, 132):
        assert frame("x" * size) == _by_tornado("x" * size)
    assert frame(b"\x00\xff") == _by_tornado(b"\x00\xff")


def test_what_a_slow_client_missed_comes_in_order_once_it_reads(
    connect: Any, rest: Any, people: list[User]
) -> None:
    asha, slow = connect(people[0]), connect(people[1])
    text = "x" * 200_000
    texts = [f"{number} {text}" for number in range(60)]  # more than the buffers of the system hold
    for each in texts:
        body = {"recipientId": people[1].id, "text": each}
        assert rest("POST", "/api/messages/send", people[0], json=body).status_code == 201
    received = threading.Thread(
        target=lambda: got.extend(slow.received("receiveMessage")["text"] for _ in range(80))
    )
    got: list[str] = []
    received.start()
    for number in range(60, 80):  # while it catches up
        asha.send(
            "42" + json.dumps(["sendMessage", {"recipientId": people[1].id, "text": f"{number}"}])
        )
        texts.append(f"{number}")
    received.join(PATIENCE)
    assert [each.partition(" ")[0] for each in got] == [each.partition(" ")[0] for each in texts]


def _by_tornado(message: str | bytes) -> bytes:
    """The frame that Tornado would send."""
    written: list[bytes] = []
    protocol = object.__new__(WebSocketProtocol13)
    protocol.mask_outgoing, protocol._wire_bytes_out = False, 0
    protocol.stream = SimpleNamespace(write=written.append)  # type: ignore[assignment]
    data = message.encode() if isinstance(message, str) else message
    protocol._write_frame(True, 1 if isinstance(message, str) else 2, data)
    return b"".join(written)
