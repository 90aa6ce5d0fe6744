"""The inspector in a real browser, with clients at work."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
import requests

from reference_server import RunningServer, running
from reference_server.control.faults import Kind
from reference_server.scenarios import reading
from reference_server.users import User
from tests.reference_server.pages import served

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]
PHONE = {"width": 390, "height": 844}
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


class Visit:
    """The page, open, and what it asked for and complained of."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda it: self.complaints.append(it.text))
        self.page.on("pageerror", lambda it: self.complaints.append(str(it)))
        self.page.on("request", lambda it: self.hosts.add(urlsplit(it.url).netloc))
        self.page.goto(f"{url}/_reference/")
        self.page.get_by_role("radio", name="Asha").wait_for()

    def entry(self, text: str) -> Any:
        """The newest entry that says this."""
        return self.page.locator("#log li:visible").filter(has_text=text).first

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def told(self, text: str) -> None:
        """Wait until the page says that this came of an action."""
        self.page.get_by_role("status").get_by_text(text).wait_for()


@pytest.fixture
def visit(browser: Any, server: RunningServer, control: Any) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def begin(url: str = server.url, **options: Any) -> Visit:
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield begin
    for each in visits:
        each.context.close()


@pytest.mark.needs("socket.io-client")
def test_traffic_of_a_frontend_appears_with_what_it_broke_and_how_to_mend_it(
    visit: Any, server: RunningServer, asha: User, ben: User
) -> None:
    visited = visit()
    page = visited.page
    with served() as port:
        frontend = visited.context.new_page()
        frontend.goto(f"http://127.0.0.1:{port}")
        facts = {"url": server.url, "token": server.token(asha), "ben": ben.id}
        frontend.evaluate(
            """async ({url, token, ben}) => {
              window.socket = io(url, {query: {token}});
              await new Promise((resolve) => socket.on("connect", resolve));
              window.heard = new Promise((resolve) => socket.on("receiveMessage", resolve));
              await socket.emitWithAck("typing", {recipientId: ben});
              await socket.emitWithAck("typng", {recipientId: ben});
              const headers = {Authorization: `Bearer ${token}`};
              headers["Content-Type"] = "application/json";
              await fetch(`${url}/api/messages/${ben}`, {headers});
              const body = JSON.stringify({recipientId: ben});
              await fetch(`${url}/api/messages/send`, {method: "POST", headers, body});
            }""",
            facts,
        )
        assert "200" in visited.entry("listMessages").inner_text()
        broken = visited.entry("sendMessage")
        for part in ("Your client broke the contract (SEND-07, notes §2.1, §5)", "Mend:"):
            broken.get_by_text(part).wait_for()
        visited.entry("Did you mean to emit typing?").wait_for()
        broken.locator("summary").click()
        detail = broken.locator(".detail")
        detail.get_by_text("authorization: (hidden)").wait_for()
        assert json.loads(detail.get_by_label("Body").inner_text()) == {"recipientId": ben.id}
        assert "Bearer" not in page.content()

        page.get_by_label("only violations").check()
        assert page.locator("#log li:visible").count() == 2
        page.get_by_label("Operation or event").select_option("sendMessage")
        assert page.locator("#log li:visible").count() == 1
        page.get_by_label("User", exact=True).select_option("Ben")
        page.get_by_text("Nothing that fits the filter.").wait_for()

        page.get_by_role("radio", name="Ben").check(force=True)
        page.get_by_label("Message").fill("From the inspector")
        visited.press("Send")
        visited.told("Ben wrote to Asha.")
        assert frontend.evaluate("heard")["text"] == "From the inspector"
    assert visited.complaints == []
    assert visited.hosts == {urlsplit(server.url).netloc}


def test_users_devices_and_blocks_are_at_ones_fingertips(
    visit: Any, control: Any, asha: User, ben: User
) -> None:
    visited = visit()
    visited.page.get_by_role("radio", name="Ben").check(force=True)
    visited.press("Connect")
    visited.told("Ben connected phone.")
    visited.page.get_by_text("1 of 10 online").wait_for()
    visited.press("Type")
    visited.told("Ben types to Asha.")
    visited.page.get_by_role("button", name="Drop phone of Ben").click()
    visited.page.get_by_text("0 of 10 online").wait_for()
    visited.press("Block")
    visited.told("Ben blocked Asha.")
    assert control("GET", "state")["settings"][0]["isBlocked"] is True
    visited.press("Read")
    visited.told("Ben read what came from Asha.")


def test_a_fault_that_is_set_by_keyboard_alone_takes_effect(
    visit: Any, control: Any, rest: Any, asha: User, ben: User
) -> None:
    page = visit().page
    page.get_by_label("What goes wrong").focus()
    for key in ("Tab", *"sendMessage", "Tab", *"Asha", "Tab", "ArrowUp", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Clear fault").wait_for()
    (fault,) = control("GET", "faults")
    assert (fault["kind"], fault["operation"], fault["left"]) == ("error", "sendMessage", 2)
    assert (fault["user"]["name"], fault["code"]) == ("Asha", 500)
    body = {"recipientId": ben.id, "text": "Hello!"}
    assert rest("POST", "/api/messages/send", asha, json=body).status_code == 500
    page.locator("#log li").filter(has_text="error of sendMessage").wait_for()
    page.get_by_role("button", name="Clear fault").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Clear fault").wait_for(state="detached")
    assert page.evaluate("document.activeElement.id") == "faults"
    assert rest("POST", "/api/messages/send", asha, json=body).status_code == 201


def test_a_scenario_runs_and_stops(visit: Any, control: Any) -> None:
    visited = visit()
    visited.press("Run ben-sends-a-picture")
    visited.entry("ben-sends-a-picture started").wait_for()
    visited.page.locator(".person.online").filter(has_text="Ben").wait_for()
    visited.press("Stop ben-sends-a-picture")
    visited.entry("ben-sends-a-picture stopped").wait_for()
    assert control("GET", "runs")[-1]["state"] == "stopped"


def test_clock_snapshots_and_reset(visit: Any, control: Any, asha: User, ben: User) -> None:
    visited = visit()
    visited.press("Take")
    visited.page.get_by_role("button", name="Restore before").wait_for()
    visited.press("Send")
    visited.page.get_by_text("1 message in 1 conversation").wait_for()
    visited.press("Restore before")
    visited.page.get_by_text("0 messages in 0 conversations").wait_for()
    visited.press("Forget before")
    visited.page.locator("#snapshots:empty").wait_for(state="attached")
    visited.press("Freeze")
    visited.page.get_by_text("stands still", exact=True).wait_for()
    before = control("GET", "clock")["now"]
    visited.press("Step")
    visited.told("The clock was stepped.")
    assert control("GET", "clock")["now"][:13] > before[:13]
    visited.page.on("dialog", lambda dialog: dialog.accept())
    visited.press("Reset the server")
    visited.told("The server is as it was")
    assert control("GET", "clock") | {"now": ""} == {"now": "", "frozen": False, "steered": False}


def test_a_refusal_is_told_in_the_servers_words(visit: Any) -> None:
    visited = visit()
    visited.page.get_by_label("Message").fill("")
    visited.press("Send")
    visited.told("text")
    assert "bad" in visited.page.locator("#told").get_attribute("class")


def test_hostile_texts_stay_texts(
    visit: Any, rest: Any, connect: Any, asha: User, ben: User
) -> None:
    visited = visit()
    rest("POST", f"/api/{HOSTILE}", asha, headers={"X-Evil": HOSTILE}, json={HOSTILE: HOSTILE})
    connect(asha).emit(HOSTILE, {"text": HOSTILE})
    for text in ("The contract has no path", "The contract has no event"):
        entry = visited.entry(text)
        entry.locator("summary").click()
        entry.locator(".detail").get_by_text("onerror").first.wait_for()
    assert visited.page.locator("img, #log script").count() == 0
    assert visited.page.title() == "Inspector"
    policy = requests.get(visited.page.url, timeout=5).headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_a_server_that_starts_anew_is_found_again(visit: Any) -> None:
    with running(control=True) as server:
        port = urlsplit(server.url).port
        visited = visit(server.url)
        visited.press("Send")
        visited.entry("receiveMessage").wait_for()
    visited.page.get_by_text("The server is gone").wait_for()
    with running(control=True, port=port) as server:
        visited.page.get_by_text("Connected", exact=True).wait_for()
        requests.post(f"{server.url}/_reference/connect", json={"as": "Chitra"}, timeout=5)
        visited.entry("Chitra").wait_for()
        visited.page.get_by_text("1 of 10 online").wait_for()
        assert visited.entry("receiveMessage").is_visible()


def test_the_page_fits_phone_and_desk_and_the_dark(visit: Any) -> None:
    page = visit().page
    for size in (PHONE, {"width": 1280, "height": 900}):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(sum(map(int, re.findall(r"\d+", paper)[:3])))
    assert shades[0] > 600
    assert shades[1] < 150


def test_every_kind_of_fault_can_be_chosen(visit: Any) -> None:
    options = visit().page.locator("#kind option")
    assert set(options.evaluate_all("all => all.map((it) => it.value)")) == set(get_args(Kind))


def test_the_page_is_found_and_guarded(server: RunningServer) -> None:
    moved = requests.get(f"{server.url}/_reference", allow_redirects=False, timeout=5)
    assert (moved.status_code, moved.headers["Location"]) == (307, "/_reference/")
    foreign = requests.get(f"{server.url}/_reference/", headers={"Host": "evil.example"}, timeout=5)
    assert foreign.status_code == 403
    missing = requests.get(f"{server.url}/_reference/pages/inspector.html", timeout=5)
    assert (missing.status_code, missing.json()["success"]) == (404, False)


def test_thousands_of_entries_are_bounded_and_in_order(
    visit: Any, connect: Any, asha: User, ben: User
) -> None:
    visited = visit()
    page = visited.page
    phone = connect(asha)
    packet = "42" + json.dumps(["typing", {"recipientId": ben.id}])
    for _ in range(1500):
        phone.send(packet)
    assert phone.emit("nonsense", {})["success"] is False
    visited.entry("no event nonsense").wait_for()
    page.wait_for_function("document.querySelector('#count').textContent === '1000'")
    times = page.locator("#log time").evaluate_all("all => all.map((it) => it.dateTime)")
    assert len(times) == 1000
    assert times == sorted(times, reverse=True)
    visited.press("Clear the view")
    page.get_by_text("Nothing yet.").wait_for()
    visited.press("Pause")
    phone.emit("nonsense", {})
    page.get_by_text("0, 1 waiting").wait_for()
    visited.press("Go on")
    visited.entry("no event nonsense").wait_for()


def test_the_pages_of_the_documentation_lead_to_it(visit: Callable[..., Visit]) -> None:
    page = visit().page
    for name in ("REST operations", "Events"):
        page.get_by_role("link", name=name).click()
        page.get_by_role("link", name="Inspector").click()
        page.get_by_role("radio", name="Asha").wait_for()


def test_the_picture_that_ben_sends_shows_without_a_network(visit: Callable[..., Visit]) -> None:
    content = reading.read(reading.shipped()["ben-sends-a-picture"])[0]
    (url,) = [each.arguments["attachment"]["url"] for each in content.steps if each.verb == "send"]
    page = visit().context.new_page()
    page.route("**", lambda route: route.abort())
    page.set_content("<img>")
    shown = page.locator("img").evaluate(
        "async (it, url) => { it.src = url; await it.decode(); return it.naturalWidth; }", url
    )
    assert shown == 240
