from typing import Any

import pytest

from contract import load
from reference_server.errors import Invalid
from reference_server.payloads import decode, encode, expected, require

REQUEST = load().operations["sendMessage"].request
CONTENT = "a text, an attachment or both, and whom it is for. Unknown fields are ignored."
BEN = "60d0fe4f5311236168a109cb"


def test_unicode_survives_a_round_trip() -> None:
    text = '👩‍👩‍👧 e\u0301 עברית \n "<script>" \\ \u2028'
    assert decode(encode({"text": text})) == {"text": text}


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"{", b"\xff", b"[NaN]", b"-Infinity", b"[" * 100_000, b"1" * 10_000, b'{"a":1}x'],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        decode(body)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "recipientId is missing."),
        ({"recipientId": 5, "text": "x"}, "recipientId is not valid: the recipient's ObjectId."),
        ({"recipientId": BEN, "text": 5}, "text is not valid: a text is expected."),
        (
            {"recipientId": BEN, "attachment": {"type": "gif", "url": "u"}},
            "attachment.type is not valid: one of image, video, file is expected.",
        ),
        ({"recipientId": BEN, "attachment": {"type": "image"}}, "attachment.url is missing."),
        (
            {"recipientId": BEN, "attachment": {"type": "image", "url": ""}},
            "attachment.url is not valid: a text of 1 or more characters is expected.",
        ),
        ({"recipientId": BEN}, f"The body is not valid: {CONTENT}"),
        ("Hello!", f"The body must be a JSON object: {CONTENT}"),
        (None, f"The body must be a JSON object: {CONTENT}"),
    ],
)
def test_a_violation_is_explained_in_words_of_the_document(value: Any, message: str) -> None:
    assert REQUEST is not None
    with pytest.raises(Invalid) as refused:
        require(REQUEST, value)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "a whole number is expected."),
        ({"minimum": 0}, "a whole number of 0 or more is expected."),
        ({"maximum": 0}, "a whole number of 0 or less is expected."),
        ({"minimum": 1, "maximum": 100}, "a whole number from 1 to 100 is expected."),
    ],
)
def test_the_bounds_of_a_number_are_named(bounds: Any, words: str) -> None:
    assert expected({"type": "integer", **bounds}) == words


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value", [b"bytes", {"recipientId": BEN, "text": b"x"}, {"recipientId": nested(5000)}, 10**400]
)
def test_what_no_schema_can_look_at_is_refused_like_the_rest(value: Any) -> None:
    assert REQUEST is not None
    with pytest.raises(Invalid):
        require(REQUEST, value)


def test_what_stands_deep_in_an_unknown_field_is_ignored() -> None:
    assert REQUEST is not None
    require(REQUEST, {"recipientId": BEN, "text": "x", "more": [nested(5000), 10**400, b"x"]})


def test_bytes_that_are_no_utf8_are_called_so() -> None:
    with pytest.raises(Invalid, match="not valid UTF-8"):
        decode(b"\xff")


def test_a_whole_number_of_any_length_is_encoded_as_it_is():
    assert encode({"count": 2**70}) == b'{"count":1180591620717411303424}'


@pytest.mark.parametrize("value", [{"text": "\ud800"}, {"text": object()}])
def test_what_no_json_can_say_is_not_encoded(value):
    with pytest.raises((TypeError, ValueError)):
        encode(value)
