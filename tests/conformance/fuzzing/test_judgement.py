import json

import pytest

from conformance.fuzzing.expectation import FREE, of_request
from conformance.fuzzing.judgement import LONGEST, answered, echo, judge, quoted
from conformance.fuzzing.stimulus import ABSENT, Stimulus
from conformance.wire.http import Exchange

from .conftest import ASHA, BEN, CHITRA

MESSAGE = {
    "_id": "6910a1f25311236168a20b11",
    "conversationId": "6910a1f25311236168a20a07",
    "sender": ASHA.id,
    "recipient": BEN.id,
    "text": "hello",
    "status": "sent",
    "createdAt": "2025-11-09T17:31:14.204Z",
}
JSON = "application/json"
HELLO = Stimulus("sendMessage", {"recipientId": BEN.id, "text": "hello"}, content_type=JSON)
NUMBER = Stimulus(
    "sendMessage",
    {"recipientId": BEN.id, "text": 5},
    content_type=JSON,
    origin="Schemathesis, coverage, negative: text: Incorrect type",
)


def exchange(status, body=None, error=None):
    content = b"" if body is None else json.dumps(body).encode()
    return Exchange(
        "sendMessage",
        "Asha",
        "POST",
        "http://127.0.0.1/",
        {},
        b"",
        status,
        {},
        content,
        error,
        0.0,
        0.1,
    )


@pytest.fixture
def judged(contract, people):
    def of(stimulus, answer):
        operation = contract.operations[stimulus.operation]
        expectation = of_request(contract, operation, stimulus, people)
        return judge(operation, stimulus, expectation, answer)

    return of


def test_the_documented_answer_keeps_the_requirement(judged):
    assert judged(HELLO, exchange(201)).holds
    assert judged(NUMBER, exchange(400)).requirement == "SEND-11"
    assert judged(NUMBER, exchange(400)).holds


@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 403, 404])
def test_another_answer_to_a_valid_message_breaks_it(judged, status):
    judgement = judged(HELLO, exchange(status, {"success": False, "message": "no"}))
    assert (judgement.requirement, judgement.holds, judgement.level) == ("SEND-01", False, "must")
    assert judgement.summary == f"POST /api/messages/send: valid input is answered {status}"


@pytest.mark.parametrize("status", [200, 201, 204, 302, 401, 403, 404])
def test_an_invalid_message_that_is_not_answered_400_breaks_it(judged, status):
    judgement = judged(NUMBER, exchange(status))
    assert (judgement.requirement, judgement.holds) == ("SEND-11", False)


@pytest.mark.parametrize("stimulus", [HELLO, NUMBER])
@pytest.mark.parametrize("status", [500, 503, 429, 418, 409, 422])
def test_what_monitors_judge_and_requests_to_slow_down_say_nothing_here(judged, stimulus, status):
    assert judged(stimulus, exchange(status)) is None


@pytest.mark.parametrize("status", [200, 400, 404, 500, None])
def test_where_the_backend_is_free_nothing_is_judged(contract, status):
    assert judge(contract.operations["sendMessage"], HELLO, FREE, exchange(status)) is None


def test_no_answer_is_no_refusal(judged):
    judgement = judged(NUMBER, exchange(None, error="the connection was reset"))
    assert (judgement.requirement, judgement.holds) == ("SEND-11", False)
    assert judgement.summary.endswith("is left without an answer")
    assert judgement.observed == "no answer: the connection was reset"


def test_a_judgement_says_why_and_quotes_what_schemathesis_says(judged):
    judgement = judged(NUMBER, exchange(201, {"success": True}))
    assert "5 is not of type" in judgement.expected
    assert "Schemathesis, coverage, negative: text: Incorrect type" in judgement.expected
    assert judgement.observed == '201 {"success": true}'


def test_summaries_hold_no_generated_value(judged):
    other = Stimulus("sendMessage", {"recipientId": CHITRA.id, "text": [77]}, content_type=JSON)
    summaries = {judged(stimulus, exchange(201)).summary for stimulus in (NUMBER, other)}
    assert summaries == {"POST /api/messages/send: a body whose /text is wrong is answered 201"}


# What the answer shows


def shows(contract, people, stimulus, data, envelope=True):
    body = {"success": True, "data": data} if envelope else data
    operation = contract.operations[stimulus.operation]
    return list(echo(operation, stimulus, exchange(201, body), people))


def broken(judgements):
    return [each.requirement for each in judgements if not each.holds]


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        {**MESSAGE, "sender": {"_id": ASHA.id.upper(), "name": "Asha"}},
        {**MESSAGE, "recipient": {"_id": BEN.id, "name": "Ben"}, "attachment": None},
    ],
)
@pytest.mark.parametrize("envelope", [True, False])
def test_an_answer_that_shows_what_was_sent_keeps_all(contract, people, message, envelope):
    judgements = shows(contract, people, HELLO, message, envelope)
    assert len(judgements) == 4
    assert broken(judgements) == []


@pytest.mark.parametrize(
    ("change", "requirement"),
    [
        ({"text": "hello "}, "SEND-02"),
        ({"text": None}, "SEND-02"),
        ({"sender": BEN.id}, "SEND-02"),
        ({"recipient": CHITRA.id}, "SEND-02"),
        ({"recipient": None}, "SEND-02"),
        ({"attachment": {"type": "image", "url": "u"}}, "SEND-02"),
    ],
)
def test_an_answer_that_shows_something_else_breaks_it(contract, people, change, requirement):
    assert broken(shows(contract, people, HELLO, {**MESSAGE, **change})) == [requirement]


def test_text_beyond_ascii_has_a_requirement_of_its_own(contract, people):
    song = Stimulus("sendMessage", {"recipientId": BEN.id, "text": "\U0001f3b5"})
    assert broken(shows(contract, people, song, {**MESSAGE, "text": "?"})) == ["SEND-13"]


@pytest.mark.parametrize("shown", ["", None, ABSENT])
def test_beside_an_attachment_an_empty_text_may_be_empty_null_or_absent(contract, people, shown):
    image = {"type": "image", "url": "https://cdn.example/a.jpg"}
    sent = Stimulus(
        "sendMessage", {"recipientId": BEN.id, "text": "", "attachment": {**image, "size": 5}}
    )
    message = {**MESSAGE, "attachment": image, "text": shown}
    if shown is ABSENT:
        del message["text"]
    assert broken(shows(contract, people, sent, message)) == []
    assert broken(shows(contract, people, sent, {**message, "attachment": None})) == ["SEND-02"]


def test_a_chat_message_is_compared_by_the_user_that_it_names(contract, people):
    chat = Stimulus("sendChatMessage", {"to": BEN.public_id, "message": "hello"})
    assert broken(shows(contract, people, chat, MESSAGE)) == []
    assert broken(shows(contract, people, chat, {**MESSAGE, "recipient": CHITRA.id})) == ["CHAT-02"]


def test_settings_are_shown_as_they_were_sent_true_and_false_alike(contract, people):
    body = {"isPinned": True, "isBlocked": False, "isFavorite": True, "customRingtone": "bell"}
    update = Stimulus("updateConversationMetadata", body, {"otherUserId": BEN.id})
    assert broken(shows(contract, people, update, body)) == []
    # A flag of another form is the schema's affair, which every answer is held against.
    assert broken(shows(contract, people, update, {**body, "isPinned": 1})) == []
    for wrong in ({"isPinned": False}, {"isBlocked": None}, {"customRingtone": None}):
        assert broken(shows(contract, people, update, {**body, **wrong})) == ["META-02"]


@pytest.mark.parametrize(
    "answer", [None, [], "text", {"success": True, "data": []}, {"success": True}]
)
def test_answers_of_another_shape_are_left_to_the_monitors(contract, people, answer):
    operation = contract.operations["listMessages"]
    assert list(echo(operation, HELLO, exchange(201, answer), people)) == []


def test_long_values_are_cut():
    assert len(quoted("x" * 5000)) < LONGEST + 40
    assert len(answered(exchange(200, "x" * 5000))) < LONGEST + 60
