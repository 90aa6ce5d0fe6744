"""Messages as the decisions read them, whatever a backend sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.judging import messages
from conformance.wire.http import Exchange

ASHA, BEN = "60d0fe4f5311236168a109ca", "60d0fe4f5311236168a109cb"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["_id", "sender", "text", "attachment", "status", "data", "success"])
            | st.text(),
            inner,
        )
    ),
    max_leaves=8,
)


def test_ids_are_equal_regardless_of_letter_case_and_nothing_else_is():
    assert messages.same_id(ASHA, ASHA.upper())
    assert not messages.same_id(ASHA, BEN)
    assert not messages.same_id(None, None)
    assert not messages.same_id({"_id": ASHA}, ASHA)


@pytest.mark.parametrize(
    ("reference", "id"),
    [
        (ASHA, ASHA),
        (ASHA.upper(), ASHA),
        ({"_id": ASHA.upper(), "name": "Asha"}, ASHA),
        ({"name": "Asha"}, None),
        ({"_id": {"$oid": ASHA}}, ASHA),
        ({"$oid": ASHA}, ASHA),
        (7, "7"),
        (True, None),
        (None, None),
        ([ASHA], None),
    ],
)
def test_a_user_may_be_an_id_or_a_reference(reference, id):
    assert messages.user_id(reference) == id


def test_the_id_of_a_conversation_may_be_populated_like_a_users():
    assert messages.conversation_id({"conversationId": {"_id": ASHA.upper()}}) == ASHA
    assert messages.conversation_id({"conversationId": ASHA}) == ASHA
    assert messages.conversation_id({}) is None


def test_absent_and_null_attachments_are_the_same_and_an_empty_object_is_not():
    assert messages.attachment({}) == messages.attachment({"attachment": None}) is None
    assert messages.attachment({"attachment": {}}) is not None
    assert messages.attachment({"attachment": {"type": "image", "url": "u", "size": 3}}) == (
        "image",
        "u",
    )


def test_empty_null_and_absent_texts_are_the_same():
    assert messages.text({}) == messages.text({"text": None}) == messages.text({"text": ""}) == ""
    assert messages.text({"text": " a "}) == " a "


def test_what_a_message_says_does_not_depend_on_its_form():
    populated = {
        "sender": {"_id": ASHA, "name": "Asha"},
        "recipient": {"_id": BEN.upper(), "name": "Ben"},
        "text": "hello",
        "attachment": None,
    }
    bare = {"sender": ASHA.upper(), "recipient": BEN, "text": "hello"}
    assert messages.content(populated) == messages.content(bare) == (ASHA, BEN, "hello", None)


def test_statuses_have_their_order():
    assert [messages.status_rank({"status": s}) for s in ("sent", "delivered", "read")] == [0, 1, 2]
    for other in ("seen", "SENT", None, 1, ["sent"], {"sent": 1}):
        assert messages.status_rank({"status": other}) is None
    assert messages.status_rank("sent") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t00:00:00z", 0.0),
        ("1970-01-01T01:00:00.5+01:00", 0.5),
        ("1970-01-01 00:00:01+00:00", 1.0),
        ("1969-12-31T23:59:59.123456789Z", -0.876544),
        ("0001-01-01T00:00:00+23:59", -62135683140.0),
        ("9999-12-31T23:59:59-23:59", 253402387139.0),
    ],
)
def test_a_time_with_an_offset_is_a_moment(text, seconds):
    assert messages.moment(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "value", ["1970-01-01T00:00:00", "1970-01-01", "yesterday", "", None, 0, 1767268800000, {}, []]
)
def test_what_has_no_offset_or_is_no_time_is_no_moment(value):
    assert messages.moment(value) is None


def test_an_envelope_is_taken_off_where_there_is_one():
    assert messages.unwrapped({"success": True, "data": [1], "message": "OK"}) == [1]
    assert messages.unwrapped({"success": True, "data": None}) is None
    bare = {"_id": ASHA, "data": "a field of its own"}
    assert messages.unwrapped(bare) is bare
    assert messages.unwrapped([1]) == [1]


def answer(status: int | None, body: object) -> Exchange:
    content = json.dumps(body).encode()
    return Exchange(None, None, "POST", "http://h/", {}, None, status, {}, content, None, 0, 0)


def test_a_message_that_was_taken_is_one_whatever_the_status_of_success():
    message = {"_id": ASHA}
    assert messages.new_message(answer(200, {"success": True, "data": message})) == message
    assert messages.new_message(answer(201, message)) == message
    assert messages.new_message(answer(400, message)) is None
    assert messages.new_message(answer(201, {"success": True, "data": {}})) is None
    assert messages.new_message(answer(200, [message])) is None


def test_messages_without_an_id_are_left_out_of_those_by_id():
    one = {"_id": ASHA.upper()}
    assert messages.by_id([one, {}, None, "x", {"_id": None}]) == {ASHA: one}


@given(JSON)
def test_nothing_that_a_backend_sends_breaks_a_reader(value):
    for read in (
        messages.user_id,
        messages.message_id,
        messages.conversation_id,
        messages.attachment,
        messages.text,
        messages.content,
        messages.status_rank,
        messages.moment,
        messages.unwrapped,
    ):
        read(value)
    messages.by_id([value])
