"""The bridge between Tornado and ASGI, with small applications of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from reference_server.asgi import HANG_UP, MOST_DRAINED, Bridge, ClientGone, Lifespan

PATIENCE = 5.0  # seconds
Scope, Receive, Send = dict[str, Any], Any, Any


@contextmanager
def serving(application: Callable[..., Awaitable[None]], largest_body: int = 1000) -> Iterator[int]:
    """Serve the application on a free port of a thread; the port."""
    loop = asyncio.new_event_loop()
    started, ended = threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        bridge = Bridge(application, largest_body=largest_body)
        server = HTTPServer(bridge, max_body_size=MOST_DRAINED + 1)
        (listening,) = bind_sockets(0, "127.0.0.1")
        server.add_sockets([listening])
        ports.append(listening.getsockname()[1])
        started.set()
        await ended.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(PATIENCE)
        loop.close()


async def answer(send: Send, body: bytes = b"", status: int = 200, *headers: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_the_scope_holds_the_request_as_it_came() -> None:
    scopes: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await answer(send)

    with serving(application) as port:
        exchange(
            port,
            b"GET /a%2Fb/%C3%A9/%ff?q=%20&q=2 HTTP/1.1\r\nHost: x\r\n"
            b"X-Twice: 1\r\nX-Twice: 2\r\nConnection: close\r\n\r\n",
        )
        exchange(port, b"GET http://x/abs?y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    first, second = scopes
    assert first["raw_path"] == b"/a%2Fb/%C3%A9/%ff"
    assert first["path"] == "/a/b/é/\ufffd"
    assert first["query_string"] == b"q=%20&q=2"
    assert [value for name, value in first["headers"] if name == b"x-twice"] == [b"1", b"2"]
    assert first["client"][0] == "127.0.0.1"
    assert (second["path"], second["query_string"]) == ("/abs", b"y")


def test_a_body_arrives_in_one_piece_also_when_it_is_chunked() -> None:
    bodies: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        bodies.append(await receive())
        await answer(send)

    with serving(application) as port:
        requests.post(f"http://127.0.0.1:{port}/", data=iter([b"ab", b"cd"]), timeout=PATIENCE)
    assert bodies == [{"type": "http.request", "body": b"abcd", "more_body": False}]


def test_repeated_headers_and_the_date_reach_the_client() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x", 200, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))

    with serving(application) as port:
        response = requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
    assert response.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    dated = parsedate_to_datetime(response.headers["Date"])
    assert abs(dated.timestamp() - time.time()) < 3


def test_an_answer_without_length_is_streamed() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one ", b"two "):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"three"})

    with serving(application) as port:
        response = requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
    assert response.text == "one two three"
    assert response.headers["Transfer-Encoding"] == "chunked"


def test_head_has_the_headers_without_the_body() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"hello", 200, (b"content-length", b"5"))

    with serving(application) as port:
        answered = exchange(port, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 5\r\n" in answered
    assert answered.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("body", [b"x" * 1001, b"x" * 3_000_000])
def test_a_body_over_the_limit_is_413_in_json_and_never_seen(body: bytes) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the application must not see it")

    with serving(application) as port:
        for data in (body, iter([body[:600], body[600:]])):  # with a length, and chunked
            response = requests.post(f"http://127.0.0.1:{port}/", data=data, timeout=PATIENCE)
            assert response.status_code == 413
            assert response.headers["Content-Type"] == "application/json"
            assert response.json()["success"] is False


def test_a_client_that_asks_first_is_told_at_once_that_its_body_is_too_large() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the application must not see it")

    with serving(application) as port:
        answered = exchange(
            port,
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n",
        )
    assert answered.startswith(b"HTTP/1.1 413 ")


def test_a_body_at_the_limit_passes() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, str(len((await receive())["body"])).encode())

    with serving(application) as port:
        response = requests.post(f"http://127.0.0.1:{port}/", data=b"x" * 1000, timeout=PATIENCE)
    assert response.text == "1000"


def test_a_failure_before_the_answer_is_500_in_json(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("private")

    with serving(application) as port:
        response = requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
    assert response.status_code == 500
    assert response.json()["success"] is False
    assert "private" not in response.text
    assert "private" in caplog.text


def test_an_application_that_says_nothing_is_500() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        return

    with serving(application) as port:
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).status_code == 500


def test_a_failure_within_the_answer_cuts_the_connection() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("private")

    with serving(application) as port, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)


def test_an_application_can_hang_up_without_an_answer() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert HANG_UP in scope["extensions"]
        await send({"type": HANG_UP})

    with serving(application) as port:
        assert exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""


def test_an_application_hears_that_its_client_is_gone() -> None:
    begun, heard = threading.Event(), threading.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        begun.set()
        assert (await receive())["type"] == "http.disconnect"
        with pytest.raises(ClientGone):
            await answer(send)
        heard.set()

    with serving(application) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert begun.wait(PATIENCE)
        assert heard.wait(PATIENCE)


def test_requests_on_one_connection_are_answered_in_their_order() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.05)
        body = scope["path"].encode()
        await answer(send, body, 200, (b"content-length", b"%d" % len(body)))

    with serving(application) as port:
        answered = exchange(
            port,
            b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /fast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
    assert answered.index(b"/slow") < answered.index(b"/fast")


def test_a_lifespan_is_started_and_stopped() -> None:
    phases: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            phase = (await receive())["type"]
            phases.append(phase)
            await send({"type": f"{phase}.complete"})

    async def live() -> None:
        lifespan = Lifespan(application)
        await lifespan.start()
        assert phases == ["lifespan.startup"]
        await lifespan.stop()

    asyncio.run(live())
    assert phases == ["lifespan.startup", "lifespan.shutdown"]


def test_a_lifespan_that_fails_says_why() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        asyncio.run(Lifespan(application).start())


def test_an_application_without_lifespan_is_ready() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("only http here")

    asyncio.run(Lifespan(application).start())
