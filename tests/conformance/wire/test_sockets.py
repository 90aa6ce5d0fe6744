"""The Socket.IO client against python-socketio, and against servers broken in one way each."""

import base64
import hashlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import socketio
from werkzeug.serving import WSGIRequestHandler, make_server

from conformance.wire import packets
from conformance.wire.pacing import Pace
from conformance.wire.sockets import (
    Closed,
    Connection,
    NoAnswer,
    NotConnected,
    Refused,
    Throttled,
    Unreachable,
    WrongProtocol,
)
from conformance.wire.transports import Opening

BRISK = Pace(patience=0.1)  # a handshake within 1 s
PATIENT = Pace(patience=0.5)
TRANSPORTS = ["websocket", "polling", "default"]


def our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("r2c socket")]


def assert_no_thread_stays() -> None:
    """Threads end by themselves as soon as their sockets are cut; that takes a moment."""
    give_up = time.monotonic() + 3
    while our_threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    assert our_threads() == []


# A server that follows the protocol


class Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """python-socketio: echoes events, counts what it heard, refuses tokens other than "good"."""
    sio = socketio.Server(async_mode="threading", async_handlers=False, ping_interval=1)

    @sio.event
    def connect(sid, environ, auth):
        given = environ["QUERY_STRING"]
        if "token=good" not in given and auth != {"token": "good"}:
            raise ConnectionRefusedError("unauthorized")
        sio.emit("early", {"path": environ.get("HTTP_ORIGIN")}, to=sid)

    @sio.on("echo")
    def on_echo(sid, *args):
        sio.emit("echoed", args, to=sid)
        return args

    @sio.on("kick")
    def on_kick(sid):
        sio.disconnect(sid)

    server = make_server(
        "127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True, request_handler=Quiet
    )
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


SOCKET_IO = Path(__file__).parents[2] / "clients" / "node_modules" / "socket.io"


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[str]:
    """socket.io for Node, the server that most backends run on."""
    script = tmp_path_factory.mktemp("node") / "server.js"
    script.write_text("""
        const { Server } = require(process.argv[2]);
        const http = require("http").createServer();
        const io = new Server(http, { pingInterval: 300, pingTimeout: 2000 });
        io.use((socket, next) => socket.handshake.query.token === "good" ? next()
            : next(Object.assign(new Error("unauthorized"), { data: { code: 401 } })));
        io.on("connection", (socket) => {
            socket.emit("early", {});
            socket.on("echo", (...args) => {
                const done = args.pop();
                socket.emit("echoed", ...args);
                done(...args);
            });
            socket.on("kick", () => socket.disconnect());
        });
        http.listen(0, "127.0.0.1", () => console.log(http.address().port));
        process.stdin.on("end", () => process.exit()).resume();
    """)
    with subprocess.Popen(
        ["node", str(script), str(SOCKET_IO)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


@pytest.fixture(params=["echo", pytest.param("node", marks=pytest.mark.needs("socket.io"))])
def url(request) -> str:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_good_token_connects_and_events_come_and_go(url, transport):
    with Connection.open(url, token="good", transport=transport, pace=PATIENT) as connection:
        assert connection.sid and not connection.closed
        args = ({"a": b"\x00\xff", "b": [1, b"x", None]}, "hé 😀", [])
        emission = connection.emit("echo", *args, acknowledge=True)
        assert connection.acknowledgement(emission, within=5) == args
        assert connection.wait_for("echoed", within=5, since=emission.mark).args == args
        assert connection.acknowledgements(emission) == (args,)
        assert connection.wait_for("early", within=5)
    assert connection.close_reason == "closed by the suite"
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_that_keeps_nothing_tells_of_every_event(url, transport):
    heard = []
    with Connection.open(
        url, token="good", transport=transport, pace=PATIENT, observe=heard.append, keep=False
    ) as connection:
        for number in range(50):
            emission = connection.emit("echo", number, acknowledge=True)
            assert connection.acknowledgement(emission, within=5) == (number,)
            assert connection.acknowledgements(emission) == ()
        assert len(connection.frames) <= 1
        assert connection.received() == ()
    assert [each.args for each in heard if each.event == "echoed"] == [(n,) for n in range(50)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_wrong_token_is_refused_with_what_the_server_says(url, transport):
    with pytest.raises(Refused, match="connect error") as refusal:
        Connection.open(url, token="bad", transport=transport, pace=PATIENT)
    assert (refusal.value.stage, refusal.value.reason) == ("connect", "connect_error")
    assert refusal.value.detail["message"]
    assert_no_thread_stays()


def test_a_token_can_go_in_the_auth_payload(echo):
    with Connection.open(echo, auth={"token": "good"}, pace=PATIENT) as connection:
        assert connection.sid


def test_no_origin_is_sent_because_lists_of_origins_are_for_browsers(echo):
    with Connection.open(echo, token="good", pace=PATIENT) as connection:
        assert connection.wait_for("early", within=5).args == ({"path": None},)


def test_the_default_begins_with_polling_and_moves_to_websocket_while_in_use(url):
    with Connection.open(url, token="good", transport="default", pace=PATIENT) as connection:
        emissions = [connection.emit("echo", n, acknowledge=True) for n in range(200)]
        assert connection.await_upgrade(within=5)
        assert connection.transport == "websocket"
        emissions += [connection.emit("echo", n, acknowledge=True) for n in range(200, 400)]
        answers = [connection.acknowledgement(one, within=10) for one in emissions]
        assert answers == [(n,) for n in range(400)]
        assert [one.args[0] for one in connection.received("echoed")] == list(range(400))
        frames = connection.frames
    assert frames[0].transport == "polling" and frames[0].data.startswith("0{")
    sent = [one.data for one in frames if one.sent]
    assert next(one for one in frames if one.sent and one.data == "40").transport == "polling"
    # The probe travels on a connection of its own, so which of the two leaves first is chance.
    assert sent.index("40") < sent.index("5") and sent.index("2probe") < sent.index("5")


def test_polling_stays_polling(url):
    with Connection.open(url, token="good", transport="polling", pace=PATIENT) as connection:
        emissions = [connection.emit("echo", n, acknowledge=True) for n in range(100)]
        answers = [connection.acknowledgement(one, within=10) for one in emissions]
        assert answers == [(n,) for n in range(100)]
        assert not connection.await_upgrade(within=0)
        assert {one.transport for one in connection.frames} == {"polling"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pings_are_answered_so_that_the_session_lives(url, transport):
    with Connection.open(url, token="good", transport=transport, pace=PATIENT) as connection:
        connection.await_upgrade(within=5)
        give_up = time.monotonic() + 10
        while sum(one.data == "3" for one in connection.frames) < 2:
            assert time.monotonic() < give_up
            assert not connection.rest(0.05)
        emission = connection.emit("echo", acknowledge=True)
        assert connection.acknowledgement(emission, within=5) == ()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_disconnect_by_the_server_ends_the_connection_and_says_so(url, transport):
    connection = Connection.open(url, token="good", transport=transport, pace=PATIENT)
    connection.emit("kick")
    assert connection.rest(5)
    assert "server" in connection.close_reason
    assert connection.wait_for("never", within=30) is None, "at once, since nothing can come"
    with pytest.raises(Closed, match="server"):
        connection.emit("echo")
    connection.close()
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_drop_ends_at_once_without_a_goodbye(url, transport):
    connection = Connection.open(url, token="good", transport=transport, pace=PATIENT)
    connection.await_upgrade(within=5)
    before = time.monotonic()
    connection.drop()
    assert time.monotonic() - before < 1
    assert connection.close_reason == "dropped by the suite"
    assert not {"41", "1"} & {one.data for one in connection.frames if one.sent}
    assert_no_thread_stays()


def test_a_hundred_connections_live_next_to_each_other(echo):
    connections = [
        Connection.open(echo, token="good", transport=TRANSPORTS[n % 3], pace=PATIENT)
        for n in range(105)
    ]
    emissions = [one.emit("echo", n, acknowledge=True) for n, one in enumerate(connections)]
    answers = [
        connection.acknowledgement(emission, within=10)
        for connection, emission in zip(connections, emissions, strict=True)
    ]
    assert answers == [(n,) for n in range(105)]
    for connection in connections:
        connection.close()
    assert_no_thread_stays()


def test_many_threads_may_share_a_connection(echo):
    with Connection.open(echo, token="good", pace=PATIENT) as connection:
        answers: dict[int, object] = {}

        def work(n: int) -> None:
            emission = connection.emit("echo", b"%d" % n, n, acknowledge=True)
            answers[n] = connection.acknowledgement(emission, within=10)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {n: (b"%d" % n, n) for n in range(50)}


# Servers that do not


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def head_of(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


@contextmanager
def server(handle: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """Calls `handle(connection, head of its first request)` for each connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    open_ones: list[socket.socket] = []

    def run(connection: socket.socket) -> None:
        with suppress(OSError):
            handle(connection, head_of(connection))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_ones.append(connection)
                threading.Thread(target=run, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for one in [listener, *open_ones]:
            one.close()


OPEN = '0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
CONNECTED = '40{"sid":"N"}'


def frame(data: str | bytes, code: int | None = None) -> bytes:
    body = data.encode() if isinstance(data, str) else data
    code = code or (1 if isinstance(data, str) else 2)
    size = bytes([len(body)]) if len(body) < 126 else b"\x7e" + len(body).to_bytes(2, "big")
    return bytes([0x80 | code]) + size + body


def unmasked(connection: socket.socket) -> bytes:
    """The next frame from the client; short ones only."""
    with connection.makefile("rb", buffering=0) as file:
        _, size = file.read(2)
        mask = file.read(4)
        body = b""
        while len(body) < size & 127:
            body += file.read((size & 127) - len(body))
    return bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))


def accept_websocket(connection: socket.socket, head: bytes, *extra: str) -> None:
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if b"Sec-WebSocket-Key" in line)
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key + guid).digest()).decode()
    fields = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}", *extra, "", "",
    ]  # fmt: skip
    connection.sendall("\r\n".join(fields).encode())


def over_websocket(*frames: bytes, then: Callable[[socket.socket], None] = lambda c: None):
    """Opens, reads the client's CONNECT, sends these frames, and waits for the end."""

    def handle(connection: socket.socket, head: bytes) -> None:
        accept_websocket(connection, head)
        connection.sendall(frame(OPEN))
        assert unmasked(connection).startswith(b"40")
        connection.sendall(b"".join(frames))
        then(connection)
        while connection.recv(65536):
            pass

    return handle


def http(body: str | bytes, status: str = "200 OK") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def says_nothing(connection: socket.socket, head: bytes) -> None:
    connection.recv(1)


def drips(connection: socket.socket, head: bytes) -> None:
    for byte in b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Slow: " + b"x" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def drips_open(connection: socket.socket, head: bytes) -> None:
    if b"Upgrade" in head:
        accept_websocket(connection, head)
        connection.sendall(b"\x81\x7e\x10\x00")
    else:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"0")
        time.sleep(0.02)


def opens_and_says_nothing_more(connection: socket.socket, head: bytes) -> None:
    if b"Upgrade" in head:
        accept_websocket(connection, head)
        connection.sendall(frame(OPEN))
        while connection.recv(65536):
            pass
    elif b"POST" in head:
        connection.sendall(http("ok"))
        connection.recv(1)
    else:
        connection.sendall(http(OPEN))
        connection.recv(65536)
        connection.recv(1)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("handle", [says_nothing, drips, drips_open, opens_and_says_nothing_more])
def test_silence_and_slowness_end_at_the_deadline(transport, handle):
    with server(handle) as url:
        before = time.monotonic()
        with pytest.raises(NoAnswer, match="within 1 s") as failure:
            Connection.open(url, transport=transport, pace=BRISK)
        assert time.monotonic() - before < 2
    assert not isinstance(failure.value, WrongProtocol)
    assert failure.value.stage == (
        "connect" if handle is opens_and_says_nothing_more else "handshake"
    )
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nobody_listening_is_told_from_a_refusal(transport):
    with pytest.raises(Unreachable, match="refused"):
        Connection.open(f"http://127.0.0.1:{closed_port()}", transport=transport, pace=BRISK)
    with pytest.raises(Unreachable):
        Connection.open("http://no-such-host.invalid", transport=transport, pace=BRISK)
    assert_no_thread_stays()


@pytest.mark.parametrize("wrong", ["localhost:5000", "ftp://host", "http://"])
def test_a_url_that_is_none_is_refused_in_one_sentence(wrong):
    with pytest.raises(ValueError, match="no URL that begins with"):
        Connection.open(wrong, pace=BRISK)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("status", ["401 Unauthorized", "400 Bad Request", "500 Oops"])
def test_an_http_error_at_the_handshake_is_a_refusal(transport, status):
    def handle(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http('{"success":false}', status))

    with server(handle) as url, pytest.raises(Refused, match="HTTP status") as refusal:
        Connection.open(url, transport=transport, pace=BRISK)
    assert refusal.value.status == int(status[:3])
    assert refusal.value.detail == '{"success":false}'
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_closing_in_the_middle_of_the_handshake_is_a_refusal(transport):
    closing = server(lambda connection, _: connection.close())
    with closing as url, pytest.raises(Refused, match="ending the connection"):
        Connection.open(url, transport=transport, pace=BRISK)
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "said",
    [
        http("<html><title>Welcome</title></html>"),
        http("", "302 Found"),
        b"220 mail.example.com ESMTP\r\n",
        http(
            '97:0{"sid":"x","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}2:40'
        ),
        http("0[]"),
        http(b"\xff\xfe"),
    ],
    ids=["html", "redirect", "another protocol", "Engine.IO 3", "a strange OPEN", "bytes"],
)
def test_another_protocol_is_no_refusal(transport, said):
    def handle(connection: socket.socket, head: bytes) -> None:
        connection.sendall(said)
        connection.recv(1)

    with server(handle) as url, pytest.raises(WrongProtocol, match=r"no Socket\.IO 5"):
        Connection.open(url, transport=transport, pace=BRISK)
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_redirect_is_not_followed_even_to_a_server_that_would_do(echo, transport):
    place = f"{echo}/socket.io/?token=good&EIO=4&transport="
    place += "polling" if transport == "polling" else "websocket"

    def handle(connection: socket.socket, head: bytes) -> None:
        moved = http("", f"307 Temporary Redirect\r\nLocation: {place.replace('http', 'ws', 1)}")
        connection.sendall(moved)
        connection.recv(1)

    with server(handle) as url, pytest.raises(WrongProtocol):
        Connection.open(url, token="good", transport=transport, pace=BRISK)


def test_socket_io_2_over_websocket_is_recognised():
    with server(over_websocket(frame("40"))) as url, pytest.raises(WrongProtocol, match="IO 2"):
        Connection.open(url, pace=BRISK)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([frame('44{"message":"no"}')], "connect_error"),
        ([frame("41")], "disconnected"),
        ([frame("1")], "closed"),
        ([frame(b"\x03\xe8", 8)], "closed"),
        ([frame("hello")], "closed"),
    ],
)
def test_every_way_to_be_turned_away_before_connect_is_a_refusal(frames, reason):
    with server(over_websocket(*frames)) as url, pytest.raises(Refused) as refusal:
        Connection.open(url, pace=BRISK)
    assert (refusal.value.stage, refusal.value.reason) == ("connect", reason)
    assert_no_thread_stays()


def test_a_disconnect_right_after_connect_is_a_refusal_to_those_who_wait_for_it():
    handle = over_websocket(frame(CONNECTED), frame("41"))
    with server(handle) as url, pytest.raises(Refused, match="disconnecting"):
        Connection.open(url, pace=BRISK, breathe=True)


def test_a_polling_session_that_is_thrown_out_before_connect_is_a_refusal():
    def handle(connection: socket.socket, head: bytes) -> None:
        if b"POST" in head:
            connection.sendall(http("ok"))
        else:
            connection.sendall(http(OPEN))
            connection.recv(65536)
            connection.sendall(http('{"code":1,"message":"Session ID unknown"}', "400 Bad Request"))
        connection.recv(1)

    with server(handle) as url, pytest.raises(Refused, match="answered 400"):
        Connection.open(url, transport="polling", pace=BRISK)
    assert_no_thread_stays()


def closing_in_silence(*closed: bytes) -> Callable[[socket.socket, bytes], None]:
    """Ends the connection a moment after the answer to a request of these methods."""
    answers = iter([OPEN, CONNECTED, '42["a"]', '42["b"]'])

    def handle(connection: socket.socket, head: bytes) -> None:
        while head:
            method = head.partition(b" ")[0]
            connection.sendall(http("ok" if method == b"POST" else next(answers, "6")))
            if method in closed:
                time.sleep(0.002)
                connection.shutdown(socket.SHUT_WR)
            head = head_of(connection)

    return handle


def test_polling_goes_on_where_each_answer_is_followed_by_a_close_without_a_word():
    pace = replace(BRISK, keeps_alive=False)
    handle = closing_in_silence(b"GET", b"POST")
    with server(handle) as url, Connection.open(url, transport="polling", pace=pace) as one:
        assert one.wait_for("b", within=2)


def test_a_connection_that_was_closed_after_an_answer_carries_no_post():
    handle = closing_in_silence(b"POST")
    with server(handle) as url, Connection.open(url, transport="polling", pace=BRISK) as one:
        for _ in range(3):
            assert not one.rest(0.05)  # The close has come by then.
            one.emit("typing", {})
        assert not one.rest(0.05)


def test_a_refused_upgrade_leaves_the_connection_on_polling(echo):
    """The same server behind a proxy that knows no WebSocket."""
    port = int(echo.rsplit(":", 1)[1])

    def handle(connection: socket.socket, head: bytes) -> None:
        if b"Upgrade" in head:
            connection.sendall(http("no", "400 Bad Request"))
            return
        with socket.create_connection(("127.0.0.1", port)) as behind:
            behind.sendall(head)
            backwards = threading.Thread(target=pump, args=(behind, connection), daemon=True)
            backwards.start()
            pump(connection, behind)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with server(handle) as url:
        connection = Connection.open(url, token="good", transport="default", pace=PATIENT)
        assert not connection.await_upgrade(within=5)
        emission = connection.emit("echo", 1, acknowledge=True)
        assert connection.acknowledgement(emission, within=5) == (1,)
        assert connection.transport == "polling"
        connection.close()
    assert_no_thread_stays()


def test_events_before_and_with_connect_are_not_missed():
    observed: list[str] = []
    handle = over_websocket(frame('42["before",1]'), frame(CONNECTED), frame('42["with",{"a":[]}]'))
    with server(handle) as url:
        connection = Connection.open(
            url, pace=BRISK, observe=lambda received: observed.append(received.event)
        )
        assert connection.wait_for("before", within=1).args == (1,)
        assert connection.wait_for("with", within=1).args == ({"a": []},)
        assert observed == ["before", "with"]
        assert [one.event for one in connection.received()] == observed
        connection.close()


def test_a_doubled_acknowledgement_is_seen():
    def twice(connection: socket.socket) -> None:
        assert unmasked(connection) == b'420["typing"]'
        connection.sendall(frame('430[{"success":true}]') + frame('430[{"success":true}]'))
        connection.sendall(frame('42["fence"]'))

    with server(over_websocket(frame(CONNECTED), then=twice)) as url:
        connection = Connection.open(url, pace=BRISK)
        emission = connection.emit("typing", acknowledge=True)
        assert connection.acknowledgement(emission, within=1) == ({"success": True},)
        assert connection.wait_for("fence", within=1)
        assert len(connection.acknowledgements(emission)) == 2
        connection.drop()


def test_an_acknowledgement_that_never_comes_is_none_at_the_deadline():
    with server(over_websocket(frame(CONNECTED))) as url:
        connection = Connection.open(url, pace=BRISK)
        before = time.monotonic()
        assert connection.acknowledgement(connection.emit("x", acknowledge=True), 0.2) is None
        assert 0.2 <= time.monotonic() - before < 1
        assert connection.acknowledgement(connection.emit("x"), 0) is None
        connection.drop()


def test_what_comes_on_another_namespace_is_recorded_and_not_taken_for_ours():
    handle = over_websocket(
        frame(CONNECTED), frame('44/admin,{"message":"Invalid namespace"}'),
        frame('42/admin,["receiveMessage",{}]'), frame('42["fence"]'),
    )  # fmt: skip
    with server(handle) as url:
        connection = Connection.open(url, pace=BRISK)
        assert connection.wait_for("fence", within=1)
        assert [one.event for one in connection.received()] == ["fence"]
        assert any("/admin" in one.data for one in connection.frames)
        assert not connection.closed
        connection.drop()


@pytest.mark.parametrize(
    "broken",
    [
        frame("42"), frame("42{}"), frame("42[]"), frame("42[null]"), frame('42["a"'), frame("43"),
        frame("48[]"), frame("4"), frame("9"), frame(""), frame(b"x"), frame('451-["a"]x'),
        frame('451-["a",{"_placeholder":true,"num":5}]') + frame(b"x"),
        frame('451-["a",{"_placeholder":true,"num":0}]') + frame('42["b"]'),
        frame(b"\xff", 1), b"\xff\xff\xff\xff", frame("42" + "[" * 30_000),
    ],
)  # fmt: skip
def test_a_packet_that_breaks_the_protocol_ends_the_connection_and_stays_on_record(broken):
    with server(over_websocket(frame(CONNECTED), broken)) as url:
        connection = Connection.open(url, pace=BRISK)
        assert connection.rest(2)
        assert connection.received() == ()
        assert "suite" not in connection.close_reason
        connection.close()
    assert_no_thread_stays()


def test_a_ping_of_the_websocket_itself_does_not_begin_a_deadline():
    def later(connection: socket.socket) -> None:
        connection.sendall(frame(b"beat", 9))
        assert unmasked(connection) == b"beat"
        time.sleep(1.5)  # longer than the pace allows for the rest of a frame
        connection.sendall(frame('42["still here"]'))

    with server(over_websocket(frame(CONNECTED), then=later)) as url:
        connection = Connection.open(url, pace=BRISK)
        assert connection.wait_for("still here", within=5)
        connection.drop()


def test_a_server_that_falls_silent_is_given_up():
    quick = OPEN.replace("25000", "100").replace("20000", "100")

    def handle(connection: socket.socket, head: bytes) -> None:
        accept_websocket(connection, head)
        connection.sendall(frame(quick))
        unmasked(connection)
        connection.sendall(frame(CONNECTED))
        connection.recv(1)

    with server(handle) as url:
        connection = Connection.open(url, pace=Pace(patience=0.05))
        assert connection.rest(3)
        assert "silent" in connection.close_reason


def test_a_server_that_stops_reading_does_not_hold_up_the_sender():
    stopped = threading.Event()
    with server(over_websocket(frame(CONNECTED), then=lambda _: stopped.wait(10) and None)) as url:
        connection = Connection.open(url, pace=Pace(patience=0.05))
        before = time.monotonic()
        with pytest.raises(Closed, match="sending failed"):
            connection.emit("x", "y" * 30_000_000)
        # Long before the server would read on; a busy machine needs seconds for so large a frame.
        assert time.monotonic() - before < 8
        assert connection.closed
        stopped.set()


def test_closing_a_connection_to_a_server_that_does_not_answer_is_bounded():
    with server(over_websocket(frame(CONNECTED), then=lambda c: time.sleep(5))) as url:
        connection = Connection.open(url, pace=BRISK)
        before = time.monotonic()
        connection.close()
        assert time.monotonic() - before < 1
        connection.close()
    assert_no_thread_stays()


def test_goodbye_is_said_before_the_end():
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.extend([unmasked(connection), unmasked(connection)])

    with server(over_websocket(frame(CONNECTED), then=listen)) as url:
        Connection.open(url, pace=BRISK).close()
    assert heard[0] == b"41"
    assert int.from_bytes(heard[1][:2], "big") == 1000


def test_raw_packets_go_as_they_are(echo):
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.extend(unmasked(connection) for _ in range(3))
        connection.sendall(frame('42["heard"]'))

    with server(over_websocket(frame(CONNECTED), then=listen)) as url:
        connection = Connection.open(url, pace=BRISK)
        for raw in ["", "4\x00☃", b"\xff\x00"]:
            connection.send_raw(raw)
        assert connection.wait_for("heard", within=2)
        connection.drop()
    assert heard == [b"", "4\x00☃".encode(), b"\xff\x00"]
    with Connection.open(echo, token="good", transport="polling", pace=PATIENT) as connection:
        connection.send_raw('42["echo",1]\x1e42["echo",2]')
        assert connection.wait_for("echoed", lambda args: args == (2,), within=5)


def test_waiting_looks_only_at_what_came_since():
    with server(
        over_websocket(frame(CONNECTED), *[frame(f'42["n",{n}]') for n in range(5)])
    ) as url:
        connection = Connection.open(url, pace=BRISK)
        fourth = connection.wait_for("n", lambda args: args == (3,), within=1)
        assert connection.wait_for("n", within=1, since=fourth.index).args == (3,)
        assert connection.wait_for("n", within=1, since=fourth.index + 1).args == (4,)
        assert connection.wait_for("n", within=0, since=connection.mark()) is None
        assert [one.args for one in connection.received("n", since=fourth.index)] == [(3,), (4,)]
        connection.drop()


def test_a_fault_of_the_observer_is_not_swallowed():
    def fails(received: object) -> None:
        raise KeyError("bug")

    with server(over_websocket(frame(CONNECTED), frame('42["n"]'))) as url:
        connection = Connection.open(url, pace=BRISK, observe=fails)
        with pytest.raises(RuntimeError, match="observing") as failure:
            connection.wait_for("m", within=2)
        assert isinstance(failure.value.__cause__, KeyError)
        connection.drop()


def test_a_cookie_of_one_connection_does_not_go_with_the_next():
    """websocket-client keeps one jar for the whole process, for cookies with a Domain."""
    heads: list[bytes] = []

    def handle(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        accept_websocket(connection, head, "Set-Cookie: io=asha; Domain=127.0.0.1")
        connection.sendall(frame(OPEN) + frame(CONNECTED))
        connection.recv(65536)

    with server(handle) as url:
        for _ in range(2):
            Connection.open(url, pace=BRISK).drop()
    assert len(heads) == 2 and all(b"Cookie" not in head for head in heads)


def test_proxies_of_the_environment_are_left_alone(echo, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for transport in TRANSPORTS:
        Connection.open(echo, token="good", transport=transport, pace=PATIENT).close()


def test_headers_and_a_token_with_any_character_arrive():
    heads: list[bytes] = []

    def handle(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.close()

    with server(handle) as url:
        for transport in ("websocket", "polling"):
            with pytest.raises(Refused):
                Connection.open(
                    url, token="a b&c=\n☃", headers={"Authorization": "Bearer t"},
                    transport=transport, pace=BRISK,
                )  # fmt: skip
    for head in heads:
        assert b"token=a+b%26c%3D%0A%E2%98%83&EIO=4" in head
        assert b"Authorization: Bearer t\r\n" in head


def test_what_a_frame_says_is_what_passed(echo):
    with Connection.open(echo, token="good", pace=PATIENT) as connection:
        emission = connection.emit("echo", {"n": 1}, acknowledge=True)
        connection.acknowledgement(emission, within=5)
        frames = connection.frames
    sent = next(one for one in frames if one.sent and "echo" in one.data)
    assert json.loads(sent.data[3:]) == ["echo", {"n": 1}]
    assert [one.at for one in frames] == sorted(one.at for one in frames)


# Answers 429 (D12)


def busy_at_first(*waits: str):
    """Answers 429 with each of these Retry-After in turn, and lets clients in afterwards."""
    left = list(waits)

    def handle(connection: socket.socket, head: bytes) -> None:
        if left:
            field = f"\r\nRetry-After: {left.pop(0)}"
            connection.sendall(http("slow down", f"429 Too Many Requests{field}"))
        elif b"Upgrade" in head:
            over_websocket(frame(CONNECTED))(connection, head)
        elif head.startswith(b"POST"):
            connection.sendall(http("ok"))
        else:
            connection.sendall(http(f"{OPEN}\x1e{CONNECTED}"))
            connection.recv(65536)
            connection.recv(65536)

    return handle


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_asks_to_slow_down_is_asked_again_later(transport):
    with server(busy_at_first("1", "0")) as url:
        before = time.monotonic()
        connection = Connection.open(url, transport=transport, pace=BRISK)
        assert 1.2 <= time.monotonic() - before < 4, "a second as asked, and a pause nobody asked"
        assert connection.sid == "N"
        connection.drop()
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_asks_for_more_than_the_pace_allows_has_refused_nobody(transport):
    with server(busy_at_first("3600")) as url, pytest.raises(Throttled, match="429"):
        Connection.open(url, transport=transport, pace=BRISK)
    assert not issubclass(Throttled, NotConnected)
    assert_no_thread_stays()


# What a server announces


def announcing(**fields: str):
    texts = {"sid": '"S"', "upgrades": "[]", "pingInterval": "25000", "pingTimeout": "20000"}
    body = ",".join(f'"{name}":{value}' for name, value in (texts | fields).items())

    def handle(connection: socket.socket, head: bytes) -> None:
        if b"Upgrade" in head:
            accept_websocket(connection, head)
            connection.sendall(frame(f"0{{{body}}}") + frame(CONNECTED) + frame('42["here"]'))
            while connection.recv(65536):
                pass
        elif head.startswith(b"POST"):
            connection.sendall(http("ok"))
        else:
            connection.sendall(http(f"0{{{body}}}"))
            head_of(connection)
            connection.sendall(http(f'{CONNECTED}\x1e42["here"]'))
            connection.recv(65536)

    return handle


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_waits_for_weeks_between_pings_is_no_fault(transport):
    with server(announcing(pingTimeout="2147483647")) as url:
        connection = Connection.open(url, transport=transport, pace=BRISK)
        assert connection.wait_for("here", within=2)
        assert not connection.rest(0.1)
        assert connection.ping_window > 2_147_483
        connection.drop()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "field",
    [{"pingTimeout": "1e999"}, {"pingInterval": "NaN"}, {"pingInterval": "-1e9"},
     {"maxPayload": "1e999"}, {"pingTimeout": "9" * 400}],
    ids=str,
)  # fmt: skip
def test_times_and_sizes_that_are_none_are_another_protocol(transport, field):
    with server(announcing(**field)) as url, pytest.raises(WrongProtocol):
        Connection.open(url, transport=transport, pace=BRISK)
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", ["polling", "default"])
def test_an_attachment_that_is_no_base64_is_another_protocol(transport):
    def handle(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http(f"{OPEN}\x1ebé"))

    with server(handle) as url, pytest.raises(WrongProtocol):
        Connection.open(url, transport=transport, pace=BRISK)


@pytest.mark.parametrize("transport", ["polling", "default"])
def test_an_attachment_that_is_no_base64_ends_a_session_with_its_reason(transport):
    def handle(connection: socket.socket, head: bytes) -> None:
        if head.startswith(b"POST"):
            connection.sendall(http("ok"))
            return
        connection.sendall(http(OPEN))
        head_of(connection)
        connection.sendall(http(CONNECTED))
        head_of(connection)
        connection.sendall(http("bé"))

    with server(handle) as url:
        connection = Connection.open(url, transport=transport, pace=BRISK)
        assert connection.rest(5)
        assert "cannot be decoded" in connection.close_reason
        connection.drop()


# Faults of the suite


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_fault_in_a_thread_is_told_to_whoever_waits_and_is_no_refusal(monkeypatch, transport):
    monkeypatch.setattr(Connection, "_take", lambda self, packet, frame: {}.pop("bug"))
    monkeypatch.setattr(packets, "MALFORMED", (ValueError,))
    with server(announcing()) as url:
        for _ in range(30):  # the fault and the client's first packet race
            with pytest.raises(RuntimeError, match="failed") as failure:
                Connection.open(url, transport=transport, pace=BRISK)
            assert isinstance(failure.value.__cause__, KeyError)
    assert_no_thread_stays()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_fault_while_opening_leaves_no_socket_open(monkeypatch, transport):
    ended = threading.Event()

    def handle(connection: socket.socket, head: bytes) -> None:
        with suppress(OSError):
            announcing()(connection, head)
            while connection.recv(65536):
                pass
        ended.set()

    def fails(packet: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(Opening, "read", fails)
    with server(handle) as url:
        with pytest.raises(KeyError) as failure:
            Connection.open(url, transport=transport, pace=BRISK)
        assert ended.wait(3), failure


# What is on the wire


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_events_go_as_browsers_write_them(echo, transport):
    text = "é 日本 😀 \u2028"
    with Connection.open(echo, token="good", transport=transport, pace=PATIENT) as connection:
        emission = connection.emit("echo", {"täxt": text, "lone": "\ud800"}, acknowledge=True)
        assert connection.acknowledgement(emission, within=5)[0]["täxt"] == text
        sent = next(one.data for one in connection.frames if one.sent and "echo" in one.data)
    assert sent == f'420["echo",{{"täxt":"{text}","lone":"\\ud800"}}]'


def test_an_event_keeps_its_frame_when_others_pass_at_the_same_time():
    """The upgrade records the frames of its probe while the reader is busy with an event."""
    connection = Connection("Asha", BRISK, None)
    first = connection.on_frame(False, "polling", '42["one"]')
    connection.on_frame(False, "websocket", "3probe")
    connection.on_message('2["one"]', first)
    (got,) = connection.received()
    assert (got.event, got.index) == ("one", first)
    assert connection.frames[got.index].data == '42["one"]'
