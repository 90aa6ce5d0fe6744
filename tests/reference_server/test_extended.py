"""A server that runs extended copies of the documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from contract import DocumentError, read_file
from reference_server import RunningServer, running
from reference_server.errors import StartError
from reference_server.users import User
from tests.reference_server.conftest import Frames
from tests.reference_server.extending import answer, asyncapi, json_content, openapi, written

TEXT = {"type": "string"}
PROFILE = {"type": "object", "required": ["name"], "properties": {"name": TEXT, "motto": TEXT}}
LIMIT = {"name": "limit", "in": "query"}
PATHS: dict[str, Any] = {
    "/api/profile": {
        "get": {
            "operationId": "readProfile",
            "responses": answer(200, PROFILE, example={"name": "Asha"}),
        },
        "post": {
            "operationId": "changeProfile",
            "requestBody": {"required": True, **json_content(PROFILE)},
            "responses": answer(201, {"$ref": "#/components/schemas/Profile"}),
        },
    },
    "/api/groups": {
        "get": {
            "operationId": "listGroups",
            "parameters": [
                {**LIMIT, "schema": {"type": "integer", "minimum": 1}},
                {"name": "tag", "in": "query", "schema": {"type": "array", "items": TEXT}},
            ],
            "responses": answer(200, {"type": "array", "items": PROFILE}),
        }
    },
    "/api/groups/{number}": {
        "get": {
            "operationId": "readGroup",
            "parameters": [
                {**LIMIT, "required": True, "schema": {"type": "string", "enum": ["all", "few"]}},
                {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}},
            ],
            "responses": answer(200, PROFILE),
        },
        "delete": {
            "operationId": "removeGroup",
            "parameters": [
                {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
            ],
            "responses": answer(204),
        },
    },
    "/api/picture": {
        "put": {
            "operationId": "changePicture",
            "requestBody": {
                "content": {
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "properties": {"file": {"type": "string", "format": "binary"}},
                        }
                    }
                }
            },
            "responses": answer(200, PROFILE, examples={"one": {"value": {"name": 5}}}),
        }
    },
    "/api/health": {
        "get": {"operationId": "readHealth", "security": [], "responses": answer(200, {})}
    },
}
POKE = {"name": "poke", "payload": {"type": "object", "required": ["whom"]}}
EVENTS: dict[str, Any] = {
    "onPoke": {
        "action": "receive",
        "messages": [POKE],
        "reply": {"messages": [{"payload": {}, "examples": [{"payload": {"poked": True}}]}]},
    },
    "onWave": {
        "action": "receive",
        "messages": [{"name": "wave", "payload": {}}],
        "reply": {"messages": [{"payload": PROFILE}]},
    },
    "onNod": {"action": "receive", "messages": [{"name": "nod", "payload": {}}]},
    "emitPoked": {"action": "send", "messages": [{"name": "poked", "payload": {}}]},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("documents")
    documents = {
        "openapi": openapi(folder, PATHS, schemas={"Profile": PROFILE}),
        "asyncapi": asyncapi(folder, EVENTS),
    }
    with running(**documents) as started:
        yield started


def test_an_operation_without_handler_is_answered_from_its_example(
    rest: Any, people: list[User]
) -> None:
    answered = rest("GET", "/api/profile", people[0])
    assert (answered.status_code, answered.json()) == (200, {"name": "Asha"})
    assert answered.headers["Content-Type"] == "application/json"


def test_without_an_example_the_answer_is_made_up_from_the_schema(
    rest: Any, people: list[User]
) -> None:
    answered = rest("GET", "/api/groups?limit=3&tag=a&tag=b", people[0])
    assert (answered.status_code, answered.json()) == (200, [{"name": "name", "motto": "motto"}])


def test_an_answer_without_a_body_has_none(rest: Any, people: list[User]) -> None:
    answered = rest("DELETE", "/api/groups/5", people[0])
    assert (answered.status_code, answered.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "/api/profile", {}, "name is missing."),
        ("POST", "/api/profile", {"name": 5}, "name is not valid: a text is expected."),
        ("GET", "/api/groups?limit=0", None, "limit is not valid: a whole number of 1 or more is"),
        ("GET", "/api/groups?limit=x", None, "limit is not valid: a whole number of 1 or more is"),
        ("GET", "/api/groups/5?limit=3", None, "limit is not valid: one of all, few is expected."),
        ("GET", "/api/groups/5", None, "limit is missing."),
        ("GET", "/api/groups/five?limit=all", None, "number is not valid"),
    ],
)
def test_what_is_sent_to_it_is_judged(
    rest: Any, people: list[User], method: str, path: str, body: Any, message: str
) -> None:
    refused = rest(method, path, people[0], **({"json": body} if body is not None else {}))
    assert refused.status_code == 400, refused.text
    assert message in refused.json()["message"]


def test_two_operations_may_have_parameters_of_one_name(rest: Any, people: list[User]) -> None:
    assert rest("GET", "/api/groups?limit=5", people[0]).status_code == 200
    assert rest("GET", "/api/groups/7?limit=few", people[0]).status_code == 200


def test_a_form_can_be_sent(rest: Any, people: list[User]) -> None:
    answered = rest("PUT", "/api/picture", people[0], files={"file": b"\x89PNG"})
    assert (answered.status_code, answered.json()) == (200, {"name": 5})


def test_it_needs_a_token_unless_the_document_says_that_it_does_not(
    server: RunningServer, rest: Any
) -> None:
    assert rest("GET", "/api/profile").status_code == 401
    assert requests.get(f"{server.url}/api/health", timeout=5).json() == {}


def test_a_new_event_is_judged_and_acknowledged(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    assert asha.emit("poke", {"whom": "Ben"}) == {"poked": True}
    assert asha.emit("poke", {}) == {"success": False, "message": "whom is missing."}
    assert asha.emit("wave", {}) == {"name": "name", "motto": "motto"}
    assert asha.emit("nod", {}) == {"success": True}


def test_what_has_a_handler_works_as_ever(connect: Any, people: list[User]) -> None:
    asha = connect(people[0])
    answered = asha.emit("sendMessage", {"recipientId": people[1].id, "text": "hello"})
    assert answered["data"]["text"] == "hello"


def test_the_start_up_table_tells_what_is_mocked_and_how(server: RunningServer) -> None:
    sources = {mock.name: mock.source for mock in server.server.mocks}
    assert sources == {
        "GET /api/profile": "its example",
        "POST /api/profile": "made-up data",
        "GET /api/groups": "made-up data",
        "GET /api/groups/{number}": "made-up data",
        "DELETE /api/groups/{number}": "nothing but the status",
        "PUT /api/picture": "its example, which does not fit its schema",
        "GET /api/health": "made-up data",
        "poke": "its example",
        "wave": "made-up data",
        "nod": "success",
    }


def test_a_field_that_was_added_to_messages_is_made_up(tmp_path: Path) -> None:
    document = openapi(tmp_path, {})
    content = read_file(document)
    message = content["components"]["schemas"]["Message"]
    message["required"].append("reactions")
    message["properties"]["reactions"] = {"type": "array", "items": {"type": "string"}}
    written(document, content)
    with running(openapi=document) as server:
        asha, ben = list(server.users)[:2]
        headers = {"Authorization": f"Bearer {server.token(asha)}"}
        listening = Frames(
            f"{server.url.replace('http', 'ws')}/socket.io/"
            f"?EIO=4&transport=websocket&token={server.token(ben)}"
        )
        listening.until("0")
        listening.send("40")
        listening.until("40")
        body = {"recipientId": ben.id, "text": "hello"}
        url = f"{server.url}/api/messages/send"
        envelope = requests.post(url, json=body, headers=headers, timeout=5).json()
        sent = envelope["data"]
        heard = listening.received("receiveMessage")
        own = {"recipientId": ben.id, "text": "hello"}
        acknowledgement = listening.emit("sendMessage", own)
        acknowledged = acknowledgement["data"]
        listening.close()
        url = f"{server.url}/api/messages/{ben.id}"
        (read,) = requests.get(url, headers=headers, timeout=5).json()["data"]
    for shown in (sent, heard, read, acknowledged):
        assert shown["reactions"] == ["reactions"]
        assert shown["text"] == "hello"
        assert shown["recipient"]["name"] == "Ben"
    for told in (envelope, acknowledgement):
        assert set(told) == {"success", "data"}, "and nothing that nobody asks for"


def test_what_cannot_be_made_up_is_an_error_with_its_place_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = openapi(tmp_path, {})
    content = read_file(document)
    message = content["components"]["schemas"]["Message"]
    message["properties"]["status"] = {"type": "string", "enum": ["unheard"]}
    written(document, content)
    with running(openapi=document) as server:
        asha, ben = list(server.users)[:2]
        answered = requests.post(
            f"{server.url}/api/messages/send",
            json={"recipientId": ben.id, "text": "hello"},
            headers={"Authorization": f"Bearer {server.token(asha)}"},
            timeout=5,
        )
    assert answered.status_code == 500
    (record,) = caplog.records
    assert "receiveMessage would not be as" in record.getMessage()
    assert "at /status" in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ({"operationId": "x", "responses": answer(200, {"not": {}})}, "give it one"),
        ({"operationId": "x", "responses": answer(400, {})}, "no answer of success"),
        ({"responses": answer(200, {})}, "/paths/~1x/get: needs the field operationId"),
        ({"operationId": "x", "responses": answer(200, {"type": "nothing"})}, "/paths/~1x/get/"),
        ({"operationId": "x", "responses": answer(200, {}), "tags": 5}, "/paths/~1x/get"),
        (
            {"operationId": "x", "responses": answer(200, {}), "security": [{"cookie": []}]},
            "/paths/~1x/get/security/0: cookie is no security scheme",
        ),
        (
            {"operationId": "x", "responses": answer(200, {}), "security": [{"key": []}]},
            "key is no bearer scheme",
        ),
        (
            {"operationId": "sendMessage", "responses": answer(200, {})},
            "sendMessage stands twice",
        ),
    ],
)
def test_a_document_that_cannot_be_served_stops_the_start_in_one_line_with_its_place(
    tmp_path: Path, operation: Any, part: str
) -> None:
    scheme = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    file = openapi(tmp_path, {"/x": {"get": operation}}, securitySchemes=scheme)
    with pytest.raises((StartError, DocumentError)) as refused, running(openapi=file):
        pass
    assert str(refused.value).startswith(str(file))
    assert part in str(refused.value)
    assert "\n" not in str(refused.value)
