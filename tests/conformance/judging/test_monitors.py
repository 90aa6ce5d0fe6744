"""What is judged in every answer and every event, and above all what is not."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from conformance.judging.judgements import Judgement
from conformance.judging.monitors import (
    Sighting,
    StatusWatch,
    described,
    judge_acknowledgements,
    judge_event,
    judge_exchange,
    short,
    shortened,
    sightings,
)
from conformance.wire.http import Exchange
from contract import load

CONTRACT = load()
ASHA, BEN = "60d0fe4f5311236168a109ca", "60d0fe4f5311236168a109cb"
MESSAGE = {
    "_id": "60d0fe4f5311236168a10901",
    "conversationId": "60d0fe4f5311236168a10a01",
    "sender": {"_id": ASHA, "name": "Asha"},
    "recipient": {"_id": BEN, "name": "Ben"},
    "text": "hello",
    "attachment": None,
    "status": "sent",
    "createdAt": "2026-01-01T12:00:00.000Z",
}
SENT = {"success": True, "data": MESSAGE}
READ = {"success": True, "data": [MESSAGE]}
ERROR = {"success": False, "message": "There is no such user."}


def exchange(
    status: int | None = 200,
    body: object = READ,
    operation: str | None = "listMessages",
    *,
    raw: bytes | None = None,
    media: str | None = "application/json",
    method: str | None = None,
    request: bytes | None = None,
    url: str = f"http://h/api/messages/{BEN}",
    fields: dict[str, str] | None = None,
    started: float = 100.0,
    elapsed: float = 0.5,
) -> Exchange:
    known = CONTRACT.operations.get(operation or "")
    return Exchange(
        operation=operation,
        actor="Asha",
        method=method or (known.method if known else "GET"),
        url=url,
        request_headers=fields or {},
        request_body=request,
        status=status,
        headers=CaseInsensitiveDict({"content-type": media} if media else {}),
        body=raw if raw is not None else json.dumps(body).encode(),
        error=None if status else "timed out after 10 s",
        started=started,
        elapsed=elapsed,
    )


def verdicts(given: Exchange) -> dict[str, bool]:
    """By requirement, whether all that was judged of it holds."""
    found: dict[str, bool] = {}
    for judgement in judge_exchange(CONTRACT, given):
        found[judgement.requirement] = found.get(judgement.requirement, True) and judgement.holds
    return found


def broken(given: Exchange) -> set[str]:
    return {id for id, holds in verdicts(given).items() if not holds}


# Answers


def test_a_right_answer_is_judged_in_every_respect_and_holds():
    assert verdicts(exchange()) == {
        "ERR-03": True,
        "ERR-09": True,
        "ERR-07": True,
        "ALL-01": True,
    }


def test_a_right_refusal_is_judged_in_every_respect_and_holds():
    assert verdicts(exchange(404, ERROR)) == {
        "ERR-03": True,
        "ERR-09": True,
        "ERR-07": True,
        "ERR-01": True,
        "ERR-04": True,
    }


SEND = "sendMessage"
BROKEN = {
    "a 500 with the error body": (exchange(500, ERROR), {"ERR-03"}),
    "a 503 of a proxy": (
        exchange(503, raw=b"<h1>down</h1>", media="text/html"),
        {"ERR-01", "ERR-03", "ERR-07"},
    ),
    "a success under another status": (exchange(200, SENT, SEND), {"SEND-01"}),
    "a bare success under another status": (exchange(200, MESSAGE, SEND), {"SEND-01", "ALL-01"}),
    "an undocumented status that says nothing": (
        exchange(200, {"ok": 1}, SEND),
        {"ERR-09"},
    ),
    "a failure under a status of success": (exchange(200, ERROR, SEND), {"ERR-09"}),
    "an undocumented success without a body": (exchange(204, raw=b"", media=None), {"ERR-09"}),
    "a redirect": (exchange(302, raw=b"", media=None), {"ERR-09"}),
    "an undocumented refusal": (exchange(418, ERROR), {"ERR-09"}),
    "a refusal without a body": (exchange(404, raw=b"", media=None), {"ERR-01"}),
    "a refusal in HTML": (
        exchange(404, raw=b"<h1>Not found</h1>", media="text/html"),
        {"ERR-01", "ERR-07"},
    ),
    "a refusal without a message": (exchange(400, {"success": False}), {"ERR-01"}),
    "a refusal with an empty message": (
        exchange(400, {"success": False, "message": ""}),
        {"ERR-01"},
    ),
    "a refusal whose message is an object": (
        exchange(400, {"success": False, "message": {"text": "no"}}),
        {"ERR-01"},
    ),
    "a refusal that says success": (exchange(400, {"success": True, "message": "no"}), {"ERR-01"}),
    "a refusal that says null": (exchange(400, {"success": None, "message": "no"}), {"ERR-01"}),
    "a refusal that says 0": (exchange(400, {"success": 0, "message": "no"}), {"ERR-01"}),
    "a refusal that is a list": (exchange(400, [ERROR]), {"ERR-01"}),
    "a refusal in Latin-1": (
        exchange(400, raw=b'{"success": false, "message": "n\xe9"}'),
        {"ERR-01"},
    ),
    "JSON that is said to be text": (exchange(media="text/plain"), {"ERR-07"}),
    "JSON that is said to be nothing": (exchange(media=None), {"ERR-07"}),
    "JSON of another kind": (exchange(404, ERROR, media="application/problem+json"), {"ERR-07"}),
    "an answer that is no JSON": (exchange(raw=b"hello"), {"ALL-01"}),
    "an answer without a body": (exchange(raw=b""), {"ALL-01"}),
    "an answer without the envelope": (exchange(body=[MESSAGE]), {"ALL-01"}),
    "an answer that is null": (exchange(body=None), {"ALL-01"}),
    "a message with a wrong id": (
        exchange(body={"success": True, "data": [MESSAGE | {"_id": "7"}]}),
        {"ALL-01"},
    ),
    "a history without user references": (
        exchange(body={"success": True, "data": [MESSAGE | {"sender": ASHA}]}),
        {"ALL-01"},
    ),
    "NaN in an answer": (exchange(raw=b'{"success": true, "data": NaN}'), {"ALL-01"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_answer_breaks_just_its_requirements(name):
    given, expected = BROKEN[name]
    assert broken(given) == expected


FAIR = {
    "a charset beside the media type": exchange(media="application/json; charset=utf-8"),
    "a media type in capitals": exchange(media="Application/JSON"),
    "fields that nobody asked for": exchange(body=READ | {"count": 1, "message": "OK"}),
    "a message whose references are ids": exchange(
        201, {"success": True, "data": MESSAGE | {"sender": ASHA, "recipient": BEN}}, SEND
    ),
    "fields beside the error": exchange(400, ERROR | {"code": 17, "errors": ["text"]}),
    "403 for a blocked sender": exchange(403, ERROR, SEND),
    "415 for another media type": exchange(415, ERROR, SEND),
}


@pytest.mark.parametrize("name", FAIR)
def test_no_fair_answer_is_accused(name):
    assert verdicts(FAIR[name])
    assert broken(FAIR[name]) == set()


NOT_JUDGED = {
    "no answer at all": exchange(None, raw=b""),
    "413 of a proxy": exchange(413, raw=b"<h1>Too large</h1>", media="text/html"),
    "429 of a proxy": exchange(429, raw=b"Slow down", media="text/plain"),
    "414 of the HTTP server": exchange(414, raw=b"<h1>URI too long</h1>", media="text/html"),
    "431 of the HTTP server": exchange(431, raw=b"", media=None),
    "HEAD": exchange(200, raw=b"", method="HEAD"),
    "a look at whether somebody listens": exchange(500, operation=None, url="http://h/"),
    "HEAD that fails": exchange(500, raw=b"", method="HEAD"),
    "OPTIONS": exchange(204, raw=b"", method="OPTIONS", media=None),
    "a conditional request": exchange(304, raw=b"", fields={"If-None-Match": '"x"'}, media=None),
    "a request for a part": exchange(206, raw=b"[", fields={"range": "bytes=0-0"}),
}


@pytest.mark.parametrize(
    ("operation", "method"), [(None, "GET"), ("deleteMessage", "DELETE"), ("listMessages", "PATCH")]
)
def test_of_an_answer_outside_the_contract_only_a_failure_is_judged(operation, method):
    def answered(status: int) -> Exchange:
        return exchange(status, raw=b"oops", operation=operation, method=method, media=None)

    assert broken(answered(500)) == {"ERR-03"}
    for fair in (200, 404, 405, 501, 503):
        assert verdicts(answered(fair)) == {"ERR-03": True}


@pytest.mark.parametrize("name", NOT_JUDGED)
def test_nothing_is_said_where_the_contract_says_nothing(name):
    assert verdicts(NOT_JUDGED[name]) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_a_finding_shows_expected_and_observed_in_one_line_each(name):
    for judgement in judge_exchange(CONTRACT, BROKEN[name][0]):
        if not judgement.holds:
            assert judgement.summary
            assert judgement.expected
            assert judgement.observed
            assert "\n" not in judgement.observed


def test_a_summary_holds_no_value_that_changes_from_run_to_run():
    def summaries(messages: list[dict]) -> set[str]:
        given = exchange(body={"success": True, "data": messages})
        return {j.summary for j in judge_exchange(CONTRACT, given) if not j.holds}

    one = summaries([MESSAGE, MESSAGE | {"status": "seen"}])
    other = summaries([MESSAGE] * 17 + [MESSAGE | {"status": "unread", "text": "other"}])
    assert one == other != set()


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("data"), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([200, 201, 204, 302, 400, 404, 500]),
    st.sampled_from(sorted(CONTRACT.operations)),
)  # fmt: skip
def test_whatever_a_backend_answers_the_monitors_judge_and_do_not_break(body, status, operation):
    given = exchange(status, raw=body, operation=operation)
    assert all(isinstance(j, Judgement) for j in judge_exchange(CONTRACT, given))
    assert list(sightings(given)) is not None


@pytest.mark.parametrize("depth", [50, 99, 101, 500, 900, 990, 20_000])
@pytest.mark.parametrize("status", [200, 400])
def test_a_deep_answer_is_judged_however_deep(depth, status):
    body = b"[" * depth + b"]" * depth
    expected = "ALL-01" if status == 200 else "ERR-01"
    assert expected in broken(exchange(status, raw=body))
    deep = b'{"success": false, "message": "no", "more": ' + body + b"}"
    assert list(judge_exchange(CONTRACT, exchange(400, raw=deep)))


def test_a_lone_surrogate_in_an_answer_is_judged_like_any_text():
    body = json.dumps(READ | {"data": [MESSAGE | {"text": "\ud800"}]}).encode()
    assert broken(exchange(raw=body)) == set()


# What an error gives away (ERR-04)

LEAKS = {
    "a stack trace of Node": (
        "TypeError: boom\n    at send (/srv/chat/routes/messages.js:31:17)\n    at next (x.js:1:2)",
        "a stack trace",
    ),
    "a stack trace of Python": (
        'Traceback (most recent call last):\n  File "app.py", line 3, in send',
        "a stack trace",
    ),
    "a stack trace of Java": ("boom\n\tat com.example.Chat.send(Chat.java:31)", "a stack trace"),
    "a stack trace of .NET": (
        "boom\n   at Chat.Send(String to) in C:\\src\\Chat.cs:line 31",
        "a stack trace",
    ),
    "a stack trace of Go": ("panic: boom\n\ngoroutine 17 [running]:", "a stack trace"),
    "a file path": ("cannot open /usr/share/chat/config.json", "a file path"),
    "a file path on Windows": ("cannot open C:\\inetpub\\chat\\web.config", "a file path"),
    "a package's path": ("in node_modules/mongoose/lib/query.js", "a file path"),
    "an id that Mongoose casts": (
        'Cast to ObjectId failed for value "x" (type string) at path "_id"',
        "a library's internals",
    ),
    "an error of Mongoose": (
        "Message validation failed: text: Path `text` is required.",
        "a library's internals",
    ),
    "an error of MongoDB": (
        "E11000 duplicate key error collection: chat.users",
        "a library's internals",
    ),
    "an error of the driver": ("MongoServerError: boom", "a library's internals"),
    "an unreachable database": ("connect ECONNREFUSED 10.0.0.7:27017", "a library's internals"),
    "an undefined property": (
        "Cannot read properties of undefined (reading '_id')",
        "a library's internals",
    ),
    "an older Node's undefined property": (
        "Cannot read property '_id' of undefined",
        "a library's internals",
    ),
    "a missing function": ("text.trim is not a function", "a library's internals"),
    "None": ("'NoneType' object has no attribute 'id'", "a library's internals"),
    "a query": ("syntax error in SELECT * FROM users WHERE id = 'x'", "a query"),
    "a query in small letters": ("select u.id from users u", "a query"),
    "an insertion": ("INSERT INTO messages (text) VALUES ('x')", "a query"),
}


def told(given: Exchange) -> str:
    (judgement,) = [j for j in judge_exchange(CONTRACT, given) if j.requirement == "ERR-04"]
    return "" if judgement.holds else judgement.summary


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("place", ["message", "stack", "deep", "html"])
def test_each_leak_is_found_wherever_it_stands(name, place):
    text, what = LEAKS[name]
    match place:
        case "message":
            given = exchange(400, ERROR | {"message": text})
        case "stack":
            given = exchange(400, ERROR | {"stack": text})
        case "deep":
            given = exchange(400, ERROR | {"errors": [{"path": ["text", {"why": text}]}]})
        case _:
            given = exchange(400, raw=f"<pre>{text}</pre>".encode(), media="text/html")
    assert f"with {what} in the body" in told(given)


@pytest.mark.parametrize("name", LEAKS)
def test_an_echo_of_what_the_client_sent_gives_nothing_away(name):
    text, _ = LEAKS[name]
    answer = ERROR | {"message": f"The text {text} is not allowed.", "value": text}
    ascii_body = json.dumps({"recipientId": BEN, "text": text}).encode()
    assert told(exchange(400, answer, SEND, request=ascii_body)) == ""
    raw = f'{{"text": {text}'.encode()
    assert told(exchange(400, answer, SEND, request=raw)) == ""


@pytest.mark.parametrize("name", LEAKS)
def test_an_echo_in_other_letters_or_another_spacing_gives_nothing_away(name):
    text, _ = LEAKS[name]
    answer = ERROR | {"message": " ".join(text.split())}
    body = json.dumps({"text": f"  {text.swapcase()}  "}, ensure_ascii=False).encode()
    assert told(exchange(400, answer, SEND, request=body)) == ""


def test_an_echo_of_the_path_gives_nothing_away():
    url = "http://h/api/messages/%2Fusr%2Fshare%2Fchat%2Fconfig.json"
    answer = ERROR | {"message": "/usr/share/chat/config.json is no ObjectId."}
    assert told(exchange(400, answer, url=url)) == ""
    url = "http://h/api/messages/SELECT+*+FROM+users+"
    assert told(exchange(400, ERROR | {"message": "SELECT * FROM users ?"}, url=url)) == ""


def test_an_echo_of_a_field_of_the_request_gives_nothing_away():
    fields = {"Authorization": "Basic /home/asha/secrets/token"}
    answer = ERROR | {"message": "Basic /home/asha/secrets/token is no bearer token."}
    assert told(exchange(401, answer, fields=fields)) == ""


def test_an_echo_hides_no_leak_beside_it():
    request = json.dumps({"text": "SELECT * FROM users WHERE 1"}).encode()
    answer = ERROR | {
        "message": "SELECT * FROM users WHERE 1",
        "stack": "Error\n    at send (messages.js:31:17)",
    }
    assert "a stack trace" in told(exchange(400, answer, SEND, request=request))


HARMLESS = [
    "Please select a user from the list.",
    "You can select another recipient; messages from strangers are refused.",
    "Insert into the text field what you want to say.",
    "The service is available again\n at 10:30.",
    "Option A:\nfoo",
    "Choose one:\n  A:\\n or B",
    "This is not a function of your account.",
    "See https://chat.example/home/asha/help/errors for help.",
    "The path /api/messages/x is unknown.",
    "otherUserId has to be 24 hex digits.",
    "Validation failed: text is required",
    "No value of type none is allowed",
    "Error: recipientId is required",
    "The user is not known at this time (404).",
    "Update your settings",
    "C:\\",
    "and/or/home/",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_plain_words_give_nothing_away(text):
    assert told(exchange(400, ERROR | {"message": text})) == ""


def test_a_long_body_is_searched_in_no_time():
    for piece in (
        "\n",
        " at ",
        "SELECT ",
        ") in x",
        "/usr/a",
        "UPDATE ",
        "a.b ",
        "A:\\b",
        'File "',
    ):
        body = {"success": False, "message": piece * (200_000 // len(piece))}
        began = time.perf_counter()
        told(exchange(400, body))
        assert time.perf_counter() - began < 2, piece


# Events


def accused(name: str, *args: object) -> list[str]:
    return [j.requirement for j in judge_event(CONTRACT, name, args) if not j.holds]


def test_right_events_hold():
    assert accused("receiveMessage", MESSAGE) == []
    assert accused("receiveMessage", MESSAGE | {"sender": ASHA, "recipient": BEN}) == []
    assert accused("typingStatus", {"senderId": ASHA, "isTyping": True}) == []
    assert accused("userStatus", {"userId": ASHA, "isOnline": True}) == []
    assert accused("userStatus", {"userId": ASHA, "isOnline": True, "lastSeen": None}) == []
    assert [j.holds for j in judge_event(CONTRACT, "receiveMessage", (MESSAGE,))] == [True]


def test_further_arguments_and_fields_are_the_backends_choice():
    assert accused("typingStatus", {"senderId": ASHA, "isTyping": True, "x": b"\0"}, 7, b"") == []


@pytest.mark.parametrize("name", ["messageStatusUpdate", "connect", "", "typing", "sendMessage"])
def test_events_that_the_server_does_not_owe_are_not_judged(name):
    assert list(judge_event(CONTRACT, name, ({"anything": 1},))) == []


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("receiveMessage", {}),
        ("receiveMessage", None),
        ("receiveMessage", "hello"),
        ("receiveMessage", b"hello"),
        ("receiveMessage", [MESSAGE]),
        ("receiveMessage", {"success": True, "data": MESSAGE}),
        ("receiveMessage", MESSAGE | {"createdAt": 1767268800000}),
        ("typingStatus", {"senderId": ASHA}),
        ("typingStatus", {"senderId": ASHA, "isTyping": "true"}),
        ("typingStatus", {"senderId": "R2C20251109001", "isTyping": True}),
        ("userStatus", {"userId": ASHA, "isOnline": 1}),
        ("userStatus", {"userId": ASHA, "isOnline": False, "lastSeen": "yesterday"}),
    ],
)
def test_each_wrong_payload_is_a_finding(name, payload):
    assert accused(name, payload) == ["ALL-02"]


def test_an_event_without_a_payload_is_a_finding():
    assert accused("receiveMessage") == ["ALL-02"]


@given(
    st.sampled_from(["receiveMessage", "typingStatus", "userStatus"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
)
def test_whatever_an_event_holds_the_monitors_judge_and_do_not_break(name, payload):
    (judgement,) = judge_event(CONTRACT, name, (payload,))
    assert isinstance(judgement.observed, str)


# Acknowledgements


def acknowledged(name: str, *answers: tuple) -> list[bool]:
    return [j.holds for j in judge_acknowledgements(CONTRACT, name, answers)]


def test_silence_is_right():
    assert acknowledged("sendMessage") == []


@pytest.mark.parametrize(
    ("name", "payload", "right"),
    [
        ("sendMessage", SENT, True),
        ("sendMessage", ERROR, True),
        ("sendMessage", {"success": True, "data": MESSAGE | {"sender": ASHA}}, True),
        ("sendMessage", {"success": True}, False),
        ("sendMessage", MESSAGE, False),
        ("sendMessage", {"success": False}, False),
        ("sendMessage", {"success": False, "message": ""}, False),
        ("sendMessage", "ok", False),
        ("sendMessage", b"ok", False),
        ("sendMessage", None, False),
        ("typing", {"success": True}, True),
        ("typing", ERROR, True),
        ("typing", True, False),
        ("stopTyping", {"success": True}, True),
    ],
)
def test_what_is_acknowledged_has_to_be_valid(name, payload, right):
    assert acknowledged(name, (payload,)) == [True, right]


def test_an_acknowledgement_without_an_argument_is_silence():
    assert acknowledged("sendMessage", ()) == [True]
    assert acknowledged("sendMessage", (), ()) == [False]


def test_two_acknowledgements_are_a_finding():
    assert acknowledged("sendMessage", (SENT,), (SENT,)) == [False, True]


@pytest.mark.parametrize("name", ["receiveMessage", "unknown"])
def test_acknowledgements_of_other_events_are_not_judged(name):
    assert acknowledged(name, ("anything",)) == []


# Statuses (ALL-03)

SENT_, DELIVERED, READ_ = 0, 1, 2


def seen(rank: int, began: float, ended: float, live: bool = False, id: str = "m") -> Sighting:
    return Sighting(id, rank, began, ended, live)


def judged(*sightings: Sighting) -> list[bool]:
    watch = StatusWatch()
    return [watch.judge(sighting).holds for sighting in sightings]


def test_a_status_that_goes_forwards_or_stays_holds():
    assert judged(seen(0, 1, 2), seen(0, 3, 4), seen(1, 5, 6), seen(2, 7, 8)) == [True] * 4


def test_a_status_that_goes_back_is_a_finding_every_time():
    assert judged(seen(2, 1, 2), seen(0, 3, 4), seen(1, 5, 6)) == [True, False, False]


def test_a_status_that_goes_back_says_from_where_to_where():
    watch = StatusWatch()
    watch.judge(seen(2, 1, 2))
    assert watch.judge(seen(1, 3, 4)).observed == "message m went from read to delivered"


def test_answers_that_cross_are_not_compared():
    assert judged(seen(2, 1, 5), seen(0, 4, 6)) == [True, True]
    assert judged(seen(2, 1, 5), seen(0, 5, 6)) == [True, True]


def test_an_event_may_have_waited_and_is_never_the_later_one():
    assert judged(seen(2, 1, 2), seen(0, 9, 9, live=True)) == [True, True]


def test_an_event_may_be_the_earlier_one():
    assert judged(seen(1, 2, 2, live=True), seen(0, 3, 4)) == [True, False]


def test_a_slow_look_at_the_highest_status_hides_no_quicker_one_before_it():
    assert judged(seen(1, 1, 2), seen(2, 1, 20), seen(0, 5, 6)) == [True, True, False]


def test_the_first_time_a_status_was_seen_counts_in_whatever_order_it_is_told():
    assert judged(seen(2, 1, 20), seen(2, 1, 3), seen(0, 5, 6)) == [True, True, False]


def test_messages_are_not_mixed_up():
    assert judged(seen(2, 1, 2, id="a"), seen(0, 3, 4, id="b")) == [True, True]


SIGHTINGS = st.builds(
    lambda rank, began, took, live: seen(rank, began, began + took, live),
    st.integers(0, 2),
    st.integers(0, 20),
    st.integers(0, 5),
    st.booleans(),
)


@given(st.lists(SIGHTINGS, max_size=12))
def test_the_watch_says_what_a_comparison_of_all_pairs_says(told):
    told = sorted(told, key=lambda sighting: sighting.ended)
    expected = [
        now.live or not any(b.ended < now.began and b.rank > now.rank for b in told[:index])
        for index, now in enumerate(told)
    ]
    assert judged(*told) == expected


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 5)), min_size=1, max_size=8))
def test_a_backend_whose_statuses_only_rise_is_never_accused(looks):
    """The true status at any moment is what a look returns that the backend served then."""

    def status_at(time: float) -> int:
        return 0 if time < 7 else 1 if time < 14 else 2

    sightings = [seen(status_at(began + took / 2), began, began + took) for began, took in looks]
    assert all(judged(*sorted(sightings, key=lambda sighting: sighting.ended)))


def test_sightings_are_read_from_every_answer_that_holds_messages():
    assert [s.rank for s in sightings(exchange())] == [0]
    assert [s.id for s in sightings(exchange(201, SENT, SEND))] == [MESSAGE["_id"]]
    assert [s.id for s in sightings(exchange(201, MESSAGE, SEND))] == [MESSAGE["_id"]]
    (sighting,) = sightings(exchange(started=100.0, elapsed=0.5))
    assert (sighting.began, sighting.ended, sighting.live) == (100.0, 100.5, False)


@pytest.mark.parametrize(
    "given",
    [
        exchange(404, ERROR),
        exchange(None, raw=b""),
        exchange(raw=b"hello"),
        exchange(body={"success": True, "data": [7, None, "x", {}]}),
        exchange(body={"success": True, "data": [MESSAGE | {"status": "seen"}]}),
        exchange(body={"success": True, "data": [MESSAGE | {"status": ["read"]}]}),
        exchange(body={"success": True, "data": {"_id": ASHA, "isPinned": True}}),
    ],
)
def test_where_there_is_no_message_with_a_status_there_is_no_sighting(given):
    assert list(sightings(given)) == []


@pytest.mark.parametrize(
    ("payload", "place", "told"),
    [
        (
            {"userId": ASHA, "isOnline": False},
            ": isOnline or lastSeen is missing or wrong",
            "isOnline: false is not one of true, and lastSeen is missing",
        ),
        ({"isOnline": True}, ": userId is missing", "userId is missing"),
        ({"userId": 5, "isOnline": True}, " at /userId", "/userId: 5 is not of type"),
        (5, " at its top", 'userStatus: 5 is not of type "object"'),
    ],
)
def test_what_does_not_fit_is_named_by_the_member_that_is_missing_or_wrong(payload, place, told):
    (judgement,) = judge_event(CONTRACT, "userStatus", (payload,))
    assert judgement.summary == f"The payload of userStatus does not fit its schema{place}"
    assert told in judgement.observed
    assert "anyOf" not in judgement.observed


def test_one_of_several_forms_is_told_without_a_member_where_they_are_of_different_types():
    (judgement,) = judge_event(CONTRACT, "receiveMessage", (MESSAGE | {"sender": 5},))
    assert judgement.summary.endswith("does not fit its schema at /sender")
    assert '/sender: 5 is not of type "string", and 5 is not of type "object"' in judgement.observed
    assert judgement.cause == "the form of sender"


# Words


def test_an_answer_is_described_in_one_line():
    assert described(exchange(404, ERROR)) == f"404 {json.dumps(ERROR)}"
    assert described(exchange(404, raw=b"")) == "404 (no body)"
    assert described(exchange(None, raw=b"")) == "no answer: timed out after 10 s"
    assert described(exchange(200, raw=b"a\r\n b\xff")) == "200 a b\ufffd"


def test_a_long_text_is_cut_and_says_how_long_it_was():
    assert shortened("x" * 301) == "x" * 300 + "… (301 characters)"
    assert shortened("x" * 300) == "x" * 300


def test_any_value_can_be_shown_short():
    assert short({"a": b"\x00"}) == '{"a": "binary 00"}'
    assert short(float("nan")) == "NaN"
    assert short("ü") == '"ü"'
