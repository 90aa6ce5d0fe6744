"""The clock, the state, and how it is taken back."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from reference_server import RunningServer
from reference_server.clock import Clock
from reference_server.control.server import ControlledServer
from reference_server.control.snapshots import MOST_SNAPSHOTS
from reference_server.errors import Conflict
from reference_server.store import Store
from reference_server.tokens import Tokens
from reference_server.users import User, load


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# The clock


def test_everything_follows_the_clock(
    control: Any, rest: Any, connect: Any, asha: User, ben: User
) -> None:
    steered = control("POST", "clock", {"set": "2030-06-01T12:00:00+02:00", "freeze": True})
    assert steered == {"now": "2030-06-01T10:00:00.000Z", "frozen": True, "steered": True}
    answer = rest("POST", "/api/messages/send", asha, json={"recipientId": ben.id, "text": "Noon"})
    assert answer.json()["data"]["createdAt"] == "2030-06-01T10:00:00.000Z"
    assert parsedate_to_datetime(answer.headers["Date"]) == moment("2030-06-01T10:00:00Z")
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben"})
    control("POST", "clock", {"step": "90s"})
    control("POST", "leave", {"as": "Ben"})
    phone.received("userStatus")
    assert phone.received("userStatus")["lastSeen"] == "2030-06-01T10:01:30.000Z"


def test_a_clock_that_runs_on_runs_from_where_it_stood(control: Any) -> None:
    control("POST", "clock", {"set": "2030-06-01T12:00:00Z", "freeze": True})
    running = control("POST", "clock", {"freeze": False})
    assert running["frozen"] is False
    now = moment(control("GET", "clock")["now"])
    assert timedelta(0) <= now - moment("2030-06-01T12:00:00Z") < timedelta(seconds=10)
    assert control("POST", "clock", {"follow": True})["steered"] is False


def test_tokens_expire_by_the_clock(
    control: Any, server: RunningServer, rest: Any, asha: User
) -> None:
    token = server.token(asha)
    headers = {"Authorization": f"Bearer {token}"}
    control("POST", "clock", {"step": "29d"})
    assert rest("GET", f"/api/messages/{asha.id}", headers=headers).status_code == 200
    control("POST", "clock", {"step": "2d"})
    refused = rest("GET", f"/api/messages/{asha.id}", headers=headers)
    assert (refused.status_code, refused.json()["message"]) == (401, "The token has expired.")
    control("POST", "clock", {"step": "-2d"})
    assert rest("GET", f"/api/messages/{asha.id}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"set": "noon"}, "set is not valid: the time to put it to"),
        ({"set": "1969-12-31T00:00:00Z"}, "from the year 1970"),
        ({"step": "4000000d"}, "to the year 9000"),
        ({"step": 10**300}, "to the year 9000"),
        ({"follow": True, "step": 1}, "follow stands alone"),
        ({"follow": False}, "follow is not valid"),
    ],
)
def test_a_wrong_time_is_refused(control: Any, ask: Any, body: Any, message: str) -> None:
    answer = ask("POST", "clock", body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert control("GET", "clock")["steered"] is False


# The state


def test_the_state_tells_who_is_there_and_what_was_said(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben", "device": "laptop"})
    phone.received("userStatus")
    for text in ("one", "two"):
        control("POST", "send", {"as": "Ben", "to": "Asha", "text": text})
    control("POST", "block", {"as": "Asha", "other": "Diego"})
    state = control("GET", "state")
    people = {user["name"]: user for user in state["users"]}
    assert people["Ben"]["online"] is people["Asha"]["online"] is True
    assert people["Chitra"]["online"] is False
    (device,) = people["Ben"]["devices"]
    assert (device["name"], device["virtual"]) == ("laptop", True)
    assert [each["virtual"] for each in people["Asha"]["devices"]] == [False]
    (conversation,) = state["conversations"]
    assert conversation["messages"] == state["messages"] == 2
    assert {user["name"] for user in conversation["users"]} == {"Asha", "Ben"}
    (settings,) = state["settings"]
    assert (settings["userId"], settings["isBlocked"]) == (asha.id, True)


# Taken back


def test_after_a_reset_all_is_as_at_the_start(
    control: Any, history: Any, asha: User, ben: User
) -> None:
    at_start = control("GET", "state")
    control("POST", "connect", {"as": "Ben"})
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "gone"})
    control("POST", "block", {"as": "Asha", "other": "Diego"})
    control("POST", "fault", {"kind": "drop"})
    control("POST", "clock", {"step": "1d"})
    control("POST", "runs", {"scenario": {"steps": [{"after": "1min", "reset": {}}]}})
    control("POST", "reset")
    state = control("GET", "state")
    assert state | {"clock": None} == at_start | {"clock": None}
    assert state["clock"]["steered"] is False
    assert history(asha, ben) == []
    # The conversation is opened anew, and found.
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "new"})
    assert history(asha, ben) == ["new"]
    assert len(control("GET", "state")["conversations"]) == 1


def test_clients_stay_connected_through_a_reset(control: Any, connect: Any, asha: User) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben"})
    control("POST", "reset")
    heard = [phone.received("userStatus")["isOnline"] for _ in range(2)]
    assert heard == [True, False]
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "still here"})
    assert phone.received("receiveMessage")["status"] == "delivered"


def test_a_snapshot_brings_back_messages_settings_devices_and_clock(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Chitra"})
    control("POST", "leave", {"as": "Chitra"})
    control("POST", "connect", {"as": "Ben", "device": "phone"})
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "before"})
    control("POST", "block", {"as": "Asha", "other": "Diego"})
    control("POST", "clock", {"set": "2030-06-01T12:00:00Z", "freeze": True})
    control("POST", "snapshot", {"name": "noon"})
    before = control("GET", "state")

    control("POST", "clock", {"follow": True})
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "after"})
    control("POST", "send", {"as": "Chitra", "to": "Diego", "text": "after"})
    control("POST", "unblock", {"as": "Asha", "other": "Diego"})
    control("POST", "leave", {"as": "Ben"})
    control("POST", "connect", {"as": "Chitra"})
    assert history(asha, ben) == ["before", "after"]

    restored = control("POST", "restore", {"name": "noon"})
    assert restored == {"name": "noon", "taken": "2030-06-01T12:00:00.000Z"}
    state = control("GET", "state")
    for person in (*before["users"], *state["users"]):
        for device in person["devices"]:
            device.pop("since")
    assert state == before
    assert history(asha, ben) == ["before"]
    # Her client has heard of everybody who came and went by it.
    heard = [(s["userId"] == ben.id, s["isOnline"]) for s in _statuses(phone, 7)]
    assert heard[-2:] == [(False, False), (True, True)]
    # What is written from now on stands behind what was there.
    control("POST", "send", {"as": "Asha", "to": "Ben", "text": "reply"})
    assert history(asha, ben) == ["before", "reply"]


def test_snapshots_are_listed_replaced_and_forgotten(control: Any, ask: Any) -> None:
    control("POST", "snapshot", {"name": "a"})
    control("POST", "clock", {"set": "2030-06-01T12:00:00Z", "freeze": True})
    control("POST", "snapshot", {"name": "a"})
    taken = control("GET", "snapshots")
    assert taken == [{"name": "a", "taken": "2030-06-01T12:00:00.000Z"}]
    control("DELETE", "snapshots/a")
    for method, path, body in (
        ("DELETE", "snapshots/a", None),
        ("POST", "restore", {"name": "a"}),
    ):
        answer = ask(method, path, body)
        assert answer.status_code == 404
        assert answer.json()["message"] == "There is no snapshot a; none was taken."


def test_snapshots_are_bounded(control: Any, ask: Any) -> None:
    for number in range(MOST_SNAPSHOTS):
        control("POST", "snapshot", {"name": f"s{number}"})
    assert ask("POST", "snapshot", {"name": "one-more"}).status_code == 409
    control("POST", "snapshot", {"name": "s0"})


def test_what_a_mongodb_server_keeps_is_not_thrown_away() -> None:
    store = Store.mongodb("mongodb://127.0.0.1:1/r2c")
    for taken_back in (store.kept, lambda: store.put({})):
        with pytest.raises(Conflict, match="without --store"):
            taken_back()


def test_a_controlled_server_needs_one_clock(server: RunningServer) -> None:
    users = load()
    with pytest.raises(ValueError, match="clock"):
        ControlledServer(
            server.server.contract, users, Tokens("x" * 32, users), Store.embedded(Clock())
        )


def _statuses(phone: Any, count: int) -> list[Any]:
    return [phone.received("userStatus") for _ in range(count)]
