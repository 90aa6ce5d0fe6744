"""What is said of a message that was sent, by who got it."""

import pytest

from conformance.load.deliveries import Deliveries, Device, Posted

ASHA, BEN = "60d0fe4f5311236168a109ca", "60d0fe4f5311236168a109cb"
MARK = "r2c00000000000001"
MESSAGE = {
    "_id": "6910a1f25311236168a20b11",
    "conversationId": "6910a1f25311236168a20a07",
    "sender": ASHA,
    "recipient": BEN,
    "text": f"{MARK} Hello",
    "attachment": None,
}
DEADLINE = 5.0


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


def comes(deliveries: Deliveries, user: str, opened: float = 0.0) -> Device:
    device = deliveries.opens(user, opened)
    device.ready = opened + 0.1
    return device


def send(deliveries: Deliveries, operation: str | None = None, accepted: bool = True) -> Posted:
    body = {"text": f"{MARK} Hello", "attachment": None}
    posted = Posted(MARK, ASHA, BEN, body, operation, sent=1.0, answered=1.1, accepted=accepted)
    deliveries.post(posted)
    return posted


def broken(deliveries: Deliveries) -> list[tuple[str, str | None]]:
    (judged,) = deliveries.due(1.1 + DEADLINE, DEADLINE)
    return [(each.requirement, each.level) for each in judged[1] if not each.holds]


def test_a_message_that_reaches_both_is_well(deliveries: Deliveries) -> None:
    send(deliveries)
    for device in (comes(deliveries, ASHA), comes(deliveries, BEN)):
        arrival = deliveries.arrived(device, MESSAGE, 1.5)
        assert arrival is not None
        assert arrival.seconds == 0.5
        assert all(each.holds for each in arrival.judgements)
    assert not deliveries.outstanding()
    assert broken(deliveries) == []


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (None, [("MSG-01", None), ("MSG-02", None)]),
        ("sendMessage", [("SEND-14", None), ("SEND-14", "should")]),
        ("sendChatMessage", [("CHAT-05", None), ("CHAT-05", "should")]),
    ],
)
def test_one_that_was_accepted_and_reaches_nobody_is_lost(
    deliveries: Deliveries, operation: str | None, expected: list[tuple[str, str | None]]
) -> None:
    comes(deliveries, ASHA)
    comes(deliveries, BEN)
    send(deliveries, operation)
    assert deliveries.outstanding()
    assert not list(deliveries.due(1.0 + DEADLINE, DEADLINE)), "its time is not over"
    assert broken(deliveries) == expected


def test_one_that_nobody_accepted_or_saw_is_not_judged(deliveries: Deliveries) -> None:
    comes(deliveries, BEN)
    send(deliveries, accepted=False)
    assert list(deliveries.due(9.0, DEADLINE)) == [("unconfirmed", ())]


def test_one_that_the_sender_sees_was_accepted(deliveries: Deliveries) -> None:
    comes(deliveries, BEN)
    send(deliveries, accepted=False)
    deliveries.arrived(comes(deliveries, ASHA), MESSAGE, 1.5)
    assert broken(deliveries) == [("MSG-01", None)]


def test_one_whose_answer_was_cut_off_is_not_judged(deliveries: Deliveries) -> None:
    comes(deliveries, BEN)
    send(deliveries).certain = False
    assert list(deliveries.due(9.0, DEADLINE)) == [("unjudged", ())]


@pytest.mark.parametrize("change", ["comes", "is on the way", "goes"])
def test_nothing_is_said_of_a_user_whose_sockets_change_meanwhile(
    deliveries: Deliveries, change: str
) -> None:
    comes(deliveries, ASHA)
    first = comes(deliveries, BEN)
    send(deliveries, "sendMessage")
    match change:
        case "comes":
            comes(deliveries, BEN, opened=2.0)
        case "is on the way":
            deliveries.opens(BEN, 2.0)
        case "goes":
            first.ended = 3.0
    assert broken(deliveries) == [("SEND-14", "should")], "the sender's own confirmation alone"


def test_an_older_socket_may_go_without_as_a_should(deliveries: Deliveries) -> None:
    older, newer = comes(deliveries, BEN), comes(deliveries, BEN, opened=0.5)
    send(deliveries)
    deliveries.arrived(newer, MESSAGE, 1.5)
    assert older not in send(deliveries).got
    assert next(iter(deliveries.due(9.0, DEADLINE)))[1][0].requirement == "CONN-04"


def test_the_newest_socket_must_not_go_without(deliveries: Deliveries) -> None:
    older, _ = comes(deliveries, BEN), comes(deliveries, BEN, opened=0.5)
    send(deliveries)
    deliveries.arrived(older, MESSAGE, 1.5)
    assert broken(deliveries) == [("MSG-01", None)]


def test_of_sockets_that_came_at_once_none_is_known_to_be_the_newest(
    deliveries: Deliveries,
) -> None:
    one, _ = comes(deliveries, BEN, opened=0.2), comes(deliveries, BEN, opened=0.25)
    send(deliveries)
    deliveries.arrived(one, MESSAGE, 1.5)
    assert broken(deliveries) == [("CONN-04", None)]


@pytest.mark.parametrize(
    "shown",
    [
        {"text": MARK},
        {"recipient": ASHA},
        {"attachment": {"type": "file", "url": "https://x.example/y.z"}},
    ],
)
def test_what_arrives_is_what_was_sent(deliveries: Deliveries, shown: dict[str, object]) -> None:
    send(deliveries)
    arrival = deliveries.arrived(comes(deliveries, BEN), MESSAGE | shown, 1.5)
    assert arrival is not None
    assert [each.requirement for each in arrival.judgements if not each.holds] == ["MSG-01"]


def test_once_per_socket_is_enough(deliveries: Deliveries) -> None:
    send(deliveries)
    device = comes(deliveries, BEN)
    deliveries.arrived(device, MESSAGE, 1.5)
    again = deliveries.arrived(device, MESSAGE, 1.6)
    assert again is not None
    assert [each.requirement for each in again.judgements if not each.holds] == ["MSG-01"]


def test_a_pair_has_one_conversation(deliveries: Deliveries) -> None:
    other = MESSAGE | {
        "sender": BEN,
        "recipient": ASHA,
        "conversationId": "6910a1f25311236168a20a08",
    }
    assert [each.holds for each in deliveries.judge_conversation(MESSAGE)] == [True]
    assert [each.holds for each in deliveries.judge_conversation(other)] == [False]
    assert list(deliveries.judge_conversation(None)) == []
