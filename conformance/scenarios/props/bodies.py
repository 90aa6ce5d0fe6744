"""Bodies that a backend has to refuse, ids that are none, and texts that it has to keep.

What is left to the backend by a decision (D2, D4, D5, D9) stands nowhere here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

ATTACHMENT_TYPES = ("image", "video", "file")
FLAGS = ("isPinned", "isBlocked", "isFavorite")
WILDCARDS = "?.%_*"
"""What stands for any letter in some search or other: globs, regular expressions, SQL's LIKE."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A body that is answered 400, and the requirement that says so."""

    requirement: str
    flaw: str
    """What is wrong, as the end of `a message with …`; the same in every run."""
    body: Any


def attachment(name: str, type: str = "image") -> dict[str, str]:
    """A valid attachment whose address contains `name`, lower-case letters and digits."""
    return {"type": type, "url": f"https://cdn.example/Conformance/{name}.BIN?Key=aB%2Fc"}


def malformed_ids(real: str) -> Iterator[tuple[str, str]]:
    """Strings that are no ObjectId, each with its name; `real` is the id of a user."""
    yield "the literal text of a route parameter", ":otherUserId"
    yield "the word undefined", "undefined"
    yield "the word null", "null"
    yield "12 letters", "abcdefghijkl"
    yield "23 hex digits", real[:-1]
    yield "25 hex digits", f"{real}0"
    yield "24 letters that are no hex digits", "ghijklmnopqrstuvwxyzghij"
    yield "an ObjectId with one letter that is no hex digit", f"{real[:-1]}g"
    for wildcard in WILDCARDS:
        yield f"an ObjectId whose last digit is {wildcard}", f"{real[:-1]}{wildcard}"
    yield "a number", "1"
    yield "a query object", '{"$ne":null}'


def _wrong_recipients(real: str) -> Iterator[tuple[str, Any]]:
    for name, value in malformed_ids(real):
        yield f"a recipientId that is {name}", value
    yield "an empty recipientId", ""
    yield "a recipientId of null", None
    yield "a recipientId that is a JSON number", 1_730_000_000
    yield "a recipientId that is a boolean", True
    yield "a recipientId that is an empty array", []
    yield "a recipientId that is an array with a real id", [real]
    yield "a recipientId that is an empty object", {}
    yield "a recipientId that is the query object $ne", {"$ne": None}
    yield "a recipientId that is the query object $gt", {"$gt": ""}
    yield "a recipientId that is the query object $in", {"$in": [real]}
    yield "a recipientId that is an object with a real _id", {"_id": real}


def _wrong_attachments(mark: Callable[[], str]) -> Iterator[tuple[str, Any]]:
    good = attachment("a")
    yield "an attachment of unknown type", good | {"type": "audio"}
    yield "an attachment whose type is in capitals", good | {"type": "IMAGE"}
    yield "an attachment with an empty type", good | {"type": ""}
    yield "an attachment whose type is null", good | {"type": None}
    yield "an attachment whose type is a number", good | {"type": 1}
    yield "an attachment whose type is an array", good | {"type": ["image"]}
    yield "an attachment without a type", {"url": good["url"]}
    yield "an attachment without a url", {"type": "image"}
    yield "an attachment whose url is null", {"type": "image", "url": None}
    yield "an attachment whose url is a number", {"type": "image", "url": 5}
    yield "an attachment whose url is an object", {"type": "image", "url": {"$ne": None}}
    yield "an attachment that is an empty object", {}
    yield "an attachment that is a string", f"https://cdn.example/{mark()}.png"
    yield "an attachment that is an empty string", ""
    yield "an attachment that is an array", [attachment(mark())]
    yield "an attachment that is an empty array", []
    yield "an attachment that is true", True
    yield "an attachment that is the number 0", 0


def _wrong_texts(mark: Callable[[], str]) -> Iterator[tuple[str, Any]]:
    yield "a text that is a number", int(mark())
    yield "a text that is the number 0", 0
    yield "a text that is true", True
    yield "a text that is false", False
    yield "a text that is an empty array", []
    yield "a text that is an array with a string", [mark()]
    yield "a text that is an empty object", {}
    yield "a text that is a query object", {"$gt": mark()}


def wrong_bodies(requirement: str) -> Iterator[Wrong]:
    """JSON bodies that are no object."""
    yield Wrong(requirement, "a body that is an empty array", [])
    yield Wrong(requirement, "a body that is a string", "hello")
    yield Wrong(requirement, "a body that is a number", 5)
    yield Wrong(requirement, "a body that is true", True)
    yield Wrong(requirement, "a body of null", None)


def wrong_messages(recipient: str, mark: Callable[[], str]) -> Iterator[Wrong]:
    """Wrong bodies for `sendMessage`, as request and as event, one flaw each.

    `recipient` is the id of a user. `mark` gives 15 digits that nothing else holds, so that a
    message can be recognised whatever the backend makes of it.
    """
    yield Wrong("SEND-07", "neither text nor attachment", {"recipientId": recipient})
    yield Wrong("SEND-07", "an empty text alone", {"recipientId": recipient, "text": ""})
    yield Wrong("SEND-08", "no recipientId", {"text": mark()})
    for flaw, value in _wrong_recipients(recipient):
        yield Wrong("SEND-08", flaw, {"recipientId": value, "text": mark()})
    for flaw, value in _wrong_attachments(mark):
        body = {"recipientId": recipient, "text": mark(), "attachment": value}
        yield Wrong("SEND-10", flaw, body)
    bad = attachment(mark(), "audio")
    flaw = "an attachment of unknown type and no text"
    yield Wrong("SEND-10", flaw, {"recipientId": recipient, "attachment": bad})
    for flaw, value in _wrong_texts(mark):
        body = {"recipientId": recipient, "text": value, "attachment": attachment(mark())}
        yield Wrong("SEND-11", f"{flaw} beside an attachment", body)
    for flaw, value in _wrong_texts(mark):
        if value:
            yield Wrong("SEND-11", flaw, {"recipientId": recipient, "text": value})
    yield from wrong_bodies("SEND-11")
    whole = [{"recipientId": recipient, "text": mark()}]
    yield Wrong("SEND-11", "a body that is an array with a message", whole)


def wrong_chat_messages(recipient: str, mark: Callable[[], str]) -> Iterator[Wrong]:
    """Wrong bodies for `sendChatMessage`, one flaw each; `recipient` is a public user id."""
    yield Wrong("CHAT-04", "no to", {"message": mark()})
    for flaw, value in (
        ("an empty to", ""),
        ("a to of null", None),
        ("a to that is a number", 20251109001),
        ("a to that is true", True),
        ("a to that is an empty array", []),
        ("a to that is an array with a real id", [recipient]),
        ("a to that is an empty object", {}),
        ("a to that is the query object $ne", {"$ne": None}),
        ("a to that is the query object $gt", {"$gt": ""}),
        ("a to that is the query object $regex", {"$regex": ".*"}),
        ("a to that is an object with a real userId", {"userId": recipient}),
    ):
        yield Wrong("CHAT-04", flaw, {"to": value, "message": mark()})
    yield Wrong("CHAT-04", "no message", {"to": recipient})
    yield Wrong(
        "CHAT-04", "its words in text instead of message", {"to": recipient, "text": mark()}
    )
    for flaw, value in (
        ("an empty message", ""),
        ("a message of null", None),
        ("a message that is a number", int(mark())),
        ("a message that is the number 0", 0),
        ("a message that is true", True),
        ("a message that is false", False),
        ("a message that is an empty array", []),
        ("a message that is an array with a string", [mark()]),
        ("a message that is an object", {"text": mark()}),
    ):
        yield Wrong("CHAT-04", flaw, {"to": recipient, "message": value})
    yield from wrong_bodies("CHAT-04")


def wrong_settings() -> Iterator[Wrong]:
    """Wrong bodies for `updateConversationMetadata`, one flaw each, complete otherwise."""
    good: dict[str, Any] = dict.fromkeys(FLAGS, False)
    value: Any
    for flag in FLAGS:
        for flaw, value in (
            ('the string "true"', "true"),
            ('the string "false"', "false"),
            ("an empty string", ""),
            ("the number 1", 1),
            ("the number 0", 0),
            ("null", None),
            ("an empty array", []),
            ("an empty object", {}),
            ("an array with true", [True]),
        ):
            yield Wrong("META-07", f"{flag} as {flaw}", good | {flag: value})
    for flaw, value in (
        ("a number", 5),
        ("the number 0", 0),
        ("true", True),
        ("false", False),
        ("an empty array", []),
        ("an array with a string", ["tabla-roll"]),
        ("an empty object", {}),
        ("a query object", {"$ne": None}),
    ):
        yield Wrong("META-07", f"customRingtone as {flaw}", good | {"customRingtone": value})
    yield from wrong_bodies("META-07")


TEXTS = (
    "gl\u00fcckliche Gr\u00fc\u00dfe, \u00e0 bient\u00f4t, ni\u00f1o",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    "\u65e5\u672c\u8a9e\u3068\u4e2d\u6587\u548c\ud55c\uad6d\uc5b4",
    "\u0645\u0631\u062d\u0628\u0627 abc \u05e9\u05dc\u05d5\u05dd 123 \u202e\u05d0\u202c end",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 flag \U0001f1ee\U0001f1f3",
    "\U0001f44d\U0001f3fd",
    "old \U00010380\U00010381 and last \U0010fffd plane",
    # The same letter composed and decomposed: a store that normalises makes them equal.
    "caf\u00e9 and cafe\u0301 and \u1e9b\u0323",
    "z\u0351\u036b\u0343\u036a\u0302a\u0300\u0301\u0302\u0303\u0304l\u0334\u0335g\u0360o",
    "first line\nsecond line\r\nthird line\rfourth\n\n\nseventh\ttabbed",
    "<script>alert('hello')</script><b onclick=\"x()\">&amp;&lt;&#39;</b>",
    "she said \"hello\", he said 'hi', `both` \u201csaid\u201d \u2018it\u2019",
    "back\\slash \\n \\u0041 \\x41 \\\\ %20 %00 +1 &a=b;c=d #x ?y",
    "'; DROP TABLE messages; -- \" OR \"1\"=\"1",
    "$where {\"$gt\": \"\"} ${7*7} {{7*7}} #{7*7} <%= 7*7 %> %s %d {0}",
    "two  spaces   and\u00a0one that does not break, zero\u200bwidth, soft\u00adhyphen",
    "null",
    "undefined",
    "true",
    "0",
    "00123.4500",
    "[object Object]",
    "{\"recipientId\": \"x\", \"text\": \"y\"}",
    "2025-11-09T17:31:14.204Z",
    "=1+1",
    "byte order\ufeffmark, line\u2028and paragraph\u2029separators",
    "A" * 500,
)  # fmt: skip
"""Texts that every backend takes (`x-must-accept`) and hands on unchanged (SEND-13)."""
