from pathlib import Path
from typing import Any

import pytest
import requests

from contract import load
from reference_server import RunningServer, running
from reference_server.documentation import content_security_policy
from tests.reference_server.extending import answer, asyncapi, openapi

CONTRACT = load()


def test_swagger_ui_comes_from_here_and_calls_this_server(rest: Any) -> None:
    assert "swagger-ui-bundle.js" in rest("GET", "/docs/rest/").text
    for part in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert rest("GET", f"/docs/rest/{part}").status_code == 200
    for place, servers in (
        ("/docs/openapi.json", [{"url": "/"}]),
        ("/docs/rest/document.json", None),
    ):
        document = rest("GET", place).json()
        assert document["paths"].keys() == CONTRACT.openapi["paths"].keys()
        assert document.get("servers") == servers


def test_the_documents_are_handed_out_as_they_are(rest: Any, tmp_path: Path) -> None:
    served = rest("GET", "/docs/asyncapi.json")
    document = served.json()
    assert document["operations"]["onTyping"]["channel"] == {"$ref": "#/channels/chat"}
    assert "openapi.yaml" not in str(document["components"])
    # Alone it says the same.
    file = tmp_path / "asyncapi.json"
    file.write_bytes(served.content)
    assert load(asyncapi=file).events == CONTRACT.events
    file = tmp_path / "openapi.json"
    file.write_bytes(rest("GET", "/docs/openapi.json").content)
    assert load(openapi=file).operations == CONTRACT.operations


def test_people_read_what_has_to_be_kept_and_no_extensions(rest: Any) -> None:
    operations = {
        node["operationId"]: node
        for path in rest("GET", "/docs/rest/document.json").json()["paths"].values()
        for node in path.values()
    }
    events = rest("GET", "/docs/events/document.json").json()["operations"]
    for requirement in CONTRACT.requirements.values():
        for name in requirement.binds:
            node = operations.get(name) or events[name]
            assert f"**{requirement.id}** ({requirement.level}" in node["description"]
            assert requirement.text in node["description"]
    for place in ("/docs/rest/document.json", "/docs/events/document.json"):
        assert '"x-' not in rest("GET", place).text


def test_a_field_whose_name_begins_with_x_is_no_extension(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"x-ray": {"type": "string", "x-violation": "ERR-01"}},
    }
    paths = {"/x": {"get": {"operationId": "x", "responses": answer(200, schema)}}}
    with running(openapi=openapi(tmp_path, paths)) as server:
        document = requests.get(f"{server.url}/docs/rest/document.json", timeout=5).json()
    content = document["paths"]["/x"]["get"]["responses"]["200"]["content"]["application/json"]
    assert content["schema"]["properties"] == {"x-ray": {"type": "string"}}


def test_pages_on_this_machine_get_a_token_for_each_user(server: RunningServer, rest: Any) -> None:
    shown = rest("GET", "/docs/try.json")
    assert shown.headers["Cache-Control"] == "no-store"
    users = shown.json()["users"]
    assert [user["name"] for user in users] == [user.name for user in server.users]
    for user in users:
        assert server.server.tokens.user_of(user["token"]).id == user["_id"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "10.0.0.1", "", "[::1", "x]:"]
)
def test_one_whose_name_was_made_to_lead_here_gets_none(rest: Any, host: str) -> None:
    users = rest("GET", "/docs/try.json", headers={"Host": host}).json()["users"]
    assert users
    assert all(user.keys() == {"_id", "userId", "name"} for user in users)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", "null"])
def test_a_page_from_elsewhere_gets_none_even_where_it_may_call(rest: Any, origin: str) -> None:
    users = rest("GET", "/docs/try.json", headers={"Origin": origin}).json()["users"]
    assert all("token" not in user for user in users)


def test_a_page_from_here_may_say_so(server: RunningServer, rest: Any) -> None:
    users = rest("GET", "/docs/try.json", headers={"Origin": server.url}).json()["users"]
    assert all("token" in user for user in users)


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "[::1]:80", "a.localhost:3000"])
def test_this_machine_has_several_names(rest: Any, host: str) -> None:
    users = rest("GET", "/docs/try.json", headers={"Host": host}).json()["users"]
    assert all("token" in user for user in users)


def test_where_others_reach_the_server_nobody_gets_a_token(server: RunningServer) -> None:
    real, server.server.host = server.server.host, "0.0.0.0"
    try:
        assert all("token" not in user for user in server.server.people("localhost"))
    finally:
        server.server.host = real


def test_an_event_without_an_example_can_be_tried_with_a_made_up_payload(tmp_path: Path) -> None:
    payload = {"type": "object", "properties": {"mood": {"type": "string"}}}
    poke = {"action": "receive", "messages": [{"name": "poke", "payload": payload}]}
    with running(asyncapi=asyncapi(tmp_path, {"onPoke": poke})) as server:
        shown = requests.get(f"{server.url}/docs/try.json", timeout=5).json()["events"]
    events = {event["event"]: event["examples"] for event in shown}
    assert events["poke"] == [{"name": "made up", "payload": {"mood": "mood"}}]
    assert [example["name"] for example in events["sendMessage"]] == ["text", "picture"]


@pytest.mark.parametrize("path", ["/docs/rest/", "/docs/events"])
def test_a_page_may_load_what_comes_from_here_and_nothing_else(rest: Any, path: str) -> None:
    policy = rest("GET", path).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_a_host_that_is_none_changes_no_policy() -> None:
    for host in ("", "x; script-src *", "a b"):
        assert "connect-src 'self';" in content_security_policy(host)


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/rest", "/docs/rest/index.html"])
def test_the_way_in_leads_to_the_operations(rest: Any, path: str) -> None:
    assert rest("GET", path).url.endswith("/docs/rest/")


@pytest.mark.parametrize(
    "path",
    ["/docs/nothing", "/docs/rest/nothing.js", "/documents", "/docs/pages/", "/docs/pages/none.js",
     "/docs/pages/..%2F..%2Fpyproject.toml"],
)  # fmt: skip
def test_what_is_not_there_is_404_in_json(rest: Any, path: str) -> None:
    response = rest("GET", path)
    assert response.status_code == 404
    assert response.json()["success"] is False
