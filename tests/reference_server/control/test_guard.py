"""Who may use the control interface: this machine and its pages, and nobody who pretends to be."""

from typing import Any

import pytest
import requests

from reference_server import RunningServer
from reference_server.control.guard import Guard
from reference_server.origins import LOCAL


def verdict(method: str = "POST", own_host: str = "127.0.0.1", **headers: str) -> str | None:
    guard = Guard(None, own_host, LOCAL.allow)  # type: ignore[arg-type]
    given = {"host": "127.0.0.1:5000", **headers}
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    return guard.refusal({"method": method, "headers": lines})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:5000",
        "localhost:5000",
        "LOCALHOST",
        "[::1]:5000",
        "app.localhost:5000",
        "10.1.2.3",
    ],
)
def test_addresses_and_localhost_name_the_server(host: str) -> None:
    assert verdict(host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5000", "localhost.evil.example", "", "[", "127.0.0.1.evil"],
)
def test_a_name_that_anybody_can_point_here_does_not(host: str) -> None:
    reason = verdict(host=host)
    assert reason is not None
    assert "Host header" in reason
    assert verdict(host="laptop.example:5000", own_host="Laptop.example") is None


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1:5173", "https://[::1]:1", "http://127.0.0.1:5000"],
)
def test_pages_of_this_machine_may_use_it(origin: str) -> None:
    assert verdict(origin=origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://10.1.2.3",
        "http://[",
    ],
)
def test_pages_of_others_may_not(origin: str) -> None:
    assert verdict(origin=origin) is not None


def test_the_servers_own_page_may_on_any_address() -> None:
    assert verdict(host="10.1.2.3:5000", origin="http://10.1.2.3:5000") is None


def test_what_a_foreign_page_embeds_is_refused_and_a_link_is_not() -> None:
    assert verdict("GET", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") is not None
    assert verdict("POST", sec_fetch_site="cross-site", sec_fetch_mode="navigate") is not None
    assert verdict("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert verdict("GET", sec_fetch_site="same-origin", sec_fetch_mode="cors") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "reset"), ("GET", "state"), ("GET", "stream")]
)
def test_refused_requests_do_nothing(
    control: Any, server: RunningServer, headers: dict[str, str], method: str, path: str
) -> None:
    control("POST", "connect", {"as": "Ben"})
    url = f"{server.url}/_reference/{path}"
    answer = requests.request(method, url, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json()["success"] is False
    assert "Access-Control-Allow-Origin" not in answer.headers
    people = control("GET", "state")["users"]
    assert [user["name"] for user in people if user["online"]] == ["Ben"]


def test_local_pages_may_read_the_answers(control: Any, server: RunningServer) -> None:
    origin = {"Origin": "http://localhost:3000"}
    url = f"{server.url}/_reference/reset"
    preflight = requests.options(
        url,
        headers=origin
        | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
        timeout=5,
    )
    assert preflight.status_code == 200
    answer = requests.post(url, headers=origin, timeout=5)
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
