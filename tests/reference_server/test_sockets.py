"""Socket.IO 5 as Node's server speaks it: what the official protocol suite looks at."""

import asyncio
import json
from typing import Any

import pytest

from reference_server.origins import Origins
from reference_server.sockets import SocketServer
from reference_server.users import User

QUICK = 5.0
"""Seconds within which a connection closes that breaks the protocol; a ping timeout takes 45."""


def test_an_unknown_namespace_is_refused_with_an_object(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    asha.send("40/unknown,")
    refused = asha.until("44")
    assert refused.startswith("44/unknown,")
    assert json.loads(refused.partition(",")[2]) == {"message": "Invalid namespace"}
    assert asha.emit("typing", {"recipientId": people[1].id}) == {"success": True}


@pytest.mark.parametrize("packet", ["40abc", "40[]", '40"x"'])
def test_a_malformed_connect_packet_closes_the_connection(engine: Any, packet: str) -> None:
    frames = engine()
    frames.until("0")
    frames.send(packet)
    assert frames.closes() < QUICK


@pytest.mark.parametrize(
    "packet",
    [
        "4abc", "49", "42", "42{}", "42[]", "42[1]", "42[null]", '42["typing"', '42"typing"',
        "42abc[]", "44{}", "43abc", '42["connect",{}]', '42["disconnect"]', '42["disconnecting"]',
                '42["typing",' + "[" * 100_000, '4299999999999["x"', b"\x00\x01", b"2[1]",
    ],
)  # fmt: skip
def test_a_broken_packet_closes_the_connection_and_the_service_lives(
    connect: Any, people: list[User], packet: str | bytes
) -> None:
    asha = connect(people[0])
    asha.send(packet)
    assert asha.closes() < QUICK
    assert connect(people[0]).emit("typing", {"recipientId": people[1].id}) == {"success": True}


@pytest.mark.parametrize(
    "packets",
    [
        # The part that was announced is a text.
        ['451-["typing",{"_placeholder":true,"num":0}]', '42["typing",{}]'],
        # A part that nobody announced.
        ['451-["typing",{"_placeholder":true,"num":0}]', b"a part", b"another"],
        # The event names a part that does not come.
        ['451-["typing",{"_placeholder":true,"num":5}]', b"a part"],
        # More parts than any event has.
        ['4511-["typing",{"_placeholder":true,"num":0}]'],
        ['459999999999-["typing",{"_placeholder":true,"num":0}]'],
    ],
)
def test_broken_binary_packets_close_the_connection(
    connect: Any, people: list[User], packets: list[str | bytes]
) -> None:
    asha = connect(people[0])
    for packet in packets:
        asha.send(packet)
    assert asha.closes() < QUICK


def test_a_client_cannot_raise_the_events_of_the_library(connect: Any, people: list[User]) -> None:
    friend, user = connect(people[3]), connect(people[4])
    assert friend.received("userStatus")["isOnline"] is True
    user.send('42["disconnect"]')
    user.closes()
    assert friend.received("userStatus")["isOnline"] is False  # for it is closed, not before


def test_binary_payloads_are_judged_like_others(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    asha.send('451-7["sendMessage",{"_placeholder":true,"num":0}]')
    asha.send(b"\x00\x01")
    answer = json.loads(asha.until("437").removeprefix("437"))[0]
    assert answer["success"] is False


def test_an_unknown_acknowledgement_is_ignored(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    asha.send("43789[1]")
    assert asha.emit("typing", {"recipientId": people[1].id}) == {"success": True}


def test_a_second_connect_packet_changes_nothing(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    asha.send("40")
    assert asha.emit("typing", {"recipientId": people[1].id}) == {"success": True}


def test_a_client_that_says_goodbye_to_the_namespace_hears_no_more(
    connect: Any, people: list[User]
) -> None:
    asha, ben = connect(people[0]), connect(people[1])
    ben.send("41")
    ben.send("40/unknown,")  # answered, so all before it is done
    ben.until("44/unknown,")
    asha.emit("typing", {"recipientId": people[1].id})
    ben.send("40/unknown,")
    assert ben.next().startswith("44/unknown,")


def test_a_client_that_connects_to_no_namespace_is_closed_after_a_while() -> None:
    async def scenario() -> None:
        server = SocketServer(allowed_origin=Origins().allow, connect_patience=0.01)
        disconnected: list[str] = []

        async def disconnect(sid: str) -> None:
            disconnected.append(sid)

        server.eio.disconnect = disconnect
        await server._handle_eio_connect("late", {})
        await server._handle_eio_connect("gone", {})
        await server._handle_eio_disconnect("gone", "client disconnect")
        await asyncio.sleep(0.05)
        assert disconnected == ["late"]

    asyncio.run(scenario())
