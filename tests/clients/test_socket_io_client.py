"""The client that frontends use, socket.io-client 4.8, against the reference server."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference_server import running

pytestmark = pytest.mark.needs("socket.io-client")
DEADLINE = 60
"""Seconds after which the client is taken to hang."""


@pytest.fixture(
    scope="module",
    params=[None, ["websocket"], ["polling"]],
    ids=["default-transports", "websocket-alone", "polling-alone"],
)
def told(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What the client saw, and under `transports` which ones it was allowed."""
    with running() as server:
        users = {
            user.name: {"_id": user.id, "token": server.token(user)}
            for user in server.users
            if user.name in ("Asha", "Ben")
        }
        done = subprocess.run(
            ["node", "client.mjs"],
            cwd=Path(__file__).parent,
            env={
                **os.environ,
                "R2C_URL": server.url,
                "R2C_USERS": json.dumps(users),
                "R2C_TRANSPORTS": json.dumps(request.param),
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    assert done.returncode == 0, done.stderr
    yield {"transports": request.param, "users": users, **json.loads(done.stdout)}


def test_the_token_in_the_query_connects(told: dict[str, Any]) -> None:
    first, last = {
        None: ("polling", "websocket"),
        "websocket": ("websocket", "websocket"),
        "polling": ("polling", "polling"),
    }[told["transports"][0] if told["transports"] else None]
    # An upgrade may be over before the client looks.
    assert told["firstTransport"] in (first, last)
    assert told["lastTransport"] == last


def test_a_wrong_token_is_refused_with_a_message(told: dict[str, Any]) -> None:
    assert told["refusal"] not in ("connected", "")


def test_a_message_reaches_both_sides_once_and_is_acknowledged(told: dict[str, Any]) -> None:
    assert told["acknowledged"]["success"] is True
    message = told["acknowledged"]["data"]
    assert told["received"]["_id"] == told["confirmed"]["_id"] == message["_id"]
    assert told["received"]["text"] == "Hello Ben 👋"
    assert told["copies"] == 1


def test_a_message_without_content_is_refused_in_the_acknowledgement(told: dict[str, Any]) -> None:
    assert told["refusedEvent"]["success"] is False
    assert told["refusedEvent"]["message"]


def test_typing_starts_and_stops(told: dict[str, Any]) -> None:
    ben = told["users"]["Ben"]["_id"]
    assert told["typing"] == {"senderId": ben, "isTyping": True}
    assert told["stopped"] == {"senderId": ben, "isTyping": False}


def test_a_friend_is_seen_coming_and_going(told: dict[str, Any]) -> None:
    asha = told["users"]["Asha"]["_id"]
    assert told["online"] == {"userId": asha, "isOnline": True, "lastSeen": None}
    assert told["offline"]["userId"] == asha
    assert told["offline"]["lastSeen"]
