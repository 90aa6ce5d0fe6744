"""`--watch`: documents that change while the server runs."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.reference_server.command import Lines, Start, token
from tests.reference_server.conftest import Frames
from tests.reference_server.extending import answer, asyncapi, openapi

CITY = {"/api/city": {"get": {"operationId": "readCity", "responses": answer(200, {})}}}
POKE = {"onPoke": {"action": "receive", "messages": [{"name": "poke", "payload": {}}]}}


class Watched:
    """A server that watches two documents, with Asha connected."""

    def __init__(self, start: Start, folder: Path) -> None:
        self.folder = folder
        self.openapi = openapi(folder, {})
        self.asyncapi = asyncapi(folder, {})
        process, announced = start(
            "--openapi", str(self.openapi), "--asyncapi", str(self.asyncapi), "--watch"
        )
        self.said = Lines(process.stdout)  # type: ignore[arg-type]
        self.complained = Lines(process.stderr)  # type: ignore[arg-type]
        self.url = announced["url"]
        self.asha, self.ben = announced["users"][:2]
        self.token = token(announced)
        self.socket = Frames(
            f"{self.url.replace('http', 'ws')}/socket.io/"
            f"?EIO=4&transport=websocket&token={self.token}"
        )
        self.socket.until("0")
        self.socket.send("40")
        self.socket.until("40")

    def get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(self.url + path, headers=headers, timeout=5)


def rename(file: Path, operation: str) -> None:
    file.write_text(file.read_text().replace(f"Id: {operation}\n", "Id: another\n"))


@pytest.fixture
def watched(start: Start, tmp_path: Path) -> Watched:
    return Watched(start, tmp_path)


def test_what_is_added_is_there_and_nothing_is_lost(watched: Watched) -> None:
    watched.socket.emit("sendMessage", {"recipientId": watched.ben["_id"], "text": "before"})
    assert watched.get("/api/city").status_code == 404
    assert watched.socket.emit("poke", {})["success"] is False

    openapi(watched.folder, CITY)
    watched.said.until("openapi.yaml changed and in force")
    watched.said.until("GET /api/city (readCity), answered with made-up data")
    assert watched.get("/api/city").json() == {}

    asyncapi(watched.folder, POKE)
    watched.said.until("asyncapi.yaml changed and in force")
    assert watched.socket.emit("poke", {}) == {"success": True}

    # The socket is the one from before, and so are presence and messages.
    sent = watched.socket.emit("sendMessage", {"recipientId": watched.asha["_id"], "text": "now"})
    assert sent["data"]["status"] == "delivered"
    history = watched.get(f"/api/messages/{watched.ben['_id']}").json()["data"]
    assert [message["text"] for message in history] == ["before"]
    assert "/api/city" in requests.get(f"{watched.url}/docs/openapi.json", timeout=5).text


def test_control_follows_and_what_it_has_begun_goes_on(watched: Watched) -> None:
    def control(verb: str, **arguments: Any) -> requests.Response:
        return requests.post(f"{watched.url}/_reference/{verb}", json=arguments, timeout=5)

    assert control("connect", **{"as": "Ben"}).ok
    fault = {"kind": "error", "operation": "readCity", "code": 200}
    assert control("fault", **fault).status_code == 400
    openapi(watched.folder, CITY)
    watched.said.until("in force")
    assert control("fault", kind="delay", operation="readCity", delay="10ms").ok
    assert watched.get("/api/city").status_code == 200
    # Ben's virtual device is still there, and what passes is still noted.
    sent = watched.socket.emit("sendMessage", {"recipientId": watched.ben["_id"], "text": "hey"})
    assert sent["data"]["status"] == "delivered"
    traffic = requests.get(f"{watched.url}/_reference/traffic", timeout=5).text
    assert "readCity" in traffic
    assert watched.get("/api/town").status_code == 404
    violations = requests.get(f"{watched.url}/_reference/violations", timeout=5).text
    assert "/api/town" in violations


def test_what_is_removed_is_gone(watched: Watched) -> None:
    asyncapi(watched.folder, POKE)
    watched.said.until("in force")
    asyncapi(watched.folder, {})
    watched.said.until("in force")
    assert watched.socket.emit("poke", {})["success"] is False


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda file: file.write_text("openapi: 3.0.4\npaths: {\n"), ", line 3, column 1: "),
        (lambda file: openapi(file.parent, {"/x": {"get": {}}}), ", /paths/~1x/get: needs"),
        (lambda file: rename(file, "sendMessage"), "no operation sendMessage"),
        (lambda file: file.unlink(), "No such file"),
    ],
)
def test_a_broken_edit_is_one_line_and_the_one_before_stays(
    watched: Watched, spoil: Any, part: str
) -> None:
    openapi(watched.folder, CITY)
    watched.said.until("in force")
    spoil(watched.openapi)
    line = watched.complained.until("stay in force")
    assert line.startswith(f"r2c-server: {watched.openapi}")
    assert part in line
    assert watched.get("/api/city").status_code == 200
    assert watched.socket.emit("typing", {"recipientId": watched.ben["_id"]}) == {"success": True}
    # Once it is mended, it counts again, and of the broken one there was one line.
    openapi(watched.folder, {})
    watched.said.until("in force")
    assert watched.get("/api/city").status_code == 404
    assert len(watched.complained.seen) == 1


def test_a_file_that_is_still_being_written_is_left_alone(watched: Watched) -> None:
    whole = openapi(watched.folder, CITY).read_text()
    with watched.openapi.open("w") as file:
        until = time.monotonic() + 1
        while time.monotonic() < until:  # an editor that takes its time
            file.write("# more\n")
            file.flush()
            time.sleep(0.02)
        file.write(whole)
    watched.said.until("in force")
    assert watched.complained.seen == []
    assert watched.get("/api/city").status_code == 200
