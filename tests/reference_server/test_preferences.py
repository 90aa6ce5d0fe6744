"""The header Prefer: how it is read, and what each operation makes of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from contract import Contract, load
from reference_server import RunningServer, running
from reference_server.errors import Invalid
from reference_server.preferences import LONGEST_DELAY, Preferences
from reference_server.users import User

CONTRACT = load()
OPERATIONS = {
    "listMessages": ("GET", "/api/messages/{id}", None),
    "sendMessage": ("POST", "/api/messages/send", {"recipientId": "{id}", "text": "x"}),
    "sendChatMessage": ("POST", "/api/chat/send", {"to": "{userId}", "message": "x"}),
    "updateConversationMetadata": (
        "PUT",
        "/api/conversations/{id}/metadata",
        {"isPinned": True, "isBlocked": False, "isFavorite": True},
    ),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS)
every_answer = pytest.mark.parametrize(
    ("operation", "status"),
    [(each.id, status) for each in CONTRACT.operations.values() for status in each.responses],
)


@pytest.fixture
def ask(rest: Any, people: list[User]) -> Any:
    """Call an operation as the first user, about the second, with a Prefer header."""

    def asked(operation: str, prefer: str, user: User | None = None, **options: Any) -> Any:
        method, path, body = OPERATIONS[operation]
        filled = json.dumps([path, options.pop("body", body)])
        filled = filled.replace("{id}", people[1].id).replace("{userId}", people[1].public_id)
        where, what = json.loads(filled)
        headers = {"Prefer": prefer}
        return rest(method, where, user or people[0], json=what, headers=headers, **options)

    return asked


def read(*lines: str) -> Preferences:
    return Preferences.of([(b"accept", b"*/*"), *((b"prefer", line.encode()) for line in lines)])


# How it is read


def test_several_preferences_stand_in_one_line_or_in_several() -> None:
    expected = Preferences(code=404, example="picture", dynamic=True, delay=800)
    assert read("code=404, example=picture, dynamic=true, delay=800") == expected
    assert read("code=404,example=picture", "dynamic=TRUE", 'delay="800"') == expected


def test_the_first_of_two_counts_and_parameters_and_the_unknown_are_ignored() -> None:
    assert read("CODE = 404; because=reasons, code=500, respond-async") == Preferences(code=404)
    assert read("return=minimal, wait=10") == Preferences()


def test_a_quoted_word_is_read_without_its_quotes() -> None:
    assert read(r'example="two, \"quoted\"; words"').example == 'two, "quoted"; words'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("code=later", "The preference code has to be a status, such as code=404."),
        ("code", "The preference code has to be a status, such as code=404."),
        ("delay=-1", "The preference delay has to be milliseconds, 60000 at most, such as"),
        (f"delay={LONGEST_DELAY + 1}", "60000 at most"),
        ("delay=1e3", "60000 at most"),
        ("dynamic=yes", "The preference dynamic has to be true or false"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(line: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence.replace(".", r"\.")):
        read(line)


# What the operations make of it


@every_answer
def test_each_documented_status_can_be_had_of_each_operation(
    ask: Any, operation: str, status: int
) -> None:
    answer = ask(operation, f"code={status}")
    documented = CONTRACT.operations[operation].responses[status]
    assert answer.status_code == status
    assert answer.headers["Preference-Applied"] == f"code={status}"
    if documented.validator is None:
        assert answer.content == b""
    else:
        assert documented.validator.accepts(answer.json())
        assert answer.json() == next(iter(documented.examples.values()))
    assert documented.headers.items() <= answer.headers.items()


@every_operation
def test_a_status_that_the_document_does_not_hold_is_answered_with_those_it_holds(
    ask: Any, operation: str
) -> None:
    answer = ask(operation, "code=418")
    known = ", ".join(map(str, sorted(CONTRACT.operations[operation].responses)))
    assert answer.status_code == 400
    assert answer.json() == {
        "success": False,
        "message": f"{operation} has no answer 418 in the document; it has {known}.",
    }
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("operation", "prefer", "status", "applied"),
    [
        ("listMessages", "example=neverWrote", 200, "example=neverWrote"),
        ("listMessages", "example=conversation, code=200", 200, "code=200, example=conversation"),
        ("sendMessage", "example=bareIds", 201, "example=bareIds"),
        ("sendMessage", "example=default", 400, "example=default"),  # the first that has this one
        ("sendMessage", "example=default, code=404", 404, "code=404, example=default"),
        ("sendMessage", "example=text, dynamic=true", 201, "example=text"),
    ],
)
def test_an_example_is_answered_as_it_stands_in_the_document(
    ask: Any, operation: str, prefer: str, status: int, applied: str
) -> None:
    answer = ask(operation, prefer)
    name = applied.rpartition("=")[2]
    assert answer.status_code == status
    assert answer.json() == CONTRACT.operations[operation].responses[status].examples[name]
    assert answer.headers["Preference-Applied"] == applied


@pytest.mark.parametrize("prefer", ["example=video", "example=video, code=201"])
def test_an_example_that_the_document_does_not_hold_is_answered_with_those_it_holds(
    ask: Any, prefer: str
) -> None:
    answer = ask("sendMessage", prefer)
    assert answer.status_code == 400
    assert "201: text, bareIds; 400: default; 401: default" in answer.json()["message"]


@every_operation
def test_generated_answers_are_valid_and_the_same_for_the_same_request(
    ask: Any, operation: str
) -> None:
    answer, again = ask(operation, "dynamic=true"), ask(operation, "dynamic=true, delay=1")
    documented = CONTRACT.operations[operation]
    assert answer.status_code == documented.success
    assert documented.responses[documented.success].validator.accepts(answer.json())
    assert answer.json() == again.json()
    assert answer.json() not in documented.responses[documented.success].examples.values()
    assert again.headers["Preference-Applied"] == "dynamic=true, delay=1"


def test_other_requests_and_statuses_get_other_generated_answers(
    ask: Any, people: list[User]
) -> None:
    bodies = [{"recipientId": people[1].id, "text": text} for text in ("one", "two", "three")]
    answers = [ask("sendMessage", "dynamic=true", body=body).json()["data"] for body in bodies]
    assert len({answer["_id"] for answer in answers}) == len(bodies)
    refused = ask("sendMessage", "dynamic=true, code=404")
    assert refused.status_code == 404
    assert refused.json()["success"] is False


def test_what_is_chosen_has_no_effect(ask: Any, rest: Any, people: list[User]) -> None:
    for prefer in ("code=201", "code=500", "example=bareIds", "dynamic=true"):
        ask("sendMessage", prefer, people[3], body={"recipientId": people[4].id, "text": prefer})
    assert rest("GET", f"/api/messages/{people[4].id}", people[3]).json()["data"] == []


def test_a_delay_lets_the_usual_answer_wait(ask: Any, people: list[User]) -> None:
    begun = time.monotonic()
    answer = ask("sendMessage", "delay=300")
    assert time.monotonic() - begun >= 0.3
    assert answer.status_code == 201
    assert answer.json()["data"]["sender"]["_id"] == people[0].id
    assert answer.headers["Preference-Applied"] == "delay=300"


def test_what_is_wrong_with_a_request_is_said_first(ask: Any, rest: Any) -> None:
    wrong = ask("sendMessage", "code=500", body={"text": "to whom?"})
    assert wrong.status_code == 400
    assert wrong.json()["message"] == "recipientId is missing."
    headers = {"Prefer": "code=404"}
    assert rest("POST", "/api/messages/send", json={}, headers=headers).status_code == 401


def test_other_preferences_change_nothing(ask: Any, people: list[User]) -> None:
    answer = ask("listMessages", "return=minimal, dynamic=false")
    assert answer.json()["success"] is True
    assert "Preference-Applied" not in answer.headers


def test_pages_may_prefer_and_see_what_was_applied(server: RunningServer) -> None:
    origin = {"Origin": "http://localhost:3000"}
    asked = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, prefer",
    }
    url = f"{server.url}/api/messages/60d0fe4f5311236168a109cb"
    preflight = requests.options(url, headers={**origin, **asked}, timeout=5)
    assert preflight.status_code == 200
    assert "prefer" in preflight.headers["Access-Control-Allow-Headers"].lower()
    exposed = requests.get(url, headers=origin, timeout=5).headers["Access-Control-Expose-Headers"]
    assert "Preference-Applied" in exposed


@pytest.fixture(scope="module")
def without_mock() -> Iterator[RunningServer]:
    with running(mock=False) as started:
        yield started


def test_without_mock_the_header_is_ignored(without_mock: RunningServer) -> None:
    asha, ben = list(without_mock.users)[:2]
    answer = requests.get(
        f"{without_mock.url}/api/messages/{ben.id}",
        headers={
            "Authorization": f"Bearer {without_mock.token(asha)}",
            "Prefer": "code=418, delay=soon",
        },
        timeout=5,
    )
    assert (answer.status_code, answer.json()["data"]) == (200, [])


# Documents of one's own


def test_an_answer_without_examples_is_generated(tmp_path: Path) -> None:
    from asyncio import run

    from reference_server.documented import choose

    contract: Contract = CONTRACT
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    document = json.loads(json.dumps(contract.openapi))
    responses = document["paths"]["/api/messages/{otherUserId}"]["get"]["responses"]
    responses["200"]["content"]["application/json"] = {"schema": schema}
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    answer = run(choose(load(openapi=file).operations["listMessages"], None))
    assert isinstance(answer.body["n"], int)
    assert answer.generated
