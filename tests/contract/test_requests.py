"""What every backend has to take, what every one has to refuse, and what is its own choice."""

from typing import Any

import pytest

from contract import Contract, Request

ID = "60d0fe4f5311236168a109cb"
PICTURE = {"type": "image", "url": "https://cdn.example/picture.png"}
TAKEN, FREE = "taken", "free"


def zone(request: Request, body: Any) -> str:
    """`taken`, `free`, or the requirement that is broken when the body is accepted."""
    violations = request.may_accept.violations(body)
    if violations:
        assert not request.must_accept.accepts(body), "taken by all and refused by all"
        return violations[0].requirement or "refused"
    return TAKEN if request.must_accept.accepts(body) else FREE


def message(**fields: Any) -> dict[str, Any]:
    return {"recipientId": ID, **fields}


MESSAGES: list[tuple[Any, str]] = [
    (message(text="Hello"), TAKEN),
    (message(text="x"), TAKEN),
    (message(text="x" * 500), TAKEN),
    (message(text="two\nlines\tand \u0645\u0631\u062d\u0628\u0627 e\u0301 \U0001f600"), TAKEN),
    (message(text='<script>alert("1")</script> \' $ne'), TAKEN),
    ({"recipientId": ID.upper(), "text": "Hello"}, TAKEN),
    (message(text="Hello", attachment=PICTURE), TAKEN),
    (message(text="", attachment=PICTURE), TAKEN),
    (message(attachment=PICTURE), TAKEN),
    (message(attachment={**PICTURE, "type": "video"}), TAKEN),
    (message(attachment={**PICTURE, "type": "file"}), TAKEN),
    (message(text="Hello", unknown=5), TAKEN),
    # D4: null and an empty url
    (message(text=None), FREE),
    (message(text=None, attachment=PICTURE), FREE),
    (message(text="Hello", attachment=None), FREE),
    (message(attachment=None), FREE),
    (message(text="Hello", attachment={"type": "image", "url": ""}), FREE),
    # D5: white space, invisible characters, length, U+0000
    (message(text=" "), FREE),
    (message(text=" Hello"), FREE),
    (message(text="Hello\n"), FREE),
    (message(text="\u200b"), FREE),
    (message(text="\u3000Hello"), FREE),
    (message(text="\ufeffHello"), FREE),
    (message(text="Hel\u0000lo"), FREE),
    (message(text="x" * 501), FREE),
    (message(text="\U0001f600" * 501), FREE),
    (message(text=" ", attachment=PICTURE), FREE),
    (message(text="Hel\ud800lo"), FREE),
    (message(text="\udc00"), FREE),
    (message(attachment={"type": "file", "url": "not a url"}), FREE),
    # SEND-07: nothing to say
    (message(), "SEND-07"),
    (message(text=""), "SEND-07"),
    # SEND-08: nobody to say it to
    ({"text": "Hello"}, "SEND-08"),
    *[
        ({"recipientId": wrong, "text": "Hello"}, "SEND-08")
        for wrong in (
            None, 5, True, "", "x", [], [ID], {}, {"$ne": None}, {"$oid": ID}, ID[:-1], ID + "0",
            ID + "\n", " " + ID, "twelve chars", "z" * 24, "undefined", "null", ":otherUserId",
        )
    ],
    # SEND-10: an attachment that is none
    *[
        (message(text="Hello", attachment=wrong), "SEND-10")
        for wrong in (
            5, "image", [], [PICTURE], True, {}, {"type": "image"}, {"url": "https://x.example/a"},
            {**PICTURE, "type": "audio"}, {**PICTURE, "type": "IMAGE"}, {**PICTURE, "type": None},
            {**PICTURE, "url": None}, {**PICTURE, "url": 5}, {**PICTURE, "url": {}},
        )
    ],
    # SEND-11: a text that is none, a body that is none
    *[(message(text=wrong), "SEND-11") for wrong in (5, 0, True, False, [], {}, {"$gt": ""})],
    (message(text=5, attachment=PICTURE), "SEND-11"),
    *[(wrong, "SEND-11") for wrong in (None, 5, "text", True, [], [message(text="Hello")])],
]  # fmt: skip

CHATS: list[tuple[Any, str]] = [
    ({"to": "R2C20251109001", "message": "Hello"}, TAKEN),
    ({"to": ID, "message": "Hello"}, TAKEN),
    ({"to": "R2C20251109001", "message": "Hello", "text": 5}, TAKEN),
    ({"to": "R2C20251109001", "message": " "}, FREE),
    ({"to": "R2C20251109001", "message": "Hello "}, FREE),
    ({"to": "R2C20251109001", "message": "\u0000"}, FREE),
    ({"to": "R2C20251109001", "message": "a\ud800b"}, FREE),
    *[
        (wrong, "CHAT-04")
        for wrong in (
            {}, {"to": "R2C20251109001"}, {"message": "Hello"}, {"to": "", "message": "Hello"},
            {"to": "R2C20251109001", "message": ""}, {"to": 5, "message": "Hello"},
            {"to": {"$ne": None}, "message": "Hello"}, {"to": ["R2C"], "message": "Hello"},
            {"to": "R2C20251109001", "message": None}, {"to": None, "message": "Hello"},
            {"to": "R2C20251109001", "message": 5}, {"to": "R2C20251109001", "message": {}},
            None, [], "Hello", 5,
        )
    ],
]  # fmt: skip

FLAGS = {"isPinned": True, "isBlocked": False, "isFavorite": True}
SETTINGS: list[tuple[Any, str]] = [
    (FLAGS, TAKEN),
    ({**FLAGS, "customRingtone": "tabla-roll"}, TAKEN),
    ({**FLAGS, "customRingtone": "https://cdn.example/bell.mp3"}, TAKEN),
    ({**FLAGS, "unknown": 1}, TAKEN),
    # D9: a partial body is a should, an empty one free; META-09: so is null
    ({"isPinned": True}, FREE),
    ({"isPinned": True, "isBlocked": False}, FREE),
    ({}, FREE),
    ({**FLAGS, "customRingtone": None}, FREE),
    ({**FLAGS, "customRingtone": ""}, FREE),
    ({**FLAGS, "customRingtone": " bell "}, FREE),
    *[
        ({**FLAGS, flag: wrong}, "META-07")
        for flag in FLAGS
        for wrong in ("true", "false", "", 1, 0, None, [], {}, "yes")
    ],
    *[({**FLAGS, "customRingtone": wrong}, "META-07") for wrong in (5, True, [], {}, ["bell"])],
    ({"isPinned": "true"}, "META-07"),
    *[(wrong, "META-07") for wrong in (None, [], [FLAGS], "true", 5, True)],
]


def cases(table: list[tuple[Any, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("body", "expected"),
        [pytest.param(body, wanted, id=f"{n}-{wanted}") for n, (body, wanted) in enumerate(table)],
    )


def request(contract: Contract, operation: str) -> Request:
    found = contract.operations[operation].request
    assert found is not None
    return found


@cases(MESSAGES)
def test_a_message_sent_over_http(contract: Contract, body: Any, expected: str) -> None:
    assert zone(request(contract, "sendMessage"), body) == expected


@cases(MESSAGES)
def test_a_message_sent_as_an_event(contract: Contract, body: Any, expected: str) -> None:
    assert zone(contract.events["sendMessage"].payload, body) == expected


def test_a_binary_payload_is_refused_as_an_event(contract: Contract) -> None:
    payload = contract.events["sendMessage"].payload

    assert not payload.may_accept.accepts(b"\x00")
    assert not payload.may_accept.accepts({"recipientId": ID, "text": b"Hello"})
    assert zone(payload, message(text="Hello", unknown=b"\x00")) == TAKEN


@cases(CHATS)
def test_a_message_to_a_public_id(contract: Contract, body: Any, expected: str) -> None:
    assert zone(request(contract, "sendChatMessage"), body) == expected


@cases(SETTINGS)
def test_a_change_of_settings(contract: Contract, body: Any, expected: str) -> None:
    assert zone(request(contract, "updateConversationMetadata"), body) == expected


@pytest.mark.parametrize("event", ["typing", "stopTyping"])
def test_a_notice_of_typing_needs_an_object_id_and_nothing_else(
    contract: Contract, event: str
) -> None:
    payload = contract.events[event].payload

    assert zone(payload, {"recipientId": ID}) == TAKEN
    assert zone(payload, {"recipientId": ID, "senderId": 5}) == TAKEN
    for wrong in (None, [], ID, 5, {}, {"recipientId": None}, {"recipientId": "x"}, b"", True):
        assert zone(payload, wrong) == "refused"


@pytest.mark.parametrize(
    ("operation", "table"),
    [
        ("sendMessage", MESSAGES),
        ("sendChatMessage", CHATS),
        ("updateConversationMetadata", SETTINGS),
    ],
)
def test_the_schema_lies_between_what_all_take_and_what_all_refuse(
    contract: Contract, operation: str, table: list[tuple[Any, str]]
) -> None:
    of = request(contract, operation)
    for body, expected in table:
        if expected == TAKEN:
            assert of.validator.accepts(body), body
        elif expected != FREE:
            assert not of.validator.accepts(body), body
