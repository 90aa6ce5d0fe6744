"""Acting as a user over the control interface, as clients of the others hear it."""

import threading
from typing import Any

import pytest
import socketio

from reference_server import RunningServer
from reference_server.control.durations import seconds
from reference_server.control.names import named
from reference_server.errors import Conflict, Invalid, NotFound
from reference_server.users import Directory, User


def test_a_virtual_device_brings_and_takes_a_user(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben", "device": "phone"})
    status = phone.received("userStatus")
    assert (status["userId"], status["isOnline"]) == (ben.id, True)
    control("POST", "connect", {"as": "Ben", "device": "laptop"})
    assert control("POST", "leave", {"as": "Ben", "device": "phone"})["devices"] == ["phone"]
    control("POST", "leave", {"as": "Ben"})
    # The second device that came and the first that went changed nothing.
    status = phone.received("userStatus")
    assert (status["userId"], status["isOnline"]) == (ben.id, False)
    assert status["lastSeen"] is not None


def test_a_device_that_is_there_already_is_connected_once(control: Any, ben: User) -> None:
    for _ in range(2):
        control("POST", "connect", {"as": "Ben"})
    assert control("POST", "leave", {"as": "Ben"})["devices"] == ["device"]


@pytest.mark.parametrize("by", ["event", "rest", None])
def test_what_a_user_sends_arrives_and_is_kept(
    control: Any, connect: Any, history: Any, asha: User, ben: User, by: str | None
) -> None:
    phone = connect(asha)
    attachment = {"type": "image", "url": "https://cdn.reals2chat.example/u/ben/cat.jpg"}
    arguments = {"as": "Ben", "to": asha.public_id, "text": "Hello!", "attachment": attachment}
    sent = control("POST", "send", arguments | ({"by": by} if by else {}))["message"]
    received = phone.received("receiveMessage")
    assert received == sent
    assert received["sender"] == {"_id": ben.id, "name": "Ben"}
    assert received["attachment"] == attachment
    assert received["status"] == "delivered"
    assert history(asha, ben) == ["Hello!"]


def test_typing_is_told_to_the_other_side(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "typing", {"as": "Ben", "to": "Asha"})
    control("POST", "stopTyping", {"as": "Ben", "to": "Asha"})
    heard = [phone.received("typingStatus") for _ in range(2)]
    assert heard == [{"senderId": ben.id, "isTyping": is_typing} for is_typing in (True, False)]


def test_reading_marks_as_read(control: Any, rest: Any, asha: User, ben: User) -> None:
    rest("POST", "/api/messages/send", asha, json={"recipientId": ben.id, "text": "Read me"})
    assert control("POST", "read", {"as": "Ben", "with": "Asha"}) == {"messages": 1}
    answer = rest("GET", f"/api/messages/{ben.id}", asha).json()
    assert answer["data"][0]["status"] == "read"


def test_blocking_holds_until_it_ends(control: Any, rest: Any, asha: User, ben: User) -> None:
    body = {"recipientId": ben.id, "text": "May I?"}
    settings = control("POST", "block", {"as": "Ben", "other": "Asha"})["settings"]
    assert (settings["userId"], settings["otherUserId"]) == (ben.id, asha.id)
    assert rest("POST", "/api/messages/send", asha, json=body).status_code == 403
    control("POST", "unblock", {"as": "Ben", "other": "Asha"})
    assert rest("POST", "/api/messages/send", asha, json=body).status_code == 201


def test_dropping_breaks_the_connections_of_clients_and_of_virtual_devices(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone, friend = connect(asha), connect(ben)
    control("POST", "connect", {"as": "Asha", "device": "tablet"})
    dropped = control("POST", "drop", {"as": "Asha"})["devices"]
    assert len(dropped) == 2
    assert "tablet" in dropped
    assert phone.closes() < 5
    status = friend.received("userStatus")
    assert (status["userId"], status["isOnline"]) == (asha.id, False)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_client_whose_connection_is_dropped_hears_of_it_at_once(
    control: Any, server: RunningServer, asha: User, transport: str
) -> None:
    client, gone = socketio.Client(reconnection=False), threading.Event()
    client.on("disconnect", lambda reason: gone.set())
    client.connect(f"{server.url}?token={server.token(asha)}", transports=[transport])
    control("POST", "drop", {"as": "Asha"})
    assert gone.wait(5)
    assert _person(control, "Asha")["online"] is False


def test_the_server_notices_later_what_became_of_a_device_that_lost_its_network(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben"})
    phone.received("userStatus")
    control("POST", "drop", {"as": "Ben", "device": "device", "unnoticed": 200})
    assert _person(control, "Ben")["online"] is True
    assert phone.received("userStatus")["isOnline"] is False
    assert _person(control, "Ben")["online"] is False


def test_a_device_that_is_back_in_time_was_never_gone(
    control: Any, connect: Any, asha: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Ben"})
    phone.received("userStatus")
    control("POST", "drop", {"as": "Ben", "device": "device", "unnoticed": 100})
    control("POST", "connect", {"as": "Ben"})
    control("POST", "connect", {"as": "Chitra"})
    control("POST", "drop", {"as": "Chitra", "unnoticed": 200})
    heard = [phone.received("userStatus") for _ in range(2)]
    assert len({status["userId"] for status in heard}) == 1
    assert _person(control, "Ben")["online"] is True


@pytest.mark.parametrize(
    ("verb", "body", "status", "message"),
    [
        ("send", {"as": "Nobody", "to": "Asha", "text": "x"}, 404, "There is no user Nobody"),
        ("send", {"as": "Ben", "text": "x"}, 400, "to is missing."),
        ("send", {"as": "Ben", "to": "Asha", "text": 5}, 400, "text is not valid: the text of"),
        ("send", {"as": "Ben", "to": "Asha"}, 400, "a text, an attachment or both"),
        ("send", {"as": "Ben", "to": "Asha", "text": "x", "by": "pigeon"}, 400, "event, rest"),
        ("send", {"as": "Ben", "to": "Asha", "txt": "x"}, 400, "The body is not valid"),
        ("leave", {"as": "Ben"}, 409, "Ben has no virtual device."),
        ("drop", {"as": "Ben", "device": "x"}, 409, "Ben has no connection x."),
        ("drop", {"as": "Ben", "unnoticed": "soon"}, 400, "unnoticed is not valid: milliseconds"),
        ("connect", {"as": "Ben", "device": "a b"}, 400, "device is not valid: the name of a"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    control: Any, ask: Any, verb: str, body: Any, status: int, message: str
) -> None:
    answer = ask("POST", verb, body)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert message in answer.json()["message"]


@pytest.mark.parametrize("by", ["event", "rest"])
def test_a_refused_message_says_why(control: Any, ask: Any, by: str) -> None:
    control("POST", "block", {"as": "Asha", "other": "Ben"})
    answer = ask("POST", "send", {"as": "Ben", "to": "Asha", "text": "x", "by": by})
    assert answer.status_code == 409
    assert "as Ben was" in answer.json()["message"]
    assert answer.json()["message"].endswith("You cannot write to this user.")


def test_users_are_found_by_any_name() -> None:
    one = User("60d0fe4f5311236168a109ca", "R2C1", "Asha")
    two = User("60d0fe4f5311236168a109cb", "R2C2", "Sam")
    three = User("60d0fe4f5311236168a109cc", "R2C3", "Sam")
    users = Directory([one, two, three])
    assert named(users, "asha") is named(users, "R2C1") is named(users, one.id.upper()) is one
    with pytest.raises(NotFound, match="there is: Asha, Sam, Sam"):
        named(users, "Ben")
    with pytest.raises(Conflict, match="R2C2, R2C3"):
        named(users, "Sam")


def test_durations_are_numbers_of_milliseconds_or_texts_with_a_unit() -> None:
    given = [800, "800ms", "1.5s", "2min", "3h", "-1d"]
    assert [seconds(each) for each in given] == [0.8, 0.8, 1.5, 120, 10800, -86400]
    with pytest.raises(Invalid, match="5 weeks is no duration"):
        seconds("5 weeks")


def _person(control: Any, name: str) -> Any:
    (person,) = [each for each in control("GET", "state")["users"] if each["name"] == name]
    return person
