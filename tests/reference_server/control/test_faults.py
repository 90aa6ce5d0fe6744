"""Each kind of fault has its effect on what fits, and is gone after its times."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import socketio

from contract import load
from reference_server import RunningServer
from reference_server.control.faults import KINDS, MOST_ARMED, ON_REQUESTS, ON_SERVER_EVENTS, Faults
from reference_server.errors import Invalid
from reference_server.users import User

CONTRACT = load()


# Which fault meets what


def test_a_fault_is_used_up_by_what_fits_alone() -> None:
    faults = Faults(CONTRACT)
    faults.arm({"kind": "drop", "operation": "sendMessage", "times": 2}, "asha")
    take = faults.take
    assert take(ON_REQUESTS, "ben", operation="sendMessage") is None
    assert take(ON_REQUESTS, "asha", operation="listMessages") is None
    assert take(ON_REQUESTS, "asha", event="sendMessage") is None
    for left in (2, 1):
        taken = take(ON_REQUESTS, "asha", operation="sendMessage")
        assert taken is not None
        assert taken.left == left
    assert take(ON_REQUESTS, "asha", operation="sendMessage") is None
    assert len(faults) == 0


def test_a_fault_without_user_operation_or_event_meets_anything() -> None:
    faults = Faults(CONTRACT)
    faults.arm({"kind": "delay", "times": 3}, None)
    assert faults.take(ON_REQUESTS, None, operation="listMessages") is not None
    assert faults.take(ON_REQUESTS, "asha", event="typing") is not None
    assert faults.take(ON_SERVER_EVENTS, "ben", event="userStatus") is not None
    assert faults.take(ON_SERVER_EVENTS, "ben", event="userStatus") is None


def test_the_fault_that_was_armed_first_comes_first() -> None:
    faults = Faults(CONTRACT)
    first = faults.arm({"kind": "drop"}, "asha")
    second = faults.arm({"kind": "delay"}, None)
    assert faults.take(ON_REQUESTS, "asha", event="typing") == first
    assert faults.take(ON_REQUESTS, "asha", event="typing") == second


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"kind": "drop", "operation": "deleteMessage"}, "no operation deleteMessage; it has list"),
        ({"kind": "drop", "event": "receive"}, "no event receive; it has"),
        ({"kind": "drop", "event": "typing", "operation": "sendMessage"}, "not for both"),
        ({"kind": "refuse", "event": "typing"}, "for connecting"),
        ({"kind": "error", "event": "receiveMessage"}, "sent by the server"),
        ({"kind": "error", "operation": "listMessages", "code": 413}, "400, 401, 404"),
        ({"kind": "error", "code": 403}, "no answer 403"),
        ({"kind": "delay", "delay": "2min"}, "60 s at most"),
    ],
)
def test_a_fault_that_could_meet_nothing_is_refused(wanted: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        Faults(CONTRACT).arm(wanted, None)


def test_faults_are_bounded() -> None:
    faults = Faults(CONTRACT)
    for _ in range(MOST_ARMED):
        faults.arm({"kind": "drop"}, None)
    with pytest.raises(Invalid, match="clear some"):
        faults.arm({"kind": "drop"}, None)


def test_faults_are_listed_and_cleared_one_by_one_or_all(control: Any, ask: Any) -> None:
    one = control("POST", "fault", {"kind": "delay", "user": "ben", "delay": "3s", "times": 4})
    two = control("POST", "fault", {"kind": "error", "operation": "sendMessage", "code": 403})
    assert control("GET", "faults") == [one["fault"], two["fault"]]
    assert one["fault"]["user"]["name"] == "Ben"
    assert (one["fault"]["delay"], one["fault"]["left"], one["fault"]["code"]) == (3000, 4, None)
    assert control("DELETE", f"faults/{one['fault']['id']}") == {"cleared": 1}
    assert ask("DELETE", f"faults/{one['fault']['id']}").status_code == 404
    assert control("DELETE", "faults") == {"cleared": 1}
    control("POST", "fault", {"kind": "drop"})
    assert control("POST", "clearFaults") == {"cleared": 1}
    assert control("GET", "faults") == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_armed_over_the_wire(control: Any, kind: str) -> None:
    assert control("POST", "fault", {"kind": kind})["fault"]["kind"] == kind


# On requests


@pytest.fixture
def send(rest: Any, asha: User, ben: User) -> Any:
    """Send a text from the first user to the second over REST."""

    def sent(text: str, user: User = asha) -> Any:
        other = ben if user is asha else asha
        body = {"recipientId": other.id, "text": text}
        return rest("POST", "/api/messages/send", user, json=body)

    return sent


def test_delayed_requests_are_answered_later(control: Any, send: Any) -> None:
    control("POST", "fault", {"kind": "delay", "operation": "sendMessage", "delay": 300})
    took = []
    for _ in range(2):
        begun = time.monotonic()
        assert send("x").status_code == 201
        took.append(time.monotonic() - begun)
    assert took[0] >= 0.3 > took[1]


def test_dropped_requests_get_no_answer_and_do_nothing(
    control: Any, send: Any, history: Any, asha: User, ben: User
) -> None:
    control("POST", "fault", {"kind": "drop", "operation": "sendMessage", "times": 2})
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            send("lost")
    assert send("arrives").status_code == 201
    assert history(asha, ben) == ["arrives"]


def test_a_request_whose_connection_breaks_has_been_done(
    control: Any, send: Any, history: Any, asha: User, ben: User
) -> None:
    control("POST", "fault", {"kind": "disconnect", "user": "Asha"})
    with pytest.raises(requests.ConnectionError):
        send("done")
    assert send("again").status_code == 201
    assert history(asha, ben) == ["done", "again"]


def test_a_duplicated_request_is_done_twice_and_answered_once(
    control: Any, send: Any, history: Any, asha: User, ben: User
) -> None:
    control("POST", "fault", {"kind": "duplicate", "operation": "sendMessage"})
    assert send("twice").status_code == 201
    assert send("once").status_code == 201
    assert history(asha, ben) == ["twice", "twice", "once"]


def test_a_request_out_of_order_waits_for_the_next_one_of_its_user(
    control: Any, send: Any, history: Any, asha: User, ben: User
) -> None:
    fault = {"kind": "reorder", "user": "Asha", "operation": "sendMessage", "delay": "10s"}
    control("POST", "fault", fault)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(send, "first")
        _until(lambda: not control("GET", "faults"))
        send("of another", ben)
        assert send("second").status_code == 201
        assert held.result(timeout=5).status_code == 201
    assert history(asha, ben) == ["of another", "second", "first"]


def test_a_request_out_of_order_waits_no_longer_than_told(control: Any, send: Any) -> None:
    control("POST", "fault", {"kind": "reorder", "user": "Asha", "delay": 200})
    begun = time.monotonic()
    assert send("alone").status_code == 201
    assert 0.2 <= time.monotonic() - begun < 5


@pytest.mark.parametrize("code", [None, 429])
def test_an_error_is_answered_from_the_document_and_does_nothing(
    control: Any, send: Any, history: Any, asha: User, ben: User, code: int | None
) -> None:
    fault = {"kind": "error", "operation": "sendMessage"} | ({"code": code} if code else {})
    control("POST", "fault", fault)
    answer, status = send("x"), code or 500
    documented = CONTRACT.operations["sendMessage"].responses[status]
    assert answer.status_code == status
    assert answer.json() in documented.examples.values()
    assert documented.headers.items() <= answer.headers.items()
    assert send("y").status_code == 201
    assert history(asha, ben) == ["y"]


def test_refused_requests_use_no_fault_up(control: Any, rest: Any, send: Any, asha: User) -> None:
    control("POST", "fault", {"kind": "error", "operation": "sendMessage"})
    assert rest("POST", "/api/messages/send", asha, json={}).status_code == 400
    assert rest("POST", "/api/messages/send", json={}).status_code == 401
    assert send("x").status_code == 500


# On events of clients


def test_delayed_events_of_a_client_keep_their_order(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "delay", "event": "sendMessage", "delay": 300})
    begun = time.monotonic()
    for id, text in ((1, "first"), (2, "second")):
        phone.send(f"42{id}" + json.dumps(["sendMessage", {"recipientId": ben.id, "text": text}]))
    for id, text in ((1, "first"), (2, "second")):
        acknowledged = json.loads(phone.until(f"43{id}").removeprefix(f"43{id}"))
        assert acknowledged[0]["data"]["text"] == text
    assert time.monotonic() - begun >= 0.3
    assert history(asha, ben) == ["first", "second"]


def test_dropped_events_of_a_client_are_neither_handled_nor_acknowledged(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "drop", "user": "Asha", "event": "sendMessage"})
    phone.send('421["sendMessage",' + json.dumps({"recipientId": ben.id, "text": "lost"}) + "]")
    phone.send('422["sendMessage",' + json.dumps({"recipientId": ben.id, "text": "kept"}) + "]")
    assert phone.until("43").startswith("432")
    assert history(asha, ben) == ["kept"]


def test_a_duplicated_event_of_a_client_is_handled_twice_and_acknowledged_once(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "duplicate", "event": "sendMessage"})
    for text in ("twice", "once"):
        assert phone.emit("sendMessage", {"recipientId": ben.id, "text": text})["success"] is True
    assert history(asha, ben) == ["twice", "twice", "once"]


def test_an_event_of_a_client_out_of_order_comes_after_the_next(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "reorder", "event": "sendMessage", "delay": "10s"})
    for id, text in ((1, "first"), (2, "second"), (3, "third")):
        phone.send(f"42{id}" + json.dumps(["sendMessage", {"recipientId": ben.id, "text": text}]))
    assert [phone.until("43")[:3] for _ in range(3)] == ["432", "431", "433"]
    assert history(asha, ben) == ["second", "first", "third"]


def test_an_event_of_a_client_out_of_order_waits_no_longer_than_told(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "reorder", "event": "sendMessage", "delay": 200})
    begun = time.monotonic()
    assert phone.emit("sendMessage", {"recipientId": ben.id, "text": "alone"})["success"] is True
    assert 0.2 <= time.monotonic() - begun < 5


def test_an_event_of_a_client_whose_connection_breaks_has_been_handled(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "disconnect", "user": "Asha", "event": "sendMessage"})
    phone.send('421["sendMessage",' + json.dumps({"recipientId": ben.id, "text": "done"}) + "]")
    assert phone.closes() < 5
    phone = connect(asha)
    assert phone.emit("sendMessage", {"recipientId": ben.id, "text": "again"})["success"] is True
    assert history(asha, ben) == ["done", "again"]


def test_an_event_of_a_client_is_acknowledged_with_an_error_and_does_nothing(
    control: Any, connect: Any, history: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "fault", {"kind": "error", "event": "sendMessage"})
    acknowledged = phone.emit("sendMessage", {"recipientId": ben.id, "text": "x"})
    assert CONTRACT.events["sendMessage"].acknowledgement.accepts(acknowledged)
    assert acknowledged["success"] is False
    assert phone.emit("sendMessage", {"recipientId": ben.id, "text": "y"})["success"] is True
    assert history(asha, ben) == ["y"]


# On events of the server


@pytest.fixture
def hear(connect: Any, control: Any, asha: User) -> Any:
    """Let Ben send these texts to Asha, who has a client; what her client hears."""
    phone = connect(asha)

    def heard(*texts: str, count: int) -> list[str]:
        for text in texts:
            control("POST", "send", {"as": "Ben", "to": "Asha", "text": text})
        return [phone.received("receiveMessage")["text"] for _ in range(count)]

    return heard


def armed(control: Any, kind: str, **more: Any) -> None:
    control("POST", "fault", {"kind": kind, "user": "Asha", "event": "receiveMessage", **more})


def test_delayed_events_of_the_server_keep_their_order(control: Any, hear: Any) -> None:
    armed(control, "delay", delay=300)
    begun = time.monotonic()
    assert hear("first", "second", count=2) == ["first", "second"]
    assert time.monotonic() - begun >= 0.3
    begun = time.monotonic()
    assert hear("third", count=1) == ["third"]
    assert time.monotonic() - begun < 0.3


def test_dropped_events_of_the_server_do_not_come(
    control: Any, hear: Any, history: Any, asha: User, ben: User
) -> None:
    armed(control, "drop", times=2)
    assert hear("lost", "lost too", "comes", count=1) == ["comes"]
    assert history(asha, ben) == ["lost", "lost too", "comes"]


def test_a_duplicated_event_of_the_server_comes_twice(control: Any, hear: Any) -> None:
    armed(control, "duplicate")
    assert hear("twice", "once", count=3) == ["twice", "twice", "once"]


def test_an_event_of_the_server_out_of_order_comes_after_the_next(control: Any, hear: Any) -> None:
    armed(control, "reorder", delay="10s")
    assert hear("first", "second", "third", count=3) == ["second", "first", "third"]


def test_an_event_of_the_server_out_of_order_waits_no_longer_than_told(
    control: Any, hear: Any
) -> None:
    armed(control, "reorder", delay=200)
    begun = time.monotonic()
    assert hear("alone", count=1) == ["alone"]
    assert 0.2 <= time.monotonic() - begun < 5


def test_the_connection_breaks_in_the_place_of_an_event_of_the_server(
    control: Any, connect: Any, asha: User
) -> None:
    phone = connect(asha)
    armed(control, "disconnect")
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "lost"})
    assert phone.closes() < 5
    phone = connect(asha)
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "comes"})
    assert phone.received("receiveMessage")["text"] == "comes"


def test_a_fault_meets_its_user_alone(control: Any, connect: Any, hear: Any, ben: User) -> None:
    other = connect(ben)
    armed(control, "drop")
    assert hear("lost for Asha", "comes", count=1) == ["comes"]
    heard = [other.received("receiveMessage")["text"] for _ in range(2)]
    assert heard == ["lost for Asha", "comes"]


def test_nobody_who_is_not_there_uses_a_fault_up(control: Any, connect: Any, asha: User) -> None:
    armed(control, "drop")
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "to nobody"})
    assert len(control("GET", "faults")) == 1


# On connecting


def test_connections_are_refused_as_often_as_told(
    control: Any, server: RunningServer, connect: Any, asha: User, ben: User
) -> None:
    control("POST", "fault", {"kind": "refuse", "user": "Asha", "times": 2})
    connect(ben)  # others get in
    for _ in range(2):
        client = socketio.Client(reconnection=False)
        refused: list[Any] = []
        client.on("connect_error", refused.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(f"{server.url}?token={server.token(asha)}", transports=["websocket"])
        assert refused == [{"message": "The server takes no connections right now."}]
    connect(asha)


def test_a_client_gets_back_in_by_itself(control: Any, server: RunningServer, asha: User) -> None:
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1)
    received, again = threading.Event(), threading.Event()
    client.on("receiveMessage", lambda message: received.set())
    client.connect(f"{server.url}?token={server.token(asha)}", transports=["websocket"])
    try:
        client.on("connect", again.set)
        control("POST", "fault", {"kind": "refuse", "user": "Asha"})
        armed(control, "disconnect")
        control("POST", "send", {"as": "Ben", "to": "Asha", "text": "lost"})
        assert again.wait(10)
        assert control("GET", "faults") == []
        _until(lambda: _online(control, "Asha"))
        control("POST", "send", {"as": "Ben", "to": "Asha", "text": "comes"})
        assert received.wait(5)
    finally:
        client.disconnect()


def test_what_is_held_back_is_gone_after_a_reset(control: Any, hear: Any) -> None:
    armed(control, "delay", delay="30s")
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "of another time"})
    control("POST", "reset")
    assert hear("new", count=1) == ["new"]


def _online(control: Any, name: str) -> bool:
    return any(each["name"] == name and each["online"] for each in control("GET", "state")["users"])


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
