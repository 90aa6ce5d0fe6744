"""Pages on other ports, in a real browser: those of this machine may call, others may not."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from reference_server import RunningServer, running
from reference_server.users import User
from tests.reference_server.pages import served

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.needs("socket.io-client"),
    pytest.mark.slow,
]
EVIL = "evil.example"
_READ = """async ({url, token, body}) => {
  const headers = token ? {Authorization: `Bearer ${token}`, "X-Trace": "1"} : {};
  if (body) headers["Content-Type"] = "application/json";
  const options = body ? {method: "PUT", body: JSON.stringify(body)} : {};
  try {
    const answer = await fetch(url, {headers, credentials: "include", ...options});
    return {status: answer.status, body: await answer.text(),
            scheme: answer.headers.get("WWW-Authenticate")};
  } catch (error) {
    return {error: error.message};
  }
}"""
_CONNECT = """({url, token, transport}) => new Promise((resolve) => {
  const options = {query: {token}, transports: [transport], reconnection: false, forceNew: true,
                   withCredentials: true, extraHeaders: {"X-Trace": "1"}};
  const socket = io(url, options);
  socket.on("connect_error", (error) => resolve({error: error.message}));
  socket.on("connect", async () => {
    const answer = await socket.timeout(5000).emitWithAck("typing", {recipientId: "nobody"});
    socket.disconnect();
    resolve(answer);
  });
})"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as port:
        yield port


class Page:
    """A page of an origin that calls a server."""

    def __init__(self, browser: Any, origin: str, server: RunningServer) -> None:
        self._page = browser.new_page()
        self._page.goto(origin)
        assert self._page.evaluate("location.origin") == origin
        self._url = server.url
        self._asha, self._ben = list(server.users)[:2]
        self._token = server.token(self._asha)

    def read(self, *, token: bool = True, body: Any = None) -> Any:
        path = (
            f"/api/conversations/{self._ben.id}/metadata"
            if body
            else f"/api/messages/{self._ben.id}"
        )
        arguments = {"url": self._url + path, "token": token and self._token, "body": body}
        return self._page.evaluate(_READ, arguments)

    def connect(self, transport: str) -> Any:
        arguments = {"url": self._url, "token": self._token, "transport": transport}
        return self._page.evaluate(_CONNECT, arguments)

    def works(self) -> None:
        assert self.read()["status"] == 200
        assert self.read(body={"isPinned": True})["status"] == 200
        refused = self.read(token=False)
        assert (refused["status"], refused["scheme"]) == (401, "Bearer")
        for transport in ("polling", "websocket"):
            assert self.connect(transport)["success"] is False  # an answer: nobody is no id

    def is_refused(self) -> None:
        for attempt in (self.read(), self.read(token=False), self.read(body={"isPinned": True})):
            assert attempt == {"error": "Failed to fetch"}
        assert self.connect("polling") == {"error": "xhr poll error"}
        assert self.connect("websocket") == {"error": "websocket error"}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened: list[Page] = []

    def open_page(origin: str, server: RunningServer) -> Page:
        opened.append(Page(browser, origin, server))
        return opened[-1]

    yield open_page
    for each in opened:
        each._page.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "shop.localhost"])
def test_a_page_on_another_port_of_this_machine_works(
    page: Any, server: RunningServer, port: int, host: str
) -> None:
    page(f"http://{host}:{port}", server).works()


def test_a_page_on_another_port_of_the_ipv6_loopback_works(
    page: Any, server: RunningServer
) -> None:
    with ExitStack() as stack:
        try:
            port = stack.enter_context(served("::1"))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        page(f"http://[::1]:{port}", server).works()


def test_a_page_from_elsewhere_is_refused(page: Any, server: RunningServer, port: int) -> None:
    page(f"http://{EVIL}:{port}", server).is_refused()
    page(f"http://localhost.{EVIL}:{port}", server).is_refused()


def test_what_a_page_from_elsewhere_sends_has_no_effect(
    page: Any, server: RunningServer, rest: Any, people: list[User], port: int
) -> None:
    evil = page(f"http://{EVIL}:{port}", server)
    assert "error" in evil.read(body={"isFavorite": True})
    path = f"/api/conversations/{people[1].id}/metadata"
    assert rest("PUT", path, people[0], json={}).json()["data"]["isFavorite"] is False


def test_allow_origin_lets_the_named_page_call_and_no_other(page: Any, port: int) -> None:
    with running(allow_origins=[f"http://app.example:{port}"]) as server:
        page(f"http://app.example:{port}", server).works()
        page(f"http://localhost:{port}", server).is_refused()
        page(f"http://{EVIL}:{port}", server).is_refused()


def test_a_star_lets_every_page_call(page: Any, port: int) -> None:
    with running(allow_origins=["*"]) as server:
        page(f"http://{EVIL}:{port}", server).works()
        page(f"http://localhost:{port}", server).works()
