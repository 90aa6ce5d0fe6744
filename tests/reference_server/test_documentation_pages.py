"""The documentation pages in a real browser, with nothing but the server to load from."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract import load
from reference_server import RunningServer

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]
PAGES = ("/docs/rest/", "/docs/events")
PHONE = {"width": 390, "height": 844}
CONTRACT = load()


class Visit:
    """A page that is open, and what it asked for and complained of."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda it: self.complaints.append(it.text))
        self.page.on("pageerror", lambda it: self.complaints.append(str(it)))
        self.page.on("request", lambda it: self.hosts.add(urlsplit(it.url).netloc))
        self.page.goto(address)
        shown = self.page.locator("asyncapi-viewer >> text=onTyping")
        self.page.locator(".opblock").or_(shown).first.wait_for()


@pytest.fixture
def visit(browser: Any, server: RunningServer) -> Iterator[Any]:
    visits: list[Visit] = []

    def begin(path: str, **options: Any) -> Visit:
        visits.append(Visit(browser, server.url + path, **options))
        return visits[-1]

    yield begin
    for each in visits:
        each.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_from_here_alone_and_complains_of_nothing(
    visit: Any, server: RunningServer, path: str
) -> None:
    visited = visit(path)
    visited.page.wait_for_load_state("networkidle")
    assert visited.hosts - {""} == {urlsplit(server.url).netloc}
    assert visited.complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_the_dark(visit: Any, path: str) -> None:
    shades = []
    for scheme in ("light", "dark"):
        page = visit(path, viewport=PHONE, color_scheme=scheme).page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(sum(map(int, re.findall(r"\d+", paper)[:3])))
    assert shades[0] > 600
    assert shades[1] < 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_operation_that_is_tried_fits_a_phone_and_can_be_read(visit: Any, scheme: str) -> None:
    page = visit("/docs/rest/", viewport=PHONE, color_scheme=scheme).page
    page.locator("#operations-messages-listMessages .opblock-summary-control").click()
    operation = page.locator("#operations-messages-listMessages")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table tbody .response-col_status").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    field = operation.get_by_placeholder("otherUserId")
    box = field.bounding_box()
    assert box["x"] + box["width"] <= PHONE["width"]
    colours = field.evaluate("it => [getComputedStyle(it).color, getComputedStyle(it).background]")
    text, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert abs(text - paper) > 400


def test_without_control_no_page_leads_to_an_inspector(visit: Any) -> None:
    for path in PAGES:
        page = visit(path).page
        assert page.get_by_role("link", name="REST operations").is_visible()
        assert not page.get_by_role("link", name="Inspector").is_visible()


def test_the_operations_are_tried_as_the_user_who_is_chosen(
    visit: Any, rest: Any, server: RunningServer
) -> None:
    asha, ben, chitra = list(server.users)[:3]
    page = visit("/docs/rest/").page
    page.get_by_label("Call as").select_option("Chitra")
    page.get_by_text("is sent with Chitra's token").wait_for()
    page.locator("#operations-messages-sendMessage .opblock-summary-control").click()
    operation = page.locator("#operations-messages-sendMessage")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table tbody .response-col_status").first.wait_for()
    status = operation.locator(".live-responses-table tbody .response-col_status").first
    assert status.inner_text().startswith("201")
    (message,) = rest("GET", f"/api/messages/{ben.id}", chitra).json()["data"]
    assert message["sender"] == {"_id": chitra.id, "name": "Chitra"}
    assert rest("GET", f"/api/messages/{ben.id}", asha).json()["data"] == []


@pytest.mark.parametrize(("caller", "other"), [("Asha", "Ben"), ("Ben", "Asha")])
def test_what_is_tried_is_for_another_user(
    visit: Any, rest: Any, server: RunningServer, caller: str, other: str
) -> None:
    people = {user.name: user for user in server.users}
    ids = {name: user.id for name, user in people.items()}
    page = visit("/docs/rest/").page
    page.get_by_label("Call as").select_option("Chitra")
    sending = page.locator("#operations-messages-sendMessage")
    history = page.locator("#operations-messages-listMessages")
    for operation in (sending, history):
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
    page.get_by_label("Call as").select_option(caller)
    page.get_by_text(f"is sent with {caller}'s token").wait_for()
    assert history.get_by_placeholder("otherUserId").input_value() == ids[other]
    sending.get_by_role("button", name="Execute").click()
    sending.locator(".live-responses-table tbody .response-col_status").first.wait_for()
    *_, message = rest("GET", f"/api/messages/{ids[other]}", people[caller]).json()["data"]
    assert message["sender"]["name"] == caller


def test_what_is_emitted_is_for_another_user(visit: Any, server: RunningServer) -> None:
    ids = {user.name: user.id for user in server.users}
    page = visit("/docs/events").page
    for name in ("Asha", "Ben"):
        page.get_by_label("User", exact=True).select_option(name)
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_role("button", name=f"Disconnect {name}").wait_for()
    for name, other in (("Ben", "Asha"), ("Asha", "Ben")):
        page.get_by_label("As", exact=True).select_option(name)
        payload = page.get_by_label("Payload", exact=True)
        assert ids[other] in payload.input_value()
        page.get_by_label("Event", exact=True).select_option("typing")
        assert ids[other] in payload.input_value()


def test_every_operation_and_event_is_shown_with_what_has_to_be_kept(visit: Any) -> None:
    page = visit("/docs/rest/").page
    for operation in CONTRACT.operations.values():
        assert page.locator(f"[id$=-{operation.id}]").count() == 1
    page = visit("/docs/events").page
    shown = page.locator("asyncapi-viewer").evaluate("it => it.shadowRoot.textContent")
    for event in CONTRACT.events.values():
        assert event.operation_id in shown
        assert event.name in shown
    for part in (
        "client → server",
        "server → client",
        "recipientId",
        "messageAcknowledged",
        "MSG-04",
        "It stands in the history under that id",
    ):
        assert part in shown
    assert "Problems" not in shown


def test_several_users_connect_and_each_hears_what_is_theirs(visit: Any) -> None:
    visited = visit("/docs/events")
    page = visited.page
    for name in ("Asha", "Ben"):
        page.get_by_label("User", exact=True).select_option(name)
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_role("button", name=f"Disconnect {name}").wait_for()
    log = page.get_by_role("log")
    page.get_by_label("As", exact=True).select_option("Asha")
    page.get_by_role("button", name="Emit").click()
    for line in ("Asha → sendMessage", "Asha ← acknowledgement", "Ben ← receiveMessage"):
        log.get_by_text(line).wait_for()
    page.get_by_label("Event", exact=True).select_option("typing")
    page.get_by_label("ask for an acknowledgement").uncheck()
    page.get_by_role("button", name="Emit").click()
    log.get_by_text("Ben ← typingStatus").wait_for()
    assert log.get_by_text("acknowledgement of typing").count() == 0
    page.get_by_role("button", name="Disconnect Ben").click()
    log.get_by_text("Ben disconnected").wait_for()
    log.get_by_text("Asha ← userStatus").first.wait_for()
    assert visited.complaints == []


def test_a_wrong_payload_is_told_as_the_server_or_the_parser_tells_it(visit: Any) -> None:
    page = visit("/docs/events").page
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("button", name="Disconnect Asha").wait_for()
    page.get_by_label("Payload", exact=True).fill("{")
    page.get_by_role("button", name="Emit").click()
    page.get_by_role("alert").get_by_text("The payload is no JSON").wait_for()
    page.get_by_label("Payload", exact=True).fill("{}")
    page.get_by_role("button", name="Emit").click()
    page.get_by_role("log").get_by_text("recipientId is missing.").wait_for()


def test_the_keyboard_is_enough(visit: Any) -> None:
    page = visit("/docs/events").page
    page.get_by_label("User", exact=True).focus()
    for key in ("ArrowDown", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Disconnect Ben").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Disconnect Ben"
    page.keyboard.press("Enter")
    page.get_by_role("log").get_by_text("Ben disconnected").wait_for()


def test_where_no_tokens_are_handed_out_one_can_be_pasted(
    visit: Any, server: RunningServer
) -> None:
    asha = next(iter(server.users))
    real, server.server.host = server.server.host, "0.0.0.0"
    try:
        page = visit("/docs/events").page
        page.get_by_label("Token").fill("nonsense")
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_role("status").get_by_text("was refused").wait_for()
        page.get_by_label("Token").fill(server.token(asha))
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_role("button", name="Disconnect Token 1").wait_for()
        page = visit("/docs/rest/").page
        page.get_by_text("Paste a token under Authorize").wait_for()
        assert not page.get_by_label("Call as").is_visible()
    finally:
        server.server.host = real
