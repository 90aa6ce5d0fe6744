"""The router between the AsyncAPI document and the sockets, over the wire."""

import asyncio
import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import socketio
import yaml

from contract import Contract, load
from reference_server import RunningServer, running
from reference_server.errors import BrokenEvent, StartError, Unauthorized
from reference_server.events import EventRouter
from reference_server.origins import Origins
from reference_server.sockets import SocketServer
from reference_server.tokens import Tokens
from reference_server.users import User
from reference_server.users import load as load_users

CONTRACT = load()
USERS = load_users()
UNKNOWN = "60d0fe4f5311236168a10999"


def router(contract: Contract = CONTRACT) -> tuple[EventRouter, Tokens]:
    tokens = Tokens("x" * 32, USERS)
    return EventRouter(contract, SocketServer(allowed_origin=Origins().allow), tokens), tokens


class Nobody:
    async def expected(self, user: User) -> None: ...

    async def joined(self, user: User, connection: str) -> None: ...

    async def left(self, user: User, connection: str) -> None: ...


def test_a_message_reaches_both_and_is_acknowledged_as_documented(
    connect: Any, people: list[User]
) -> None:
    asha, ben = connect(people[0]), connect(people[1])
    answer = asha.emit("sendMessage", {"recipientId": people[1].id, "text": "hello"})
    acknowledgement = CONTRACT.events["sendMessage"].acknowledgement
    assert acknowledgement is not None
    assert acknowledgement.violations(answer) == ()
    assert answer["success"] is True
    assert ben.received("receiveMessage") == answer["data"]


def test_what_one_client_sends_at_once_is_handled_and_acknowledged_in_order(
    connect: Any, people: list[User]
) -> None:
    asha, ben = connect(people[0]), connect(people[1])
    for number in range(50):
        payload = {"recipientId": people[1].id, "text": str(number)}
        asha.send(f"42{number}" + json.dumps(["sendMessage", payload]))
    numbers = []
    while len(numbers) < 50:
        packet = asha.until("43")
        numbers.append(int(packet[2 : packet.index("[")]))
    assert numbers == list(range(50))
    assert [ben.received("receiveMessage")["text"] for _ in range(50)] == [
        str(n) for n in range(50)
    ]


def test_an_event_that_takes_long_is_not_overtaken(
    server: RunningServer, connect: Any, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(typist: User, recipient: User, is_typing: bool) -> None:
        await asyncio.sleep(0.05 if is_typing else 0)

    monkeypatch.setattr(server.server.chat, "typing", slowly)
    asha = connect(people[0])
    payload = json.dumps({"recipientId": people[1].id})
    asha.send(f'421["typing",{payload}]')
    asha.send(f'422["stopTyping",{payload}]')
    assert asha.until("43").startswith("431[")
    assert asha.until("43").startswith("432[")


@pytest.mark.parametrize("event", ["sendMessage", "typing", "stopTyping"])
@pytest.mark.parametrize(
    "arguments",
    [
        [], [None], [[]], ["x"], [5], [True], [{}], [{"recipientId": None}], [{"recipientId": "x"}],
        [{"recipientId": {"$ne": None}, "text": "x"}], [{"recipientId": UNKNOWN, "text": "x"}],
        [None, {"recipientId": UNKNOWN}],
    ],
)  # fmt: skip
def test_an_invalid_payload_is_acknowledged_with_the_error_body(
    connect: Any, people: list[User], event: str, arguments: list[Any]
) -> None:
    answer = connect(people[0]).emit(event, *arguments)
    assert set(answer) == {"success", "message"}
    assert answer["success"] is False
    assert answer["message"]


def test_further_arguments_are_ignored(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    assert asha.emit("typing", {"recipientId": people[1].id}, "more", 5) == {"success": True}


@pytest.mark.parametrize("event", ["unknown", "*", "receiveMessage", "userStatus", "message"])
def test_an_event_that_clients_do_not_have_is_acknowledged_with_the_error_body(
    connect: Any, people: list[User], event: str
) -> None:
    assert connect(people[0]).emit(event, {})["success"] is False


def test_an_event_without_a_request_for_acknowledgement_gets_none(
    connect: Any, people: list[User]
) -> None:
    asha = connect(people[0])
    asha.send('42["sendMessage",{}]')
    asha.send('425["typing",{}]')
    assert asha.until("43").startswith("435[")


def test_a_failing_handler_is_acknowledged_without_its_reason(
    server: RunningServer, connect: Any, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("/private/path")

    monkeypatch.setattr(server.server.chat, "typing", fail)
    answer = connect(people[0]).emit("typing", {"recipientId": people[1].id})
    assert answer["success"] is False
    assert "private" not in answer["message"]


def test_who_sends_comes_from_the_token_alone(connect: Any, people: list[User]) -> None:
    lie = {
        "recipientId": people[1].id,
        "text": "x",
        "sender": people[2].id,
        "senderId": people[2].id,
    }
    ben = connect(people[1])
    connect(people[0]).emit("sendMessage", lie)
    assert ben.received("receiveMessage")["sender"]["_id"] == people[0].id
    connect(people[0]).emit("typing", lie)
    assert ben.received("typingStatus")["senderId"] == people[0].id


def test_an_event_sent_with_the_connect_packet_is_handled(
    server: RunningServer, engine: Any, people: list[User]
) -> None:
    # Node's client may send as soon as it hears that it is connected; this one is even faster.
    frames = engine(f"EIO=4&transport=websocket&token={server.token(people[0])}")
    frames.send("40")
    frames.send("421" + json.dumps(["typing", {"recipientId": people[1].id}]))
    assert frames.until("4").startswith("40{")
    assert frames.until("43") == '431[{"success":true}]'


def test_no_event_comes_before_the_client_is_told_that_it_is_connected(
    server: RunningServer, engine: Any, connect: Any, people: list[User]
) -> None:
    asha = connect(people[0])
    for _ in range(20):
        ben = engine(f"EIO=4&transport=websocket&token={server.token(people[1])}")
        ben.send("40")
        for number in range(5):
            asha.send(f'42["typing",{{"recipientId":"{people[1].id}","n":{number}}}]')
        ben.until("0")
        assert ben.next().startswith("40{")
        ben.close()


def test_friends_hear_of_presence_once_per_user(connect: Any, people: list[User]) -> None:
    friend = connect(people[3])  # Diego, a friend of Élodie's
    stranger = connect(people[0])
    phone, laptop = connect(people[4]), connect(people[4])
    assert friend.received("userStatus")["isOnline"] is True
    phone.send("41")
    laptop.socket.sock.close()  # no goodbye
    gone = friend.received("userStatus")
    assert (gone["userId"], gone["isOnline"]) == (people[4].id, False)
    assert gone["lastSeen"]
    stranger.send("421" + json.dumps(["typing", {"recipientId": people[0].id}]))
    assert "userStatus" not in stranger.until("42")


def test_a_refused_client_hears_why_and_nothing_else_and_changes_nobodys_view(
    engine: Any, connect: Any, people: list[User]
) -> None:
    friend = connect(people[3])
    for token in ("", "x", "a.b.c"):
        refused = engine(f"EIO=4&transport=websocket&token={token}")
        refused.until("0")
        refused.send("40")
        answer = refused.next()
        assert answer.startswith("44{")
        assert json.loads(answer[2:])["message"]
        refused.send("421" + json.dumps(["typing", {"recipientId": people[3].id}]))
        refused.send('42["sendMessage",{}]')
        refused.send("2probe")  # a broken packet: the server closes after all that came before
        assert refused.next() in ("", "1")
    connect(people[0]).emit("typing", {"recipientId": people[3].id})
    assert friend.until("42").startswith('42["typingStatus"')


def test_credentials_are_taken_from_query_auth_payload_and_header() -> None:
    routed, _ = router()
    assert routed.credential({"QUERY_STRING": "EIO=4&token=abc"}, {"token": "other"}) == "abc"
    assert routed.credential({"QUERY_STRING": ""}, {"token": "abc"}) == "abc"
    assert routed.credential({"HTTP_AUTHORIZATION": "bearer abc"}, None) == "abc"
    for environ, auth in [({}, None), ({"HTTP_AUTHORIZATION": "Basic abc"}, {"token": 5})]:
        with pytest.raises(Unauthorized):
            routed.credential(environ, auth)


def test_a_payload_that_breaks_the_contract_does_not_leave() -> None:
    routed, _ = router()
    for event, payload in [("typingStatus", {"senderId": "x"}), ("rumour", {})]:
        with pytest.raises(BrokenEvent):
            asyncio.run(routed.announce(event, payload, {"nobody"}))


# Documents and handlers that do not fit together


def extended(folder: Path) -> Contract:
    """The contract with one client-to-server event more."""
    asyncapi = copy.deepcopy(CONTRACT.asyncapi)
    asyncapi["operations"]["onPoke"] = {
        "action": "receive",
        "channel": {"address": "/"},
        "messages": [{"name": "poke", "payload": {"type": "object", "required": ["whom"]}}],
        "reply": {"messages": [{"payload": {}, "examples": [{"payload": {"poked": True}}]}]},
    }
    file = folder / "asyncapi.yaml"
    file.write_text(yaml.safe_dump(asyncapi))
    return load(asyncapi=file)


def test_a_handler_without_an_operation_stops_the_start() -> None:
    async def handler(user: User, payload: Any) -> Any:
        raise AssertionError("it is never called")

    for name in ("onEverything", "emitUserStatus"):
        with pytest.raises(StartError, match=name):
            router()[0].register({name: handler}, Nobody())


def test_an_event_without_handler_is_judged_and_acknowledged_from_its_example(
    tmp_path: Path,
) -> None:
    contract = extended(tmp_path)
    routed, _ = router(contract)
    routed.register({}, Nobody())
    mocked = {mock.operation_id for mock in routed.mocked}
    assert mocked == {"onSendMessage", "onTyping", "onStopTyping", "onPoke"}
    poke = routed._sockets.handlers["/"]["poke"]
    routed._users["sid"] = next(iter(USERS))
    assert asyncio.run(poke("sid", {"whom": "x"})) == {"poked": True}
    assert asyncio.run(poke("sid", {}))["success"] is False


def test_a_python_client_works_over_both_transports(people: list[User]) -> None:
    with running() as server:
        for transport in ("websocket", "polling"):
            client = socketio.SimpleClient()
            client.connect(f"{server.url}?token={server.token(people[0])}", transports=[transport])
            # Each message would be handled in a thread of its own, in any order.
            client.client.eio.start_background_task = lambda handle, *given: handle(*given)
            for number in range(40):  # more than python-engineio takes in one poll by default
                client.emit("sendMessage", {"recipientId": people[0].id, "text": str(number)})
            texts = []
            deadline = time.monotonic() + 10
            while len(texts) < 40 and time.monotonic() < deadline:
                event, message = client.receive(timeout=5)
                assert event == "receiveMessage"
                texts.append(message["text"])
            assert texts == [str(number) for number in range(40)]
            client.disconnect()
