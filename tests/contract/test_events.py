import pytest

from contract import Contract, DocumentError
from tests.contract.conftest import Project

MESSAGE = {
    "_id": "6910a1f25311236168a20b11",
    "conversationId": "6910a1f25311236168a20a07",
    "sender": "60d0fe4f5311236168a109ca",
    "recipient": "60d0fe4f5311236168a109cb",
    "text": "Hello",
    "createdAt": "2025-11-09T17:31:14.204Z",
    "status": "sent",
}
ASHA = {"_id": "60d0fe4f5311236168a109ca", "name": "Asha"}
PICTURE = {"type": "image", "url": "https://cdn.example/a.png"}


def problem(project: Project) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        project.load()
    return caught.value.place, caught.value.problem


def test_an_event_is_read_whole(project: Project) -> None:
    event = project.load().events["note"]

    assert (event.name, event.operation_id, event.action) == ("note", "onNote", "receive")
    assert event.namespace == "/"
    assert event.payload.examples == {"0": {"text": "milk"}}
    assert event.payload.validator.accepts({"text": "x"})
    assert not event.payload.validator.accepts({"text": 5})
    assert event.acknowledgement and event.acknowledgement.accepts({"text": "x"})


def test_an_event_without_a_reply_is_not_acknowledged(project: Project) -> None:
    del project.event["reply"]

    event = project.load().events["note"]

    assert event.acknowledgement is None and event.acknowledgement_examples == {}


def test_a_payload_may_stand_without_a_format(project: Project) -> None:
    project.asyncapi["components"]["messages"]["note"]["payload"] = {"type": "integer"}

    assert project.load().events["note"].payload.validator.accepts(5)


def test_the_namespace_is_the_address_of_the_channel(project: Project) -> None:
    project.asyncapi["channels"]["all"]["address"] = "/admin"
    assert project.load().events["note"].namespace == "/admin"

    project.asyncapi["channels"]["all"]["address"] = None
    assert project.load().events["note"].namespace == "/"


def test_an_event_name_belongs_to_one_operation(project: Project) -> None:
    project.asyncapi["operations"]["again"] = project.event

    assert problem(project) == (
        "/operations/again/messages/0",
        "the event name note stands twice",
    )


@pytest.mark.parametrize("count", [0, 2])
def test_an_operation_carries_one_event(project: Project, count: int) -> None:
    project.event["messages"] *= count

    assert problem(project) == ("/operations/onNote/messages", "has to hold one")


def test_a_broken_payload_is_named_where_it_stands(project: Project) -> None:
    note = project.asyncapi["components"]["messages"]["note"]
    note["payload"]["schema"] = {"properties": {"a": {"type": "strng"}}}

    assert problem(project)[0] == "/operations/onNote/messages/0/payload/properties/a/type"


def test_a_payload_in_another_format_is_refused_and_not_misread(project: Project) -> None:
    note = project.asyncapi["components"]["messages"]["note"]
    note["payload"]["schemaFormat"] = "application/vnd.apache.avro;version=1.9.0"

    place, what = problem(project)

    assert place == "/operations/onNote/messages/0/payload/schemaFormat"
    assert what.startswith("application/vnd.apache.avro;version=1.9.0 does not match")


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"sender": ASHA}, True),
        ({"sender": {**ASHA, "avatar": "a.png"}, "recipient": ASHA}, True),
        ({"status": "read", "updatedAt": "2025-11-09T17:31:14Z", "extra": {}}, True),
        ({"text": "", "attachment": PICTURE}, True),
        ({"text": None, "attachment": PICTURE}, True),
        ({"attachment": None}, True),
        ({"text": ""}, True),  # white space that the backend took and trimmed (D5)
        ({"text": None}, False),
        ({"attachment": {}}, False),
        ({"attachment": {"type": "audio", "url": "a"}}, False),
        ({"sender": "Asha"}, False),
        ({"sender": {"_id": ASHA["_id"]}}, False),
        ({"sender": None}, False),
        ({"status": "seen"}, False),
        ({"createdAt": 1762709474204}, False),
        ({"createdAt": "today"}, False),
        ({"_id": "abc"}, False),
        ({"text": 5}, False),
    ],
)
def test_a_delivered_message_is_a_full_message(
    contract: Contract, change: dict[str, object], right: bool
) -> None:
    payload = contract.events["receiveMessage"].payload.validator
    acknowledgement = contract.events["sendMessage"].acknowledgement
    message = {**MESSAGE, **change}

    assert payload.accepts(message) is right
    assert acknowledgement and acknowledgement.accepts({"success": True, "data": message}) is right


@pytest.mark.parametrize("field", sorted(set(MESSAGE) - {"text"}))
def test_a_delivered_message_lacks_no_field(contract: Contract, field: str) -> None:
    payload = contract.events["receiveMessage"].payload.validator

    (violation,) = payload.violations({k: v for k, v in MESSAGE.items() if k != field})

    assert field in violation.message


def test_a_message_without_text_or_attachment_is_none(contract: Contract) -> None:
    payload = contract.events["receiveMessage"].payload.validator

    assert not payload.accepts({k: v for k, v in MESSAGE.items() if k != "text"})


@pytest.mark.parametrize(
    ("payload", "right"),
    [
        ({"isOnline": True}, True),
        ({"isOnline": True, "lastSeen": None}, True),
        ({"isOnline": True, "lastSeen": "2025-11-09T17:31:14Z"}, True),
        ({"isOnline": False, "lastSeen": "2025-11-09T17:31:14Z"}, True),
        ({"isOnline": False}, False),
        ({"isOnline": False, "lastSeen": None}, False),
        ({"isOnline": False, "lastSeen": "just now"}, False),
        ({"isOnline": True, "lastSeen": 5}, False),
        ({"isOnline": "true"}, False),
        ({}, False),
    ],
)
def test_who_is_gone_was_last_seen_at_some_time(
    contract: Contract, payload: dict[str, object], right: bool
) -> None:
    validator = contract.events["userStatus"].payload.validator

    assert validator.accepts({"userId": ASHA["_id"], **payload}) is right


def test_an_acknowledgement_is_the_success_or_the_error_body(contract: Contract) -> None:
    for name in ("sendMessage", "typing", "stopTyping"):
        acknowledgement = contract.events[name].acknowledgement
        assert acknowledgement
        assert acknowledgement.accepts({"success": False, "message": "No."})
        for wrong in (None, "ok", {}, {"success": False}, {"success": "true"}, []):
            assert not acknowledgement.accepts(wrong)
    typing, sending = (contract.events[name].acknowledgement for name in ("typing", "sendMessage"))
    assert typing and typing.accepts({"success": True})
    assert sending and not sending.accepts({"success": True})
