from dataclasses import replace

import pytest

from conformance.fuzzing.expectation import (
    Kind,
    of_event,
    of_request,
    read,
    says_something,
    sendable,
)
from conformance.fuzzing.stimulus import ABSENT, Stimulus
from contract import Clause

from .conftest import ASHA, BEN

NOBODY = "e" * 24
IMAGE = {"type": "image", "url": "https://cdn.example/a/b.jpg"}
FLAGS = {"isPinned": True, "isBlocked": False, "isFavorite": True}


@pytest.fixture
def expect(contract, people):
    """What is expected of an operation: `expect("sendMessage", body, otherUserId=…)`."""

    def of(operation, body=ABSENT, content_type="application/json", **path):
        type_of = None if body is ABSENT else content_type
        stimulus = Stimulus(operation, body, path, type_of)
        return of_request(contract, contract.operations[operation], stimulus, people)

    return of


@pytest.fixture
def emit(contract, people):
    """What is expected of an event: `emit("sendMessage", payload, further, arguments)`."""

    def of(event, body=ABSENT, *extra):
        return of_event(
            contract, contract.events[event], Stimulus(event, body, extra=extra), people
        )

    return of


def to_ben(**body):
    return {"recipientId": BEN.id, **body}


# What has to be taken


@pytest.mark.parametrize(
    "body",
    [
        to_ben(text="hello"),
        to_ben(text="\U0001f3b5 \u05e9\u05dc\u05d5\u05dd <script>"),
        to_ben(text="hello", attachment=IMAGE),
        to_ben(text="", attachment=IMAGE),
        to_ben(attachment=IMAGE),
        {"recipientId": BEN.id.upper(), "text": "hello"},
        to_ben(text="hello", unknown=5, more={"a": [1, None]}),
    ],
)
def test_a_valid_message_has_to_be_answered_201(expect, body):
    expectation = expect("sendMessage", body)
    assert (expectation.kind, expectation.requirement) == (Kind.TAKEN, "SEND-01")
    assert expectation.fair == {201}
    assert expectation.level == "must"


def test_a_valid_chat_message_a_history_and_settings_have_to_be_taken(expect):
    chat = expect("sendChatMessage", {"to": BEN.public_id, "message": "hello"})
    history = expect("listMessages", otherUserId=BEN.id)
    settings = expect("updateConversationMetadata", FLAGS, otherUserId=BEN.id)
    assert [(each.kind, each.requirement, each.fair) for each in (chat, history, settings)] == [
        (Kind.TAKEN, "CHAT-01", {201}),
        (Kind.TAKEN, "HIST-01", {200}),
        (Kind.TAKEN, "META-01", {200}),
    ]


# What has to be refused


@pytest.mark.parametrize(
    ("body", "requirement"),
    [
        (to_ben(), "SEND-07"),
        (to_ben(text=""), "SEND-07"),
        ({"text": "hello"}, "SEND-08"),
        ({"recipientId": None, "text": "hello"}, "SEND-08"),
        ({"recipientId": {"$ne": None}, "text": "hello"}, "SEND-08"),
        ({"recipientId": BEN.id + "*", "text": "hello"}, "SEND-08"),
        ({"recipientId": "123456789012", "text": "hello"}, "SEND-08"),
        (to_ben(text="hello", attachment=5), "SEND-10"),
        (to_ben(text="hello", attachment={"type": "image"}), "SEND-10"),
        (to_ben(text="hello", attachment={"url": "u"}), "SEND-10"),
        (to_ben(text="hello", attachment={"type": "gif", "url": "u"}), "SEND-10"),
        (to_ben(text=5), "SEND-11"),
        (to_ben(text=["a"]), "SEND-11"),
        (None, "SEND-11"),
        ([to_ben(text="hello")], "SEND-11"),
        ("text", "SEND-11"),
        (b"\x00", "ERR-02"),
        (b'{"recipientId": ', "ERR-02"),
        (b"\xff\xfe", "ERR-02"),
        (b"[1]", "SEND-11"),
        (b"\xef\xbb\xbf[]", "ERR-02"),
    ],
)
def test_an_invalid_message_has_to_be_answered_400(expect, body, requirement):
    expectation = expect("sendMessage", body)
    assert (expectation.kind, expectation.requirement) == (Kind.REFUSED, requirement)
    assert expectation.fair == {400}


@pytest.mark.parametrize(
    "body",
    [{}, {"to": BEN.public_id}, {"to": 5, "message": "m"}, {"to": BEN.public_id, "message": ""}],
)
def test_an_invalid_chat_message_has_to_be_answered_400(expect, body):
    expectation = expect("sendChatMessage", body)
    assert (expectation.requirement, expectation.fair) == ("CHAT-04", {400})


@pytest.mark.parametrize("value", ["true", 1, 0, None, [], {}])
def test_a_flag_that_is_no_boolean_has_to_be_answered_400(expect, value):
    body = {**FLAGS, "isPinned": value}
    expectation = expect("updateConversationMetadata", body, otherUserId=BEN.id)
    assert (expectation.requirement, expectation.fair) == ("META-07", {400})


def test_an_id_in_the_path_that_is_none_is_blamed_on_its_own_requirement(expect):
    history = expect("listMessages", otherUserId="nobody")
    settings = expect("updateConversationMetadata", FLAGS, otherUserId="nobody")
    assert (history.requirement, history.level, history.fair) == ("HIST-05", "must", {400})
    assert (settings.requirement, settings.level, settings.fair) == ("META-06", "must", {400})


def test_a_missing_body_may_also_be_a_wrong_media_type(expect):
    expectation = expect("sendMessage")
    assert (expectation.kind, expectation.fair) == (Kind.REFUSED, {400, 415})


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data"])
def test_another_media_type_should_be_refused(expect, content_type):
    expectation = expect("sendMessage", to_ben(text="hello"), content_type)
    assert (expectation.requirement, expectation.level) == ("ERR-06", "should")
    assert expectation.fair == {400, 415}


def test_with_an_unknown_user_404_is_fair_for_an_invalid_body_too(expect):
    expectation = expect("sendMessage", {"recipientId": NOBODY, "text": 5})
    assert expectation.fair == {400, 404}
    expectation = expect("updateConversationMetadata", {"isPinned": 1}, otherUserId=NOBODY)
    assert expectation.fair == {400, 404}


def test_what_is_wrong_is_told_with_values_in_the_detail_alone(expect):
    expectation = expect("sendMessage", to_ben(text=5))
    assert expectation.reason == "a body whose /text is wrong"
    assert "5" in expectation.detail
    missing = expect("sendMessage", to_ben(text="x", attachment={"type": "image"}))
    assert missing.reason == "a body whose /attachment lacks url"
    assert expect("sendMessage", {"text": "x"}).reason == "a body without recipientId"
    assert expect("sendMessage", 5).reason == "a body that is wrong as a whole"


# Unknown users


def test_an_unknown_recipient_has_to_be_answered_404(expect):
    expectation = expect("sendMessage", {"recipientId": NOBODY, "text": "hello"})
    assert (expectation.kind, expectation.requirement) == (Kind.NOBODY, "SEND-09")
    assert (expectation.level, expectation.fair) == ("must", {404})


def test_an_unknown_public_id_may_also_be_of_the_wrong_shape(expect):
    expectation = expect("sendChatMessage", {"to": "NOBODY1", "message": "hello"})
    assert (expectation.requirement, expectation.fair) == ("CHAT-03", {400, 404})


def test_reading_and_setting_for_an_unknown_user_is_a_should(expect):
    history = expect("listMessages", otherUserId=NOBODY)
    settings = expect("updateConversationMetadata", FLAGS, otherUserId=NOBODY)
    assert (history.requirement, history.level) == ("HIST-06", "should")
    assert (settings.requirement, settings.level) == ("META-06", "should")


def test_the_level_is_the_one_that_the_document_names_whatever_other_clauses_there_are(
    contract, people
):
    known = contract.requirements["META-06"]
    more = replace(known, clauses=(Clause("may", "Something else."), *known.clauses))
    changed = replace(contract, requirements={**contract.requirements, "META-06": more})
    operation = contract.operations["updateConversationMetadata"]
    stimulus = Stimulus(operation.id, FLAGS, {"otherUserId": NOBODY}, "application/json")
    assert of_request(changed, operation, stimulus, people).level == "should"


# The backend's choice


@pytest.mark.parametrize(
    "body",
    [
        {"recipientId": ASHA.id, "text": "hello"},
        {"recipientId": BEN.public_id, "text": "hello"},
        {"recipientId": ASHA.public_id, "text": 5},
        to_ben(text=None),
        to_ben(text="hello", attachment=None),
        to_ben(text=" "),
        to_ben(text=" hello"),
        to_ben(text="nul \x00 inside"),
        to_ben(text="x" * 100_000),
        to_ben(text="hello", attachment={"type": "image", "url": ""}),
        to_ben(text="hello", attachment={"type": "image", "url": "ftp://somewhere/else"}),
        to_ben(text="hello", **{"$where": 1}),
        to_ben(text="hello", __proto__={}),
        to_ben(text="hello", **{"a.b": 1}),
        to_ben(text="hello", **{"": 1}),
        to_ben(text="hello", unknown="\x00"),
        to_ben(text="hello", unknown=10**30),
        to_ben(text="hello", unknown=[[[[[1]]]]]),
        to_ben(text="hello", attachment={**IMAGE, "$gt": 1}),
        {"RecipientId": BEN.id, "text": "hello"},
        to_ben(TEXT=5),
        to_ben(text="hello", attachment={**IMAGE, "type": "gif", "TYPE": "image"}),
        b'\xef\xbb\xbf{"recipientId": "%s", "text": "hello"}' % BEN.id.encode(),
        b'{"recipientId": "%s", "text": "\xff"}' % BEN.id.encode(),
        b'{"recipientId": "%s", "text": "hello", "n": NaN}' % BEN.id.encode(),
    ],
)
def test_what_decisions_leave_to_the_backend_is_not_judged(expect, body):
    assert expect("sendMessage", body).kind is Kind.FREE


@pytest.mark.parametrize(
    "body", [ABSENT, b"", b" \n", {}, {"isPinned": True}, {**FLAGS, "customRingtone": None}]
)
def test_empty_and_partial_settings_are_not_judged(expect, body):
    assert expect("updateConversationMetadata", body, otherUserId=BEN.id).kind is Kind.FREE


def test_a_public_id_as_object_id_and_the_other_way_round_is_not_judged(expect):
    assert expect("listMessages", otherUserId=BEN.public_id).kind is Kind.FREE
    assert expect("sendChatMessage", {"to": BEN.id, "message": "m"}).kind is Kind.FREE
    assert expect("listMessages", otherUserId=ASHA.id).kind is Kind.FREE


# What is sent at all


@pytest.mark.parametrize(
    "segment", ["0", "nobody", "{}", "a b", "\u05e9", "'or 1=1", "~", "$ne", "a.b"]
)
def test_plain_segments_are_sent(contract, segment):
    stimulus = Stimulus("listMessages", path={"otherUserId": segment})
    assert sendable(contract.operations["listMessages"], stimulus)


@pytest.mark.parametrize(
    "segment",
    ["", ".", "..", "...", ". .", "a/b", "a\\b", "a?b", "a#b", "%2e", "a;b", "a\tb", "\x00", "\x7f",
     "\x84", "a\u2028", "x" * 300, "send"],
)  # fmt: skip
def test_segments_that_servers_rewrite_are_not(contract, segment):
    stimulus = Stimulus("listMessages", path={"otherUserId": segment})
    assert not sendable(contract.operations["listMessages"], stimulus)


# Events


@pytest.mark.parametrize(
    ("event", "payload", "requirement"),
    [
        ("sendMessage", to_ben(text="hello"), "MSG-01"),
        ("typing", to_ben(), "TYPE-01"),
        ("stopTyping", to_ben(unknown=1), "TYPE-01"),
    ],
)
def test_a_valid_payload_has_to_be_taken(emit, event, payload, requirement):
    expectation = emit(event, payload)
    assert (expectation.kind, expectation.requirement) == (Kind.TAKEN, requirement)


@pytest.mark.parametrize("event", ["sendMessage", "typing", "stopTyping"])
@pytest.mark.parametrize(
    "payload",
    [ABSENT, None, 5, True, "text", [], [to_ben(text="x")], {}, b"\x00", {"recipientId": None},
     {"recipientId": {"$ne": None}, "text": "x"}, {"recipientId": "nobody", "text": "x"}],
)  # fmt: skip
def test_an_invalid_payload_has_to_be_refused(emit, event, payload):
    expectation = emit(event, payload)
    assert expectation.kind is Kind.REFUSED
    assert expectation.requirement == ("MSG-06" if event == "sendMessage" else "TYPE-03")
    assert emit(event, payload, 1, {}).kind is Kind.REFUSED


@pytest.mark.parametrize(
    "payload",
    [
        to_ben(),
        to_ben(text=""),
        to_ben(text=5),
        to_ben(text="x", attachment={"type": "gif", "url": "u"}),
    ],
)
def test_payloads_are_refused_as_rest_refuses_the_body(emit, payload):
    assert emit("sendMessage", payload).requirement == "MSG-06"


@pytest.mark.parametrize(
    ("event", "requirement"),
    [("sendMessage", "MSG-08"), ("typing", "TYPE-03"), ("stopTyping", "TYPE-03")],
)
def test_a_payload_to_nobody_may_have_no_effect(emit, event, requirement):
    expectation = emit(event, {"recipientId": NOBODY, "text": "hello"})
    assert (expectation.kind, expectation.requirement) == (Kind.NOBODY, requirement)


@pytest.mark.parametrize(
    ("payload", "extra"),
    [
        (to_ben(text="hello"), (1,)),
        ({"recipientId": ASHA.id, "text": "hello"}, ()),
        ({"recipientId": BEN.public_id, "text": "hello"}, ()),
        (to_ben(text=" "), ()),
        (to_ben(text=None), ()),
        ({"RECIPIENTID": BEN.id, "text": "hello"}, ()),
        (to_ben(text="hello", **{"$where": 1}), ()),
    ],
)
def test_further_arguments_and_choices_are_not_judged(emit, payload, extra):
    assert emit("sendMessage", payload, *extra).kind is Kind.FREE


# Reading bodies


@pytest.mark.parametrize(
    ("body", "value", "beyond_dispute"),
    [
        ({"a": 1}, {"a": 1}, True),
        (None, None, True),
        (b'{"a": 1}', {"a": 1}, True),
        (b"0\x00", ABSENT, False),
        (b"NaN", None, False),
        (b'"\xff"', "\ufffd", False),
        (b"\xef\xbb\xbf1", 1, False),
        (b"", ABSENT, False),
    ],
)
def test_bytes_are_read_strictly_then_leniently(body, value, beyond_dispute):
    found, certain = read(body)
    assert certain is beyond_dispute
    assert found == value or found != found


PICTURE = {"type": "image", "url": "https://cdn.example/a.png"}


@pytest.mark.parametrize(
    "body",
    [
        {"text": None},
        {"text": " \t"},
        {"text": "\u200b\ufeff"},
        {"message": "\n"},
        {"text": "hello", "attachment": {**PICTURE, "url": ""}},
    ],
)
def test_what_a_trimming_backend_would_keep_as_nothing_is_not_sent(body: object) -> None:
    assert not says_something(body)


@pytest.mark.parametrize(
    "body",
    [
        {"text": "x"},
        {"text": " x "},
        {"text": None, "attachment": PICTURE},
        {"text": " ", "attachment": PICTURE},
        {"text": ""},
        {"text": 5},
        {},
        [],
        None,
        b"\xff",
    ],
)
def test_everything_else_is_sent(body: object) -> None:
    assert says_something(body)
