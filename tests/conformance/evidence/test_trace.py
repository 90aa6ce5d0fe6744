"""A trace tells who sent what and what came back, in order of time, and no secret."""

from conformance.evidence.redaction import Redactor
from conformance.evidence.steps import LONGEST_LINE, Step
from conformance.evidence.trace import LONGEST_TEXT, MOST_HEARD, SHORTEST_TEXT, Passage, trace
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"


def exchange(started: float = 10.0, **fields) -> Exchange:
    return Exchange(
        **{
            "operation": "sendMessage",
            "actor": "Asha",
            "method": "POST",
            "url": "http://h/api/messages/send?x=1",
            "request_headers": {"Authorization": f"Bearer {TOKEN}"},
            "request_body": b'{"text": "hello"}',
            "status": 201,
            "headers": {"Content-Type": "application/json"},
            "body": b'{"success": true}',
            "error": None,
            "started": started,
            "elapsed": 0.5,
        }
        | fields
    )


def heard(at: float, event: str = "receiveMessage") -> Step:
    return Step.of_received("Ben", Received(event, ({"text": "hello"},), at, at, 0))


def emitted(at: float | None) -> Step:
    return Step("emit", "Asha", event="typing", args=("hello",), at=at)


def told(*steps: Step, by: tuple[Step, ...] = (), within: float = 1.0) -> tuple[Passage, ...]:
    return trace(steps, by, within, Redactor({"TOKEN_ASHA": TOKEN}).text)


def test_a_request_and_its_answer_are_two_passages_each_with_its_time():
    assert told(Step.of_exchange(exchange())) == (
        Passage(
            "sent",
            "Asha",
            "POST /api/messages/send?x=1",
            "Authorization: Bearer $TOKEN_ASHA",
            '{"text": "hello"}',
            10.0,
        ),
        Passage(
            "received",
            "Asha",
            "201 Created",
            "Content-Type: application/json",
            '{"success": true}',
            10.5,
        ),
    )


def test_a_request_without_an_answer_says_why():
    gone = exchange(status=None, error="the connection was refused", actor=None)
    sent, received = told(Step.of_exchange(gone))
    assert (sent.actor, received.head) == ("Nobody", "no answer: the connection was refused")


def test_a_status_that_nobody_registered_is_told_as_it_is():
    assert told(Step.of_exchange(exchange(status=799)))[1].head == "799"


def test_everything_that_a_socket_does_has_a_name():
    steps = (
        Step("connect", "Asha", transport="polling", at=1.0),
        emitted(2.0),
        Step("raw", "Asha", packet='42["x"', at=3.0),
        Step("close", "Asha", at=4.0),
        Step("drop", "Asha", at=5.0),
    )
    assert [(passage.head, passage.body) for passage in told(*steps)] == [
        ("connect over polling", ""),
        ("emit typing", '"hello"'),
        ("packet", '42["x"'),
        ("disconnect", ""),
        ("drop off without a word", ""),
    ]


def test_what_was_heard_meanwhile_stands_in_between():
    steps = (emitted(1.0), emitted(3.0))
    by = (heard(0.9), heard(1.5), heard(3.9, "typingStatus"), heard(4.1))
    assert [(it.direction, it.at) for it in told(*steps, by=by)] == [
        ("sent", 1.0),
        ("received", 1.5),
        ("sent", 3.0),
        ("received", 3.9),
    ]


def test_an_event_that_is_evidence_itself_is_told_once():
    event = heard(1.5)
    assert len(told(emitted(1.0), event, by=(event,))) == 2


def test_it_is_told_with_the_device_that_it_came_to_where_that_is_known():
    event = heard(1.5)
    seen = Step.of_received("Ben", Received("receiveMessage", (), 1.5, 1.5, 0), device=2)
    emit = Step("emit", "Asha", event="typing", at=1.0, device=1)
    passages = told(emit, seen, by=(event,))
    assert [passage.actor for passage in passages] == ["Asha (device 1)", "Ben (device 2)"]


def test_of_a_flood_of_events_the_last_are_told():
    flood = tuple(heard(1 + number / 1000) for number in range(100))
    assert len(told(emitted(1.0), by=flood)) == 1 + MOST_HEARD


def test_steps_that_tell_no_time_stay_in_their_order():
    passages = told(emitted(None), Step.of_exchange(exchange()), by=(heard(10.1),))
    assert [it.head.split()[0] for it in passages] == ["emit", "POST", "201"]


def test_nothing_that_was_heard_explains_a_request():
    assert len(told(Step.of_exchange(exchange()), by=(heard(10.1),))) == 2


def test_a_long_text_is_cut_and_says_how_long_it_was_and_no_half_token_stays():
    body = b"x" * (LONGEST_TEXT - 20) + TOKEN.encode() + b"y" * 100
    received = told(Step.of_exchange(exchange(body=body)))[1]
    assert received.body.startswith("x" * (LONGEST_TEXT - 20) + "$TOKEN_ASHA")
    assert received.body.endswith("… (4,091 characters in all)")


def test_in_a_long_trace_what_came_last_keeps_most():
    steps = [Step.of_exchange(exchange(float(n), body=b"x" * 4000)) for n in range(10)]
    lengths = [len(it.body) for it in told(*steps) if it.direction == "received"]
    assert lengths[-3:] == [4000, 4000, 4000]
    assert all(SHORTEST_TEXT < length < SHORTEST_TEXT + 40 for length in lengths[:5])


def test_bytes_that_are_no_text_are_spelt_out():
    assert told(Step.of_exchange(exchange(body=b"\xff\x00")))[1].body == "\\xff\x00"


def test_a_passage_is_one_line_of_moderate_length():
    passage = Passage("sent", "Asha", "POST /", "A: b", "one\ntwo \x1b" + "x" * 1000)
    assert passage.line().startswith("Asha → POST / one two \\x1bxxx")
    assert len(passage.line()) == LONGEST_LINE + 1


def test_a_time_is_written_as_rfc_3339_has_it():
    assert Passage("sent", "Asha", "x", at=0.25).time == "1970-01-01T00:00:00.250+00:00"
    assert Passage("sent", "Asha", "x").time is None
