"""What clients do against the contract is listed, with what to do instead; all else is not."""

import json
from typing import Any

import jwt
import pytest
import requests
import socketio
import websocket

from contract import load
from reference_server import RunningServer
from reference_server.asgi import LARGEST_BODY
from reference_server.control.traffic import MOST_ENTRIES, MOST_VIOLATIONS, Traffic
from reference_server.control.verdicts import Wrong
from reference_server.users import User

SEND = "/api/messages/send"
UNKNOWN = "60d0fe4f5311236168a10999"


@pytest.fixture
def violations(control: Any) -> Any:
    """What is wrong with what clients did since the test began."""
    return lambda: control("GET", "violations")


def the_only(found: list[Any]) -> Any:
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("body", "problem", "requirement"),
    [
        ({"text": "x"}, "recipientId is missing.", "SEND-08"),
        ({"recipientId": "Ben", "text": "x"}, "recipientId is not valid", "SEND-08"),
        ({"recipientId": UNKNOWN, "text": 5}, "text is not valid", "SEND-11"),
        ([{"recipientId": UNKNOWN}], "must be a JSON object: a text, an attachment", "SEND-11"),
        *[
            ({"recipientId": UNKNOWN, **nothing}, "a text, an attachment or both", "SEND-07")
            for nothing in ({}, {"text": ""}, {"text": None}, {"attachment": None})
        ],
        (
            {"recipientId": UNKNOWN, "attachment": {"type": "song", "url": "x"}},
            "attachment.type is not valid: one of image, video, file",
            "SEND-10",
        ),
    ],
)
def test_a_wrong_body_is_named_with_the_place_the_requirement_and_a_right_one(
    violations: Any, rest: Any, asha: User, body: Any, problem: str, requirement: str
) -> None:
    rest("POST", SEND, asha, json=body)
    found = the_only(violations())
    assert (found["kind"], found["name"], found["status"]) == ("request", "sendMessage", 400)
    assert found["user"] == {"_id": asha.id, "name": "Asha"}
    assert found["aspect"] == "body"
    assert problem in found["problem"]
    assert found["requirement"] == requirement
    assert found["notes"].startswith("§")
    assert found["mend"].startswith('A body that fits: {"recipientId": "')
    assert found["body"] == body
    assert found["time"].endswith("Z")


JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
LARGE = b"x" * (LARGEST_BODY + 1)
HALF = '{"recipientId": "60d0fe4f5311236168a109cb", "text": "\\ud800"}'


@pytest.mark.parametrize(
    ("request_of", "aspect", "problem", "mend"),
    [
        (("POST", SEND, b"{", JSON), "body", "The body is not valid JSON.", "A body that fits"),
        (("POST", SEND, HALF, JSON), "body", "The text is not valid Unicode.", "surrogate pair"),
        (("POST", SEND, "x", TEXT), "media-type", "must be application/json", "application/json`."),
        (
            ("GET", "/api/messages/Ben", None, None),
            "parameter",
            "otherUserId is not valid",
            "GET /api/messages/60d0fe4f5311236168a109ca.",
        ),
        (
            ("GET", "/api/mesages/Ben", None, None),
            "path",
            "The contract has no path /api/mesages/Ben.",
            "Did you mean to call GET /api/messages/{otherUserId}?",
        ),
        (
            ("PATCH", "/api/chat/send", None, None),
            "method",
            "PATCH /api/chat/send is no operation",
            "POST /api/chat/send",
        ),
        (("POST", SEND, LARGE, JSON), "size", "The body is larger than", "Send less at once."),
    ],
    ids=["json", "surrogate", "media", "parameter", "path", "method", "size"],
)
def test_whatever_else_is_wrong_with_a_request_is_named_too(
    violations: Any, rest: Any, asha: User, request_of: Any, aspect: str, problem: str, mend: str
) -> None:
    method, path, data, headers = request_of
    rest(method, path, asha, data=data, headers=headers or {})
    found = the_only(violations())
    assert found["aspect"] == aspect
    assert problem in found["problem"]
    assert mend in found["mend"]


def test_a_missing_token_is_named(violations: Any, rest: Any) -> None:
    rest("GET", f"/api/messages/{UNKNOWN}")
    found = the_only(violations())
    assert (found["aspect"], found["user"]) == ("token", None)
    assert found["problem"] == "The Authorization header is missing."
    assert "Authorization: Bearer <token>" in found["mend"]


def test_a_token_whose_time_is_over_is_named_and_not_shown(
    violations: Any, control: Any, server: RunningServer, rest: Any, asha: User
) -> None:
    token = jwt.encode({"id": asha.id, "exp": 1}, server.secret, algorithm="HS256")
    rest("GET", f"/api/messages/{UNKNOWN}", headers={"Authorization": f"Bearer {token}"})
    rest("GET", f"/api/{token}?token={token}", asha)
    rest("POST", SEND, asha, json={"recipientId": token, token: [token]})
    expired, path, body = violations()
    assert (expired["aspect"], expired["problem"]) == ("token", "The token has expired.")
    assert "valid by the server's clock" in expired["mend"]
    assert "/api/<token>" in path["problem"]
    assert body["body"] == {"recipientId": "<token>", "<token>": ["<token>"]}
    assert token.split(".")[1] not in json.dumps(control("GET", "traffic"))


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ([{"text": "x"}], "recipientId is missing."),
        ([{"recipientId": UNKNOWN}], "The payload is not valid: a text, an attachment or both"),
        ([], "The payload must be a JSON object: a text, an attachment or both"),
        (["Hello!"], "The payload must be a JSON object"),
        ([None], "The payload must be a JSON object"),
    ],
)
def test_an_event_with_a_wrong_payload_is_named(
    violations: Any, connect: Any, asha: User, payload: Any, problem: str
) -> None:
    assert connect(asha).emit("sendMessage", *payload)["success"] is False
    found = the_only(violations())
    assert (found["kind"], found["name"], found["aspect"]) == ("event", "sendMessage", "body")
    assert found["user"]["name"] == "Asha"
    assert problem in found["problem"]
    assert found["requirement"] == "MSG-06", "and no requirement of REST"
    assert found["mend"].startswith("A payload that fits: ")


def test_what_is_missing_is_said_once(violations: Any, connect: Any, asha: User) -> None:
    connect(asha).emit("typing", {})
    found = the_only(violations())
    assert (found["problem"], found["requirement"]) == ("recipientId is missing.", "TYPE-03")


@pytest.mark.parametrize("attachment", [{"type": "song", "url": "x"}, {"type": "image"}, 5])
def test_what_fits_instead_has_the_part_that_was_wrong(
    violations: Any, rest: Any, connect: Any, asha: User, attachment: Any
) -> None:
    wrong = {"recipientId": UNKNOWN, "text": "x", "attachment": attachment}
    rest("POST", SEND, asha, json=wrong)
    connect(asha).emit("sendMessage", wrong)
    for found in violations():
        right = json.loads(found["mend"].partition(": ")[2])
        assert set(right["attachment"]) == {"type", "url"}


@pytest.mark.parametrize(
    ("event", "problem", "mend"),
    [
        ("sendMesage", "The contract has no event sendMesage", "mean to emit sendMessage?"),
        ("receiveMessage", "receiveMessage is an event of the server", "sendMessage"),
        ("isTyping", "The contract has no event isTyping", "mean to emit typing?"),
        ("startTyping", "The contract has no event startTyping", "mean to emit typing?"),
        ("stoptyping", "The contract has no event stoptyping", "mean to emit stopTyping?"),
        ("zzz", "The contract has no event zzz", "There is: sendMessage; typing; stopTyping."),
    ],
)
def test_an_event_that_clients_do_not_emit_is_named(
    violations: Any, connect: Any, asha: User, event: str, problem: str, mend: str
) -> None:
    connect(asha).emit(event, {})
    found = the_only(violations())
    assert (found["aspect"], found["user"]["name"]) == ("event", "Asha")
    assert problem in found["problem"]
    assert mend in found["mend"]


def test_a_connection_with_a_wrong_token_is_named(violations: Any, engine: Any) -> None:
    client = engine("EIO=4&transport=websocket&token=wrong")
    client.until("0")
    client.send("40")
    client.until("44")
    found = the_only(violations())
    assert (found["kind"], found["name"]) == ("connection", "refused")
    assert (found["aspect"], found["problem"]) == ("token", "The token is not valid.")
    assert "io(url, { query: { token } })" in found["mend"]


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (lambda token: {"auth": {"token": token}}, "auth payload"),
        (lambda token: {"headers": {"Authorization": f"Bearer {token}"}}, "Authorization header"),
    ],
)
def test_a_token_beside_the_query_connects_and_is_named(
    violations: Any, server: RunningServer, asha: User, options: Any, place: str
) -> None:
    with socketio.SimpleClient() as client:
        client.connect(server.url, transports=["websocket"], **options(server.token(asha)))
        found = the_only(violations())
    assert (found["kind"], found["name"], found["aspect"]) == ("connection", "connect", "token")
    assert found["user"]["name"] == "Asha"
    assert f"The token came in the {place} of the connection" in found["problem"]
    assert "io(url, { query: { token } })" in found["mend"]


def test_a_namespace_that_there_is_not_is_named(
    violations: Any, server: RunningServer, asha: User
) -> None:
    with socketio.SimpleClient() as client, pytest.raises(socketio.exceptions.ConnectionError):
        url = f"{server.url}?token={server.token(asha)}"
        client.connect(url, namespace="/api", transports=["websocket"])
    found = the_only(violations())
    assert (found["name"], found["aspect"]) == ("refused", "protocol")
    assert found["problem"].startswith("The contract has no namespace /api")
    assert found["mend"] == "Connect to the address alone, without a path."


FOREIGN = "http://192.168.1.5:5173"
ASKS = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def test_a_page_of_another_machine_is_told_why_its_browser_lets_it_call_nothing(
    violations: Any, server: RunningServer, rest: Any, asha: User, ben: User
) -> None:
    path = f"/api/messages/{ben.id}"
    for origin in (FOREIGN, "http://localhost:5173", server.url):
        requests.options(f"{server.url}{path}", headers={"Origin": origin, **ASKS}, timeout=5)
        rest("GET", path, asha, headers={"Origin": origin})
    preflight, request = violations()
    assert (preflight["name"], request["name"]) == (f"GET {path}", "listMessages")
    for found in (preflight, request):
        assert (found["kind"], found["aspect"]) == ("request", "origin")
        assert found["problem"].startswith(f"Pages of {FOREIGN} may not call this server")
        assert f"`--allow-origin {FOREIGN}`" in found["mend"]


@pytest.mark.parametrize("path", ["/api/messages/x", "/socket.io/?EIO=4&transport=polling"])
def test_an_origin_that_is_none_is_like_another_machine_s(
    violations: Any, server: RunningServer, path: str
) -> None:
    answer = requests.get(server.url + path, headers={"Origin": "http://["}, timeout=5)
    assert answer.status_code in (400, 401)
    assert len(violations()) == 1


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_page_of_another_machine_is_told_why_it_does_not_connect(
    violations: Any, server: RunningServer, asha: User, transport: str
) -> None:
    address = f"/socket.io/?EIO=4&transport={transport}&token={server.token(asha)}"
    if transport == "polling":
        requests.get(server.url + address, headers={"Origin": FOREIGN}, timeout=5)
    else:
        with pytest.raises(websocket.WebSocketBadStatusException):
            websocket.create_connection(f"ws{server.url[4:]}{address}", origin=FOREIGN, timeout=5)
    found = the_only(violations())
    assert (found["kind"], found["name"], found["aspect"]) == ("connection", "refused", "origin")
    assert f"`--allow-origin {FOREIGN}`" in found["mend"]


def test_a_client_that_speaks_another_protocol_is_named(
    violations: Any, server: RunningServer, connect: Any, asha: User
) -> None:
    requests.get(f"{server.url}/socket.io/?EIO=3&transport=polling", timeout=5)
    phone = connect(asha)
    phone.send("42{")
    assert phone.closes() < 5
    old, broken = violations()
    assert (old["aspect"], old["user"]) == ("protocol", None)
    assert "Engine.IO 4" in old["problem"]
    assert "socket.io-client 3 or 4" in old["mend"]
    assert (broken["aspect"], broken["name"], broken["user"]["name"]) == (
        "protocol",
        "broken",
        "Asha",
    )


def test_what_goes_on_and_on_is_cut_off(
    violations: Any, rest: Any, connect: Any, asha: User
) -> None:
    long = "x" * 50_000
    rest("POST", SEND, asha, json={"recipientId": long, "text": "x"})
    rest("GET", f"/api/{long[:5000]}", asha)
    connect(asha).emit(long, {"text": long})
    for found in violations():
        assert len(json.dumps(found)) < 8_000


def test_what_keeps_the_contract_is_not_listed(
    violations: Any,
    control: Any,
    server: RunningServer,
    rest: Any,
    connect: Any,
    asha: User,
    ben: User,
) -> None:
    phone = connect(asha)
    rest("GET", f"/api/messages/{UNKNOWN}", asha)  # nobody has this id
    rest("POST", SEND, asha, json={"recipientId": UNKNOWN, "text": "x"})
    phone.emit("sendMessage", {"recipientId": UNKNOWN, "text": "x"})
    phone.emit("typing", {"recipientId": ben.id})
    control("POST", "block", {"as": "Ben", "other": "Asha"})
    rest("POST", SEND, asha, json={"recipientId": ben.id, "text": "x"})
    for path in ("/favicon.ico", "/docs/nothing", "/"):
        requests.get(server.url + path, timeout=5)
    requests.options(f"{server.url}/api/chat/send", timeout=5)
    assert violations() == []


def test_what_was_asked_for_is_not_listed(
    violations: Any, control: Any, ask: Any, rest: Any, asha: User, ben: User
) -> None:
    for prefer in ("code=401", "code=400", "code=418", "delay=x"):
        headers = {"Prefer": prefer}
        rest("GET", f"/api/messages/{ben.id}", asha, headers=headers)
    control("POST", "fault", {"kind": "error", "code": 401})
    assert rest("GET", f"/api/messages/{ben.id}", asha).status_code == 401
    ask("POST", "send", {"as": "Ben", "to": "Asha"})
    control("POST", "block", {"as": "Asha", "other": "Ben"})
    for by in ("event", "rest"):
        ask("POST", "send", {"as": "Ben", "to": "Asha", "text": "x", "by": by})
    assert violations() == []


def test_violations_are_cleared(violations: Any, control: Any, rest: Any) -> None:
    for _ in range(2):
        rest("GET", f"/api/messages/{UNKNOWN}")
    assert control("GET", "state")["violations"] == 2
    control("POST", "reset")  # concerns the state alone
    assert len(violations()) == 2
    assert control("DELETE", "violations") == {"cleared": 2}
    assert violations() == []


def test_violations_are_bounded() -> None:
    traffic = Traffic(load())
    for number in range(MOST_ENTRIES + MOST_VIOLATIONS):
        traffic.note("event", "x", None, {"number": number}, Wrong("event", "no", "do"))
    assert len(traffic.violations) == MOST_VIOLATIONS
    assert len(list(traffic.since(0))) == MOST_ENTRIES
    assert traffic.violations[-1].facts["number"] == MOST_ENTRIES + MOST_VIOLATIONS - 1


def test_a_websocket_that_is_no_session_of_ours_is_no_violation(
    violations: Any, server: RunningServer
) -> None:
    address = server.url.replace("http", "ws", 1)
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(
            f"{address}/socket.io/?EIO=4&transport=websocket&sid=gone", timeout=5
        )
    assert violations() == []
