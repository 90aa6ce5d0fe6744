"""The commands of docs/frontend.md work when they are pasted one after the other, and its page."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from reference_server import running
from tests.reference_server.pages import served

GUIDE = Path(__file__).parents[2] / "docs" / "frontend.md"
DEADLINE = 90  # seconds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the commands print, on a port of their own."""
    folder = tmp_path_factory.mktemp("pasted")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))
    commands = commands.replace("127.0.0.1:5000", f"127.0.0.1:{port}")
    commands = commands.replace("r2c-server > ", f"r2c-server --port {port} > ")
    commands = re.sub(r"(r2c-server play \S+)", rf"\1 --url http://127.0.0.1:{port}", commands)
    program = folder / "r2c-server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reference_server "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eu", "-c", f"trap 'kill %1 2> /dev/null || true' EXIT\n{commands}"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(GUIDE.parents[1]),
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert {file.name for file in folder.iterdir()} == {"r2c-server", "server.log", "late.yaml"}
    return done.stdout


def test_the_commands_have_no_comments_which_an_interactive_zsh_takes_for_arguments() -> None:
    commands = re.findall(r"```(?:sh|console)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(commands) > 10
    assert not [
        line for each in commands for line in each.splitlines() if re.search(r"(^|\s)#", line)
    ]


def test_nothing_is_refused_but_what_is_to_be(told: str) -> None:
    refusals = re.findall(r'"success":false,"message":"([^"]*)"', told)
    assert refusals == [
        "The message could not be stored.",
        "No user has the id 60d0fe4f5311236168a10999.",
        "listMessages has no answer 418 in the document; it has 200, 400, 401, 404, 414, 429, 431,"
        " 500.",
        "recipientId is not valid: the recipient's ObjectId.",
    ]


def test_they_show_what_they_say(told: str) -> None:
    assert "HTTP/1.1 500" in told
    assert "Are you coming to the rehearsal tonight?" in told  # an example
    assert '"requirement":"SEND-08"' in told
    assert told.count("finished") == 2
    assert "Sorry, I fell asleep." in told


class Shown:
    """The guide's page, open in a browser, and the server that it talks to."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self._url = url

    def control(self, verb: str, **arguments: Any) -> None:
        answer = requests.post(f"{self._url}/_reference/{verb}", json=arguments, timeout=5)
        assert answer.ok, answer.text

    def violations(self) -> Any:
        return requests.get(f"{self._url}/_reference/violations", timeout=5).json()["data"]


@pytest.fixture
def shown(browser: Any) -> Iterator[Shown]:
    (html,) = re.findall(r"```html\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    with running(control=True) as server:
        asha = next(iter(server.users))
        html = html.replace("http://127.0.0.1:5000", server.url)
        html = html.replace('"TOKEN"', f'"{server.token(asha)}"')
        with served(page=html.encode()) as port:
            page = browser.new_page()
            page.set_default_timeout(10_000)
            page.goto(f"http://localhost:{port}/")
            page.get_by_text("Loading …").wait_for(state="hidden")
            page.wait_for_function(
                "url => fetch(`${url}/_reference/state`).then((it) => it.json())"
                ".then((it) => it.data.users[0].online)",
                arg=server.url,
            )
            yield Shown(page, server.url)
            page.close()


@pytest.mark.needs("chromium")
@pytest.mark.needs("socket.io-client")
def test_the_page_shows_what_a_frontend_has_to(shown: Shown) -> None:
    page, control = shown.page, shown.control
    control("connect", **{"as": "Ben"})
    page.get_by_text("online").wait_for()
    control("typing", **{"as": "Ben", "to": "Asha"})
    page.get_by_text("Ben is typing …").wait_for()
    control("stopTyping", **{"as": "Ben", "to": "Asha"})
    page.get_by_text("Ben is typing …").wait_for(state="hidden")
    control("fault", kind="error", operation="sendMessage", code=500)
    page.get_by_label("Message").fill("Are you there?")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").get_by_text("500: The message could not be stored.").wait_for()
    page.get_by_role("button", name="Send").click()
    page.get_by_text("You: Are you there?").wait_for()
    page.wait_for_function("document.getElementById('text').value === ''")
    control("scenarios/ben-sends-a-picture/run")
    page.locator("img").wait_for()
    assert page.locator("img").evaluate("async (it) => (await it.decode(), it.naturalWidth)") > 0
    control("send", **{"as": "Chitra", "to": "Asha", "text": "Another chat."})
    control("fault", kind="refuse", user="Asha")
    control("fault", kind="disconnect", user="Asha", event="receiveMessage")
    control("send", **{"as": "Ben", "to": "Asha", "text": "In the tunnel."})
    page.get_by_text("Ben: In the tunnel.").wait_for()
    control("leave", **{"as": "Ben"})
    page.get_by_text(re.compile(r"last seen 20\d\d-")).wait_for()
    control("fault", kind="delay", operation="listMessages", delay="500ms")
    page.reload()
    page.get_by_text("Loading …").wait_for()
    page.get_by_text("Loading …").wait_for(state="hidden")
    lines = ["You: Are you there?", "Ben: This is where we meet.", "Ben: In the tunnel."]
    assert page.get_by_role("listitem").all_inner_texts() == lines
    assert shown.violations() == []


@pytest.mark.needs("chromium")
@pytest.mark.needs("socket.io-client")
def test_a_page_without_a_token_says_so(browser: Any) -> None:
    (html,) = re.findall(r"```html\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    with running() as server:
        html = html.replace("http://127.0.0.1:5000", server.url)
        with served(page=html.encode()) as port:
            page = browser.new_page()
            page.set_default_timeout(10_000)
            page.goto(f"http://localhost:{port}/")
            page.get_by_role("alert").get_by_text(
                "Asha's token is not in this page yet."
            ).wait_for()
            page.close()
