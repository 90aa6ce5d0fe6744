"""Clients that stay after they were refused hear and say what the server lets them."""

from collections.abc import Iterator

import pytest

from conformance.scenarios.props.intruders import Intruder
from conformance.wire.deadlines import Deadline
from conformance.wire.pacing import Pace
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Connection
from conformance.wire.transports import Unreachable
from reference_server.in_process import RunningServer, running
from tests.conformance.conftest import answer, answering

PACE = Pace(patience=0.5)
OVER = pytest.mark.parametrize("transport", ["websocket", "polling"])


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running() as server:
        yield server


def enter(server: RunningServer, transport: Transport, **query: str) -> Intruder:
    return Intruder.enter(server.url, query, transport, PACE)


@OVER
def test_a_client_with_a_bad_token_is_refused(server: RunningServer, transport: Transport) -> None:
    intruder = enter(server, transport, token="no")
    intruder.await_answer()
    assert "connect error" in (intruder.refusal or "")
    assert not intruder.joined
    intruder.leave()


@OVER
def test_a_client_with_a_good_token_is_connected(
    server: RunningServer, transport: Transport
) -> None:
    (user, *_) = server.users
    intruder = enter(server, transport, token=server.token(user))
    intruder.await_answer()
    assert intruder.joined
    assert not intruder.await_refusal(Deadline(0.05))
    intruder.leave()
    assert not intruder.joined


@OVER
def test_what_is_said_and_heard_passes(server: RunningServer, transport: Transport) -> None:
    one, other, *_ = server.users
    intruder = enter(server, transport, token=server.token(one))
    intruder.await_answer()
    with Connection.open(server.url, token=server.token(other), pace=PACE) as theirs:
        intruder.say("sendMessage", {"recipientId": other.id, "text": "let me in"})
        assert theirs.wait_for("receiveMessage", within=PACE.delivery)
        theirs.emit("typing", {"recipientId": one.id})
        theirs.emit("sendMessage", {"recipientId": one.id, "text": "who is there?"})
        # The own copy of the second message is the last thing that theirs hears.
        assert theirs.wait_for(
            "receiveMessage", lambda args: args[0]["text"] == "who is there?", within=PACE.delivery
        )
    assert {"receiveMessage", "typingStatus"} <= await_names(intruder)
    intruder.leave()


def await_names(intruder: Intruder) -> set[str]:
    deadline = Deadline(PACE.delivery)
    while deadline.left and "typingStatus" not in {name for name, _ in intruder.heard}:
        intruder.await_refusal(Deadline(0.01))
    return {name for name, _ in intruder.heard}


@OVER
def test_a_handshake_that_fails_is_told_from_one_that_is_refused(
    serve, transport: Transport
) -> None:
    url = serve(answering(lambda request: answer(b"oops", "500 Internal Server Error")))
    intruder = Intruder.enter(url, {}, transport, PACE)
    assert intruder.refusal is not None
    assert intruder.status == 500


def test_what_is_heard_before_the_client_is_turned_away_is_told_from_what_comes_later() -> None:
    intruder = Intruder(PACE)
    for packet in ("0{}", '2["userStatus",{"a":1}]', "1", '2["userStatus",{"a":2}]'):
        intruder.on_message(packet)
    assert intruder.heard_as_a_guest == (("userStatus", {"a": 1}),)
    assert len(intruder.heard) == 2


def test_nobody_who_listens_is_no_refusal() -> None:
    with pytest.raises(Unreachable):
        Intruder.enter("http://127.0.0.1:9", {}, "websocket", PACE)
