"""A connection goes to the process that holds the session a request names, whatever it carried."""

import asyncio
import http.client
import json
import secrets
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from contract import load
from reference_server import users
from reference_server.errors import StartError
from reference_server.handover import LENGTH_OF_NAME, Handover
from reference_server.server import Server
from reference_server.store import Store
from reference_server.tokens import Tokens

PATIENCE = 10.0


class Pair:
    """Two servers that hand over to each other, each at a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [secrets.token_hex(LENGTH_OF_NAME // 2) for _ in range(2)]
        self.directory = users.load(users.SEEDED)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._servers = [self._do(self._start(name)) for name in self.names]
        self.ports = [server.port for server in self._servers]
        asha = next(iter(self.directory))
        self.token = self._servers[0].tokens.mint(asha)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # ends what still waits
            runner.run(self._ended.wait())

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _start(self, name: str) -> Server:
        store = Store.embedded()
        tokens = Tokens("s" * 32, self.directory, store.clock)
        server = Server(load(), self.directory, tokens, store, handover=Handover(self.folder, name))
        await server.start()
        return server

    def stop(self, number: int) -> None:
        """Ends one of the servers."""
        self._do(self._servers[number].stop())

    def close(self) -> None:
        """Ends both."""
        for number in range(2):
            self.stop(number)
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)


@pytest.fixture
def pair() -> Iterator[Pair]:
    # The paths of Unix sockets must be short, and pytest's are not.
    with tempfile.TemporaryDirectory(prefix="r2c-") as folder:
        made = Pair(Path(folder))
        yield made
        made.close()


class Line:
    """One connection to a server, which must not be made anew."""

    def __init__(self, pair: Pair, number: int) -> None:
        self._pair = pair
        self._http = http.client.HTTPConnection("127.0.0.1", pair.ports[number], timeout=PATIENCE)
        self._http.auto_open = 0
        self._http.connect()

    def ask(self, method: str, path: str, body: str | bytes | None = None) -> tuple[int, str]:
        self._http.request(
            method, path, body, headers={"Authorization": f"Bearer {self._pair.token}"}
        )
        answer = self._http.getresponse()
        return answer.status, answer.read().decode()

    def open(self) -> str:
        """The id of a new session."""
        status, text = self.ask("GET", "/socket.io/?EIO=4&transport=polling")
        assert status == 200
        return str(json.loads(text[1:])["sid"])

    def post(self, sid: str, packets: str) -> tuple[int, str]:
        return self.ask("POST", f"/socket.io/?EIO=4&transport=polling&sid={sid}", packets)

    def poll(self, sid: str) -> tuple[int, str]:
        return self.ask("GET", f"/socket.io/?EIO=4&transport=polling&sid={sid}")

    def close(self) -> None:
        self._http.close()


def test_one_connection_carries_rest_and_sessions_of_both(pair: Pair) -> None:
    line, other = Line(pair, 0), Line(pair, 1)
    sids = [line.open(), other.open(), line.open(), other.open()]
    assert {sid[-LENGTH_OF_NAME:] for sid in sids} == set(pair.names)
    for _ in range(2):
        for sid in sids:
            assert line.ask("GET", f"/api/messages/{'0' * 24}")[0] == 404
            assert line.post(sid, "40")[0] == 200
            assert line.post(sid, "3")[0] == 200
    for sid in sids:
        status, text = line.poll(sid)
        assert (status, text[:2]) == (200, "40")
    line.close()
    other.close()


def test_a_body_that_is_long_or_comes_late_goes_with_its_request(pair: Pair) -> None:
    line, other = Line(pair, 0), Line(pair, 1)
    sid = line.open()
    line.post(sid, "40")
    line.poll(sid)
    for size in (1_000, 400_000):
        event = "42" + json.dumps(["unknown", "x" * size])
        assert other.post(sid, event) == (200, "OK")
        assert line.post(sid, event) == (200, "OK")
    head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
    with socket.create_connection(("127.0.0.1", pair.ports[1]), PATIENCE) as late:
        late.sendall(head.encode() + b"Content-Length: 2\r\n\r\n4")
        # The beginning of a second one comes with the end of the first.
        late.sendall(b"1" + head.encode()[:30])
        assert b" 200 " in late.recv(65536)
    line.close()
    other.close()


def test_a_session_moves_to_a_websocket_through_the_other_process(pair: Pair) -> None:
    line = Line(pair, 0)
    sid = line.open()
    line.post(sid, "40")
    line.poll(sid)
    address = f"ws://127.0.0.1:{pair.ports[1]}/socket.io/?EIO=4&transport=websocket&sid={sid}"
    upgraded = websocket.create_connection(address, timeout=PATIENCE)
    upgraded.send("2probe")
    assert upgraded.recv() == "3probe"
    assert line.poll(sid) == (200, "6")
    upgraded.send("5")
    recipient = list(pair.directory)[1].id
    upgraded.send("421" + json.dumps(["sendMessage", {"recipientId": recipient, "text": "up"}]))
    while not (packet := str(upgraded.recv())).startswith("431"):
        pass
    assert json.loads(packet[3:])[0]["data"]["text"] == "up"
    upgraded.close()
    line.close()


def test_who_passed_a_connection_on_may_end(pair: Pair) -> None:
    line = Line(pair, 1)
    owner = Line(pair, 0)
    sid = owner.open()
    assert line.post(sid, "40")[0] == 200
    pair.stop(1)
    assert line.poll(sid)[0] == 200
    line.close()
    owner.close()


@pytest.mark.parametrize("name", ["0" * LENGTH_OF_NAME, "/../../etc/passwd", "%00" * 16, ""])
def test_a_session_of_nobody_is_unknown(pair: Pair, name: str) -> None:
    line = Line(pair, 0)
    status, text = line.poll(f"{'A' * 20}{name}")
    assert (status, json.loads(text)["success"]) == (400, False)
    line.close()


def test_a_session_of_a_process_that_ended_is_unknown(pair: Pair) -> None:
    ended, line = Line(pair, 0), Line(pair, 1)
    sid = ended.open()
    pair.stop(0)
    assert line.poll(sid)[0] == 400
    assert line.ask("GET", f"/api/messages/{'0' * 24}")[0] == 404
    line.close()
    ended.close()


def test_a_connection_whose_beginning_does_not_come_whole_is_closed(pair: Pair) -> None:
    mine, given = socket.socketpair()
    with socket.socket(socket.AF_UNIX) as way:
        way.connect(str(pair.folder / pair.names[0]))
        socket.send_fds(way, [struct.pack("!Q", 100) + b"GET / HT"], [given.fileno()])
    given.close()
    mine.settimeout(PATIENCE)
    assert mine.recv(100) == b""
    mine.close()


def test_a_folder_that_cannot_hold_sockets_is_one_sentence(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    with pytest.raises(StartError, match="TMPDIR"):
        Handover(long, "0" * LENGTH_OF_NAME).open(lambda *_: None)
