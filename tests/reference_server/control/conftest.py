"""A server with its control interface, which each test finds as it started."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from reference_server import RunningServer, running
from reference_server.users import User

PATIENCE = 10.0  # seconds

Control = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running(control=True) as started:
        yield started


@pytest.fixture
def asha(people: list[User]) -> User:
    return people[0]


@pytest.fixture
def ben(people: list[User]) -> User:
    """A friend of Asha's."""
    return people[1]


@pytest.fixture
def ask(server: RunningServer) -> Callable[..., requests.Response]:
    """Send a request to the control interface: `ask("POST", "reset")`."""

    def asked(method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        return requests.request(
            method, f"{server.url}/_reference/{path}", json=body, timeout=PATIENCE, **options
        )

    return asked


@pytest.fixture
def control(ask: Callable[..., requests.Response]) -> Iterator[Control]:
    """The data of the answer to such a request. The server is as new before."""

    def data(method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = ask(method, path, body, **options)
        assert answer.ok, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    data("POST", "reset")
    data("DELETE", "violations")
    for each in data("GET", "snapshots"):
        data("DELETE", f"snapshots/{each['name']}")
    yield data
    data("POST", "reset")


@pytest.fixture
def history(rest: Any) -> Callable[[User, User], list[str]]:
    """The texts that two users have exchanged, the oldest first."""

    def texts(reader: User, other: User) -> list[str]:
        answer = rest("GET", f"/api/messages/{other.id}", reader)
        return [message["text"] for message in answer.json()["data"]]

    return texts
