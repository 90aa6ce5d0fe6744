"""REST over the wire: what the contract asks, and the gaps that the libraries leave."""

import asyncio
import copy
import json
import socket
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import yaml

from contract import Contract, load
from reference_server import RunningServer
from reference_server.errors import StartError
from reference_server.rest import build
from reference_server.tokens import Tokens
from reference_server.users import User
from reference_server.users import load as load_users

CONTRACT = load()
UNKNOWN = "60d0fe4f5311236168a10999"
OPERATIONS = [
    ("GET", "/api/messages/{id}", None),
    ("POST", "/api/messages/send", {"recipientId": "{id}", "text": "x"}),
    ("POST", "/api/chat/send", {"to": "{userId}", "message": "x"}),
    ("PUT", "/api/conversations/{id}/metadata", {"isPinned": True}),
]
every_operation = pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)


def named(text: Any, user: User) -> Any:
    """A path or body with the user's ids put in."""
    filled = json.dumps(text).replace("{id}", user.id).replace("{userId}", user.public_id)
    return json.loads(filled)


def is_error(response: requests.Response, status: int) -> bool:
    """Whether it is this status with the error body of the notes, section 5, and nothing more."""
    body = response.json()
    return (
        response.status_code == status
        and response.headers["Content-Type"] == "application/json"
        and set(body) == {"success", "message"}
        and body["success"] is False
        and isinstance(body["message"], str)
        and bool(body["message"])
    )


@every_operation
def test_every_operation_answers_as_the_document_says(
    rest: Any, people: list[User], method: str, path: str, body: Any
) -> None:
    response = rest(method, named(path, people[1]), people[0], json=named(body, people[1]))
    operation = next(
        each
        for each in CONTRACT.operations.values()
        if (each.method, each.path) == (method, path.replace("{id}", "{otherUserId}"))
    )
    assert response.status_code == operation.success
    validator = operation.responses[operation.success].validator
    assert validator is not None
    assert validator.violations(response.json()) == ()


def test_a_message_stands_in_both_histories_whichever_way_it_was_sent(
    rest: Any, people: list[User]
) -> None:
    one, other = people[4], people[5]
    first = rest("POST", "/api/messages/send", one, json={"recipientId": other.id, "text": "a"})
    second = rest("POST", "/api/chat/send", other, json={"to": one.public_id, "message": "b"})
    mine = rest("GET", f"/api/messages/{other.id.upper()}", one).json()["data"]
    theirs = rest("GET", f"/api/messages/{one.id}", other).json()["data"]
    sent = [first.json()["data"]["_id"], second.json()["data"]["_id"]]
    assert [each["_id"] for each in mine] == [each["_id"] for each in theirs] == sent
    assert len({each["conversationId"] for each in mine + theirs}) == 1


@every_operation
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer x", "Basic dXNlcjpwYXNz", "{token}", "Token {token}"],
)
def test_a_request_without_a_valid_token_is_401_and_names_the_scheme(
    rest: Any,
    server: RunningServer,
    people: list[User],
    method: str,
    path: str,
    body: Any,
    header: str | None,
) -> None:
    headers = {"Authorization": header.format(token=server.token(people[0]))} if header else {}
    response = rest(method, named(path, people[1]), json=named(body, people[1]), headers=headers)
    assert is_error(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_huge_token_is_401(rest: Any) -> None:
    headers = {"Authorization": "Bearer " + "x" * 100_000}
    assert is_error(rest("GET", f"/api/messages/{UNKNOWN}", headers=headers), 401)


def test_a_token_of_a_stranger_is_401_with_the_reason(rest: Any, server: RunningServer) -> None:
    token = jwt.encode({"id": UNKNOWN}, server.secret, algorithm="HS256")
    headers = {"Authorization": f"bearer {token}"}
    response = rest("GET", f"/api/messages/{UNKNOWN}", headers=headers)
    assert is_error(response, 401)
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"5"])
def test_credentials_are_judged_before_the_body(rest: Any, body: bytes) -> None:
    assert is_error(rest("POST", "/api/messages/send", data=body), 401)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"\xff\xfe", b'{"text": "\xc3"}', b"[NaN]", b"[" * 200_000, b"null", b"[]",
        b'"text"', b"5", b"true", b"9" * 5000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(rest: Any, people: list[User], body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = rest("POST", "/api/messages/send", people[0], data=body, headers=headers)
    assert is_error(response, 400)


@pytest.mark.parametrize(
    "media",
    ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x", ";;", "a/b/c"],
)
def test_another_media_type_is_415(rest: Any, people: list[User], media: str) -> None:
    body = json.dumps({"recipientId": people[1].id, "text": "x"})
    headers = {"Content-Type": media}
    response = rest("POST", "/api/messages/send", people[0], data=body, headers=headers)
    assert is_error(response, 415)


def test_json_in_another_charset_is_400(rest: Any, people: list[User]) -> None:
    body = json.dumps({"recipientId": people[1].id, "text": "x"}).encode("utf-16")
    headers = {"Content-Type": "application/json; charset=utf-16"}
    response = rest("POST", "/api/messages/send", people[0], data=body, headers=headers)
    assert is_error(response, 400)


def test_no_content_type_is_taken_for_json(rest: Any, people: list[User]) -> None:
    body = json.dumps({"recipientId": people[1].id, "text": "x"})
    assert rest("POST", "/api/messages/send", people[0], data=body).status_code == 201


def test_a_body_over_the_limit_is_413(rest: Any, people: list[User]) -> None:
    response = rest("POST", "/api/messages/send", people[0], data=b"x" * 5_000_000)
    assert is_error(response, 413)


def test_a_lone_surrogate_is_400_and_never_500(rest: Any, people: list[User]) -> None:
    for text in ("\\ud800", "\\udfff x"):
        body = f'{{"recipientId": "{people[1].id}", "text": "{text}"}}'
        assert is_error(rest("POST", "/api/messages/send", people[0], data=body), 400)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nothing", "/nothing/%ff", "/api/messages/", "//"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW", "TRACE"])
def test_an_unknown_path_is_404_in_json(rest: Any, method: str, path: str) -> None:
    assert is_error(rest(method, path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"/api/messages/{UNKNOWN}", {"GET", "HEAD", "OPTIONS"}),
        ("POST", f"/api/messages/{UNKNOWN}", {"GET", "HEAD", "OPTIONS"}),
        # A fixed path goes before a template that fits it too (OpenAPI 3.0, Paths Object).
        ("PUT", "/api/messages/send", {"OPTIONS", "POST"}),
        ("GET", "/api/messages/send", {"OPTIONS", "POST"}),
        ("GET", "/api/chat/send", {"OPTIONS", "POST"}),
        ("BREW", f"/api/conversations/{UNKNOWN}/metadata", {"OPTIONS", "PUT"}),
    ],
)
def test_a_wrong_method_is_405_and_names_all_that_are_right(
    rest: Any, method: str, path: str, allowed: set[str]
) -> None:
    response = rest(method, path)
    assert is_error(response, 405)
    assert set(response.headers["Allow"].split(", ")) == allowed
    assert set(rest("OPTIONS", path).headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "wrong",
    ["x", "sent", "%ff", "%2F", "a%2Fb", "%00", "60d0fe4f5311236168a109c%67", "12characters"],
)
def test_an_id_that_is_none_is_400_however_it_is_spelt(
    rest: Any, people: list[User], wrong: str
) -> None:
    assert is_error(rest("GET", f"/api/messages/{wrong}", people[0]), 400)
    path = f"/api/conversations/{wrong}/metadata"
    assert is_error(rest("PUT", path, people[0], json={"isPinned": True}), 400)


def test_a_path_in_percent_encoding_is_the_same_path(rest: Any, people: list[User]) -> None:
    assert rest("GET", f"/api/%6Dessages/%36{people[1].id[1:]}", people[0]).status_code == 200


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/api/message/send", " (did you mean /api/messages/send?)."),
        ("/nothing/like/it", "this path."),
        ("/api/messages/send/" + "x" * 500, "this path."),
    ],
)
def test_a_path_that_is_close_to_one_is_told_which(rest: Any, path: str, hint: str) -> None:
    assert rest("POST", path).json()["message"].endswith(hint)


def test_who_does_not_exist_is_404(rest: Any, people: list[User]) -> None:
    send = {"recipientId": UNKNOWN, "text": "x"}
    assert is_error(rest("GET", f"/api/messages/{UNKNOWN}", people[0]), 404)
    assert is_error(rest("POST", "/api/messages/send", people[0], json=send), 404)
    chat = {"to": "R2C0", "message": "x"}
    assert is_error(rest("POST", "/api/chat/send", people[0], json=chat), 404)
    path = f"/api/conversations/{UNKNOWN}/metadata"
    assert is_error(rest("PUT", path, people[0], json={"isPinned": True}), 404)


def test_a_blocked_sender_is_403(rest: Any, people: list[User]) -> None:
    blocker, blocked = people[7], people[8]
    path = f"/api/conversations/{blocked.id}/metadata"
    rest("PUT", path, blocker, json={"isBlocked": True})
    send = {"recipientId": blocker.id, "text": "x"}
    assert is_error(rest("POST", "/api/messages/send", blocked, json=send), 403)


def test_errors_show_nothing_of_schemas_or_values(rest: Any, people: list[User]) -> None:
    wrong = {"recipientId": people[1].id, "text": {"secret-value": 1}}
    for response in (
        rest("POST", "/api/messages/send", people[0], json=wrong),
        rest("GET", "/api/messages/secret-value", people[0]),
    ):
        text = response.text
        assert is_error(response, 400)
        assert not any(
            word in text for word in ("secret-value", "pattern", "schema", "{24}", "Traceback")
        )


def test_a_failing_handler_is_500_and_keeps_its_reason_to_itself(
    server: RunningServer, rest: Any, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("/private/path")

    monkeypatch.setattr(server.server.chat, "history", fail)
    response = rest("GET", f"/api/messages/{people[1].id}", people[0])
    assert is_error(response, 500)
    assert "private" not in response.text


def test_what_a_body_says_about_the_sender_changes_nothing(rest: Any, people: list[User]) -> None:
    lie = {"sender": people[2].id, "senderId": people[2].id, "from": people[2].id, "_id": UNKNOWN,
           "createdAt": "2001-01-01T00:00:00Z", "status": "read"}  # fmt: skip
    body = {"recipientId": people[1].id, "text": "x", **lie}
    message = rest("POST", "/api/messages/send", people[0], json=body).json()["data"]
    assert message["sender"]["_id"] == people[0].id
    assert message["_id"] != UNKNOWN
    assert message["status"] != "read"
    assert not message["createdAt"].startswith("2001")


def test_a_page_on_another_local_port_may_call(rest: Any, people: list[User]) -> None:
    origin = {"Origin": "http://localhost:5173"}
    asked = {**origin, "Access-Control-Request-Method": "PUT",
             "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
    preflight = rest("OPTIONS", f"/api/messages/{UNKNOWN}", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    # An error has to be readable for the page, too.
    refused = rest("GET", f"/api/messages/{UNKNOWN}", headers=origin)
    assert is_error(refused, 401)
    assert refused.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    foreign = rest("GET", f"/api/messages/{UNKNOWN}", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers


def test_a_page_may_read_what_the_server_answers_before_the_application_too(rest: Any) -> None:
    origin = {"Origin": "http://localhost:5173"}
    huge = rest("POST", "/api/messages/send", data=b"x" * 2_000_000, headers=origin)
    stale = rest("GET", "/socket.io/?EIO=3&transport=polling", headers=origin)
    for answer, status in ((huge, 413), (stale, 400)):
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]


def test_a_broken_request_line_does_not_harm_the_server(server: RunningServer, rest: Any) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    for line in (b"NONSENSE\r\n\r\n", b"GET\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(line)
            connection.recv(100)
    assert is_error(rest("GET", "/"), 404)


# Documents and handlers that do not fit together


async def handler(call: Any) -> Any:
    raise AssertionError("it is never called")


def tokens() -> Tokens:
    return Tokens("x" * 32, load_users())


def extended(folder: Path, **operation: Any) -> Contract:
    """The contract with one operation more."""
    openapi = copy.deepcopy(CONTRACT.openapi)
    openapi["paths"]["/api/profile"] = {"get": {"operationId": "readProfile", **operation}}
    file = folder / "openapi.yaml"
    file.write_text(yaml.safe_dump(openapi))
    return load(openapi=file)


def test_a_handler_without_an_operation_stops_the_start() -> None:
    with pytest.raises(StartError, match="no operation deleteEverything"):
        build(CONTRACT, {"deleteEverything": handler}, tokens())


def test_an_operation_that_nothing_can_be_answered_to_stops_the_start(tmp_path: Path) -> None:
    response = {"description": "x", "content": {"application/json": {"schema": {"not": {}}}}}
    contract = extended(tmp_path, responses={"200": response})
    handlers = dict.fromkeys(CONTRACT.operations, handler)
    with pytest.raises(StartError, match="readProfile has no handler"):
        build(contract, handlers, tokens())


def test_an_operation_without_handler_is_answered_from_its_example(tmp_path: Path) -> None:
    content = {"application/json": {"schema": {}, "example": {"name": "Asha"}}}
    contract = extended(
        tmp_path, responses={"200": {"description": "x", "content": content}}, security=[]
    )
    app, mocked = build(contract, dict.fromkeys(CONTRACT.operations, handler), tokens())
    assert [mock.operation_id for mock in mocked] == ["readProfile"]
    sent: list[Any] = []
    scope = {"type": "http", "method": "GET", "path": "/api/profile", "raw_path": b"/api/profile",
             "query_string": b"", "headers": [], "root_path": ""}  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"]) == {"name": "Asha"}
