"""The HTTP client against servers that misbehave in one way each."""

import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
import schemathesis

from conformance.wire import deadlines
from conformance.wire.connections import LARGEST_BODY
from conformance.wire.http import ABSENT, NOT_JSON, Exchange, HttpClient, encode_json, labelled
from conformance.wire.pacing import Pace

BRISK = Pace(patience=0.1)  # an answer within 1 s, at most 6 s of 429


def answer(body: bytes = b"{}", status: str = "200 OK", *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


def read_request(connection: socket.socket) -> bytes:
    """One request with its body as it came, or b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if b"content-length" in line
        ),
        0,
    )
    while len(rest) < length:
        rest += connection.recv(65536)
    return head + b"\r\n\r\n" + rest


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def server(handle: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """Runs `handle(connection, number of the connection)` for each; gives the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def accept() -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_ones.append(connection)
            threading.Thread(target=run, args=(connection, number), daemon=True).start()
            number += 1

    def run(connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            handle(connection, number)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for one in [listener, *open_ones]:
            one.close()


def answering(*answers: bytes, requests: list[bytes]) -> Callable[[socket.socket, int], None]:
    """A kept-alive server that gives these answers in turn, the last one for ever."""
    left = list(answers)

    def handle(connection: socket.socket, _: int) -> None:
        while request := read_request(connection):
            requests.append(request)
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return handle


@contextmanager
def client(base: str, pace: Pace = BRISK) -> Iterator[tuple[HttpClient, list[Exchange]]]:
    seen: list[Exchange] = []
    one = HttpClient(base, pace, seen.append)
    try:
        yield one, seen
    finally:
        one.close()


def test_an_answer_becomes_one_exchange_with_everything_in_it():
    got: list[bytes] = []
    reply = answer(b'{"success":true}', "201 Created", "Content-Type: application/json")
    with server(answering(reply, requests=got)) as base, client(base) as (http, seen):
        before = time.time()
        exchange = http.send(
            "POST",
            "/api/messages/send",
            token="t.t.t",
            json={"text": "hé"},
            operation="sendMessage",
            actor="Asha",
        )
    assert seen == [exchange]
    assert (exchange.operation, exchange.actor) == ("sendMessage", "Asha")
    assert (exchange.method, exchange.url) == ("POST", f"{base}/api/messages/send")
    assert (exchange.status, exchange.error) == (201, None)
    assert exchange.json == {"success": True}
    assert exchange.headers["content-type"] == "application/json"
    assert exchange.request_headers["authorization"] == "Bearer t.t.t"
    assert exchange.request_body == '{"text":"hé"}'.encode()
    assert got[0].endswith('\r\n\r\n{"text":"hé"}'.encode())
    assert before <= exchange.started <= time.time()
    assert 0 < exchange.elapsed < 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a":', b'{"a":NaN}', b"\xff", '{"a":1}'.encode("utf-16"), b"[" * 200_000],
)
def test_what_is_no_json_is_told_from_null(body):
    with server(answering(answer(body), requests=[])) as base, client(base) as (http, _):
        assert http.send("GET", "/").json is NOT_JSON
    with server(answering(answer(b"null"), requests=[])) as base, client(base) as (http, _):
        assert http.send("GET", "/").json is None


def test_json_null_is_sent_and_an_absent_body_is_not():
    got: list[bytes] = []
    with server(answering(answer(), requests=got)) as base, client(base) as (http, _):
        http.send("POST", "/", json=None)
        http.send("POST", "/", json=ABSENT)
    assert got[0].endswith(b"\r\n\r\nnull")
    assert got[1].endswith(b"\r\n\r\n") and b"content-type" not in got[1].lower()


def test_lone_surrogates_are_escaped_as_browsers_do():
    assert encode_json("\ud800") == b'"\\ud800"'
    assert encode_json("😀") == '"😀"'.encode()


@pytest.mark.parametrize(
    "path",
    [
        b"/a/../b/./c",
        b"/%7euser/%2e%2e/x",
        b"/%zz%",
        b"/\xff\xfe",
        b'/a b|<>"{}\\^`',
        b"//double",
        b"/x?q=%E9&q=[1]#frag",
        b"/%c3%28",
    ],
)
def test_a_path_goes_on_the_wire_byte_by_byte(path):
    got: list[bytes] = []
    with server(answering(answer(), requests=got)) as base, client(base + "/v1") as (http, _):
        assert http.send("GET", path).status == 200
        text = path.decode("utf-8", "surrogateescape")
        assert http.send("GET", text).url == f"{base}/v1{text}"
    line = b"GET /v1" + path + b" HTTP/1.1"
    assert [request.split(b"\r\n")[0] for request in got] == [line, line]


def test_a_line_break_in_a_path_is_refused_before_anything_is_sent():
    with (
        client("http://127.0.0.1:9") as (http, seen),
        pytest.raises(ValueError, match="line break"),
    ):
        http.send("GET", "/a\r\nX-Smuggled: 1")
    assert seen == []


@pytest.mark.parametrize("wrong", ["localhost:5000", "ftp://host/", "http://"])
def test_a_base_url_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="no URL that begins with"):
        HttpClient(wrong, BRISK, lambda _: None)


def test_a_refused_connection_is_an_error_in_the_exchange():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as (http, seen):
        exchange = http.send("GET", "/")
    assert (exchange.status, exchange.error) == (None, "the connection was refused")
    assert seen == [exchange]


def test_an_unknown_host_is_an_error_in_the_exchange():
    with client("http://no-such-host.invalid") as (http, _):
        assert "cannot be resolved" in http.send("GET", "/").error


def drip(head: bytes) -> Callable[[socket.socket, int], None]:
    def handle(connection: socket.socket, _: int) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return handle


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"", "no answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", "no answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "no complete answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no complete answer within 1 s"),
    ],
    ids=["status line", "header", "body with length", "body to the end"],
)
def test_a_server_that_drips_ends_at_the_deadline(head, error):
    with server(drip(head)) as base, client(base) as (http, seen):
        exchange = http.send("GET", "/")
    assert exchange.error == error
    assert 0.9 < exchange.elapsed < 2
    assert (exchange.status, exchange.body) == (None, b"")
    assert len(seen) == 1


def test_a_server_that_never_reads_a_large_body_ends_at_the_deadline():
    done = threading.Event()
    with server(lambda *_: done.wait(5)) as base, client(base) as (http, _):
        exchange = http.send("POST", "/", body=b"x" * 30_000_000)
        done.set()
    assert exchange.error == "no answer within 1 s"
    assert exchange.elapsed < 2


def test_an_answer_to_a_body_that_nobody_read_to_its_end_is_still_heard():
    def handle(connection: socket.socket, _: int) -> None:
        connection.recv(1000)
        connection.sendall(answer(b"{}", "413 Content Too Large", "Connection: close"))
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        reset(connection)

    with server(handle) as base, client(base) as (http, _):
        assert http.send("POST", "/", body=b"x" * 8_000_000).status == 413


def test_a_body_without_end_is_cut_off():
    def handle(connection: socket.socket, _: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1_000_000)

    with server(handle) as base, client(base, Pace()) as (http, _):
        exchange = http.send("GET", "/")
    assert exchange.error == f"the body is longer than {LARGEST_BODY // 2**20} MiB"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", "the connection was closed before an answer came"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "the connection broke in the middle of the answer (status 200)",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "the connection broke in the middle of the answer (status 200)",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP that can be read"),
        (
            answer(b"not gzip", "200 OK", "Content-Encoding: gzip"),
            "the answer is no HTTP that can be read",
        ),
    ],
)
def test_a_broken_answer_says_how_it_is_broken(sent, error):
    def handle(connection: socket.socket, _: int) -> None:
        read_request(connection)
        connection.sendall(sent)
        connection.close()

    with server(handle) as base, client(base) as (http, _):
        exchange = http.send("GET", "/")
    assert exchange.error.startswith(error)
    assert exchange.status is None


def test_a_reset_is_told_from_a_close():
    def handle(connection: socket.socket, _: int) -> None:
        read_request(connection)
        reset(connection)

    with server(handle) as base, client(base) as (http, _):
        assert http.send("POST", "/").error == "the connection was reset before an answer came"


def test_redirects_cookies_and_the_environment_are_left_alone(monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("default login asha password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    got: list[bytes] = []
    moved = answer(b"", "302 Found", "Location: /elsewhere", "Set-Cookie: session=asha")
    with server(answering(moved, requests=got)) as base, client(base) as (http, seen):
        assert http.send("GET", "/here").status == 302
        for _ in range(2):
            assert http.session.get(f"{base}/there").status_code == 302
    assert len(got) == len(seen) == 3
    assert all(b"cookie" not in request.lower() for request in got)
    assert all(b"authorization" not in request.lower() for request in got)


def test_429_is_obeyed_and_every_attempt_observed():
    got: list[bytes] = []
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 1")
    with server(answering(busy, answer(), requests=got)) as base, client(base) as (http, seen):
        before = time.monotonic()
        exchange = http.send("POST", "/", body=b"once", actor="Asha")
        waited = time.monotonic() - before
    assert [one.status for one in seen] == [429, 200]
    assert seen[-1] == exchange and {one.actor for one in seen} == {"Asha"}
    assert 1 <= waited < 3
    assert [request[-4:] for request in got] == [b"once", b"once"]


def test_429_with_a_date_waits_until_then_by_the_servers_clock():
    now = datetime(2020, 1, 1, tzinfo=UTC)
    busy = answer(
        b"{}",
        "429 Too Many Requests",
        f"Date: {format_datetime(now, usegmt=True)}",
        f"Retry-After: {format_datetime(now + timedelta(seconds=1), usegmt=True)}",
    )
    with server(answering(busy, answer(), requests=[])) as base, client(base) as (http, seen):
        assert http.send("GET", "/").status == 200
    assert seen[1].started - seen[0].started >= 1


def test_429_is_not_waited_for_beyond_the_end_of_the_run():
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 2")
    with server(answering(busy, requests=[])) as base, client(base) as (http, seen):
        http.pace = replace(http.pace, throttled_until=time.monotonic() + 1)
        before = time.monotonic()
        assert http.send("GET", "/").status == 429
        assert time.monotonic() - before < 1
    assert len(seen) == 1


def test_early_hints_are_no_answer():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    with (
        server(answering(hints + hints + answer(b"after"), requests=[])) as base,
        client(base) as (http, seen),
    ):
        for _ in range(2):
            assert http.send("GET", "/").body == b"after"
    assert [one.status for one in seen] == [200, 200]
    assert "Link" not in seen[0].headers


def test_429_that_asks_for_more_than_the_pace_allows_is_the_answer():
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 3600")
    with server(answering(busy, requests=[])) as base, client(base) as (http, seen):
        assert http.send("GET", "/").status == 429
    assert len(seen) == 1


def test_429_without_end_ends_all_the_same_and_without_a_tight_loop():
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 0")
    brisker = Pace(patience=0.02)
    with server(answering(busy, requests=[])) as base, client(base, brisker) as (http, seen):
        assert http.send("GET", "/").status == 429
    assert 2 <= len(seen) <= 5


@pytest.fixture
def certificate(tmp_path, monkeypatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, trusted through SSL_CERT_FILE."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate of this test, is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=t",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    deadlines.tls_context.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    yield context
    deadlines.tls_context.cache_clear()


def over_tls(context: ssl.SSLContext, handle: Callable[[socket.socket, int], None]):
    return lambda plain, number: handle(context.wrap_socket(plain, server_side=True), number)


def test_tls_obeys_the_same_deadline_and_the_same_record(certificate):
    got: list[bytes] = []
    large = b"x" * 3_000_000
    handle = over_tls(certificate, answering(answer(large), requests=got))
    with server(handle) as base, client(base.replace("http", "https"), Pace()) as (http, _):
        exchange = http.send("POST", b"/\xff", body=large)
        assert (exchange.error, exchange.body == large) == (None, True)
    assert got[0].startswith(b"POST /\xff HTTP/1.1") and got[0].endswith(large)
    dripping = over_tls(certificate, drip(b"HTTP/1.1 200 OK\r\n\r\n"))
    with server(dripping) as base, client(base.replace("http", "https")) as (http, _):
        assert http.send("GET", "/").error == "no complete answer within 1 s"
    with (
        server(lambda connection, _: connection.sendall(answer())) as base,
        client(base.replace("http", "https")) as (http, _),
    ):
        assert "no TLS connection" in http.send("GET", "/").error


def test_a_certificate_that_nobody_vouches_for_is_an_error(certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    deadlines.tls_context.cache_clear()
    handle = over_tls(certificate, answering(answer(), requests=[]))
    with server(handle) as base, client(base.replace("http", "https")) as (http, _):
        assert "CERTIFICATE_VERIFY_FAILED" in http.send("GET", "/").error


def test_closing_the_client_ends_a_wait_for_429():
    busy = answer(b"{}", "429 Too Many Requests", "Retry-After: 5")
    with server(answering(busy, requests=[])) as base, client(base) as (http, seen):
        worker = threading.Thread(target=http.send, args=("GET", "/"))
        worker.start()
        give_up = time.monotonic() + 5
        while not seen and time.monotonic() < give_up:
            time.sleep(0.01)
        http.close()
        worker.join(2)
        assert not worker.is_alive()


def closes_under_the_second_request(got: list[bytes]) -> Callable[[socket.socket, int], None]:
    """Answers the first request of the first connection, swallows its second and closes."""

    def handle(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            got.append(request)
            if number == 0 and len(got) == 2:
                connection.close()
                return
            connection.sendall(answer())

    return handle


def test_a_get_on_a_connection_that_breaks_is_repeated_once_and_says_so():
    got: list[bytes] = []
    with server(closes_under_the_second_request(got)) as base, client(base) as (http, seen):
        http.send("GET", "/1")
        exchange = http.send("GET", "/2")
    assert (exchange.status, exchange.repeated) == (200, True)
    assert [one.repeated for one in seen] == [False, True]
    assert len(got) == 3


@pytest.mark.parametrize("way", ["send", "session"])
def test_a_post_is_never_sent_twice(way):
    got: list[bytes] = []
    with server(closes_under_the_second_request(got)) as base, client(base) as (http, seen):
        http.send("GET", "/1")
        if way == "send":
            http.send("POST", "/2", body=b"{}")
        else:
            with pytest.raises(requests.ConnectionError, match="closed before an answer"):
                http.session.post(f"{base}/2", data=b"{}")
    assert seen[-1].error == "the connection was closed before an answer came"
    assert len(got) == len(seen) == 2


def closes_after_each_answer(got: list[int]) -> Callable[[socket.socket, int], None]:
    """Says nothing of closing, as the HTTP router of uWSGI does not, and closes."""

    def handle(connection: socket.socket, number: int) -> None:
        if read_request(connection):
            got.append(number)
            connection.sendall(answer())
            time.sleep(0.002)
        connection.close()

    return handle


def test_a_server_that_closes_without_a_word_loses_no_post():
    got: list[int] = []
    with server(closes_after_each_answer(got)) as base, client(base) as (http, seen):
        for method in ("GET", "GET", *("POST",) * 5):
            http.send(method, "/")
    assert [one.status for one in seen if one.method == "POST"] == [200] * 5
    assert len(set(got)) == len(got) == 7


def test_what_was_seen_of_a_server_that_closes_goes_with_the_pace():
    got: list[int] = []
    unkept = replace(BRISK, keeps_alive=False)
    with server(closes_after_each_answer(got)) as base, client(base, unkept) as (http, _):
        assert [http.send("POST", "/").status for _ in range(5)] == [200] * 5


def test_a_get_on_a_new_connection_that_breaks_is_not_repeated():
    got: list[bytes] = []

    def handle(connection: socket.socket, _: int) -> None:
        got.append(read_request(connection))
        connection.close()

    with server(handle) as base, client(base) as (http, seen):
        assert http.send("GET", "/").error
    assert len(got) == len(seen) == 1


def test_a_connection_is_used_again_at_once_and_not_after_a_rest(monkeypatch):
    numbers: list[int] = []

    def handle(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            numbers.append(number)
            connection.sendall(answer())

    with server(handle) as base, client(base) as (http, _):
        for _ in range(3):
            http.send("POST", "/")
        monkeypatch.setattr("conformance.wire.deadlines.STALE_AFTER", -1)
        http.send("POST", "/")
    assert numbers == [0, 0, 0, 1]


def schema(base: str) -> schemathesis.BaseSchema:
    loaded = schemathesis.openapi.from_dict(
        {
            "openapi": "3.0.3",
            "info": {"title": "t", "version": "1"},
            "paths": {
                "/api/messages/send": {
                    "post": {
                        "operationId": "sendMessage",
                        "requestBody": {"content": {"application/json": {"schema": {}}}},
                        "responses": {"201": {"description": "sent"}},
                    }
                }
            },
        }
    )
    loaded.config.update(base_url=base)
    return loaded


def test_a_schemathesis_case_is_recorded_once_under_its_label():
    got: list[bytes] = []
    reply = answer(b'{"success":true}', "201 Created", "Content-Type: application/json")
    with server(answering(reply, requests=got)) as base, client(base) as (http, seen):
        case = schema(base)["/api/messages/send"]["POST"].Case(body={"text": "x"})
        with labelled(operation="sendMessage", actor="Ben"):
            response = case.call(session=http.session)
        assert response.status_code == 201
        assert response.json() == {"success": True}
    assert [(one.operation, one.actor, one.status) for one in seen] == [("sendMessage", "Ben", 201)]
    assert json.loads(seen[0].request_body) == {"text": "x"}
    assert len(got) == 1


def test_schemathesis_does_not_send_a_post_again_when_a_kept_alive_connection_breaks():
    got: list[bytes] = []
    with server(closes_under_the_second_request(got)) as base, client(base) as (http, seen):
        case = schema(base)["/api/messages/send"]["POST"].Case(body={"text": "x"})
        case.call(session=http.session)
        with pytest.raises(requests.ConnectionError):
            case.call(session=http.session)
    assert len(got) == len(seen) == 2


def test_a_deadline_missed_under_schemathesis_is_a_timeout_to_it():
    with server(drip(b"HTTP/1.1 200 OK\r\n\r\n")) as base, client(base) as (http, seen):
        case = schema(base)["/api/messages/send"]["POST"].Case(body={})
        with pytest.raises(requests.Timeout):
            case.call(session=http.session)
    assert [one.error for one in seen] == ["no complete answer within 1 s"]


def test_threads_have_sessions_of_their_own_and_labels_of_their_own():
    got: list[bytes] = []
    with server(answering(answer(), requests=got)) as base, client(base) as (http, seen):
        sessions: list[requests.Session] = []

        def work(name: str) -> None:
            sessions.append(http.session)
            for _ in range(20):
                http.send("GET", f"/{name}", actor=name)

        threads = [threading.Thread(target=work, args=(str(n),)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({id(session) for session in sessions}) == 8
    assert len(seen) == 160
    assert all(one.url.endswith(f"/{one.actor}") and one.status == 200 for one in seen)
