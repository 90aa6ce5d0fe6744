"""The page in a real browser: it reads, filters, links, copies and prints, and stays by itself."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence.printable import printable
from conformance.judging.findings import Finding, Status
from conformance.reports.html import SHOWN, write_html
from conformance.reports.report import Report
from tests.conformance.conftest import answer, answering
from tests.conformance.reports.samples import (
    CONTRACT,
    CURL,
    HOSTILE,
    RECEIVED,
    SCRIPT,
    SENT,
    WITH_BASELINE,
    finding,
    hostile,
    outcome,
    report,
)
from tests.conftest import chromium

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

LONG = replace(RECEIVED, body="w" * 4000)
SCRIPTED = finding("TYPE-03", "it is silent", reproduce=(SCRIPT,), trace=(SENT, LONG))
MANY = [finding("ERR-01", f"it breaks in way {number}") for number in range(SHOWN + 3)]
BROKEN = replace(
    WITH_BASELINE,
    outcomes=(
        *WITH_BASELINE.outcomes,
        outcome("TYPE-03", Status.FAILED, SCRIPTED),
        outcome("ERR-01", Status.FAILED, *MANY),
        outcome("SEND-01", Status.FAILED, finding("SEND-01", reproduce=(CURL, "curl second"))),
    ),
    stale=("SEND-02 abc expired.",),
    undocumented_events=("oddEvent",),
    checks={"AUTH-01": ("Judged by fuzzing.",)},
)
CLEAN = report(outcome("AUTH-01", Status.PASSED), outcome("SEND-01", Status.PASSED))
REPORTS = {"broken": BROKEN, "clean": CLEAN, "hostile": hostile()}
WIDTHS = {"phone": 390, "desktop": 1280}

Open = Callable[..., Any]


class Pages:
    """One browser for all tests, and one page in it for each way of looking."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._pages: dict[str, Any] = {}
        self.asked: list[str] = []
        """The URLs that were asked for."""
        self.complaints: list[str] = []
        """What stands in the console."""

    def page(self, width: int, **how: Any) -> Any:
        key = json.dumps({"width": width, **how}, sort_keys=True)
        if key not in self._pages:
            context = self._browser.new_context(
                viewport={"width": width, "height": 800},
                permissions=["clipboard-read", "clipboard-write"],
                **how,
            )
            page = self._pages[key] = context.new_page()
            page.set_default_timeout(10_000)
            page.on("request", lambda request: self.asked.append(request.url))
            page.on("console", lambda message: self.complaints.append(message.text))
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page = self._pages[key]
        page.emulate_media(media="screen")
        return page


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield Pages(browser)
        browser.close()


@pytest.fixture
def shown(pages: Pages, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a report. What it asked the network for, and what it complained about,
    has to be nothing in the end.
    """
    file = tmp_path / "report.html"
    pages.asked.clear()
    pages.complaints.clear()

    def show(given: Report, fragment: str = "", width: int = 1280, **how: Any) -> Any:
        file.write_bytes(write_html(given))
        page = pages.page(width, **how)
        page.goto(file.as_uri() + fragment)
        return page

    yield show
    assert {url.partition("#")[0] for url in pages.asked} <= {file.as_uri(), "data:,"}
    assert pages.complaints == []


def reproducer(of: Finding) -> str:
    return "\n".join(of.reproduce)


# By itself


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_it_fits_its_window_and_asks_for_nothing(shown, name, width):
    page = shown(REPORTS[name], width=WIDTHS[width])
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    page.evaluate("for (const it of document.querySelectorAll('details')) it.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]


def test_its_policy_forbids_all_that_it_does_not_need(pages, tmp_path, serve):
    came: list[bytes] = []
    url = serve(answering(lambda request: came.append(request) or answer(b"")))
    file = tmp_path / "report.html"
    file.write_bytes(write_html(BROKEN))
    page = pages.page(1280)
    page.goto(file.as_uri())
    refused = page.evaluate(
        """async (url) => {
            const refused = [];
            addEventListener("securitypolicyviolation",
                (event) => refused.push(event.effectiveDirective));
            await fetch(url).catch(() => {});
            const taken = document.createElement("script");
            taken.textContent = "document.title = 'taken'";
            document.body.append(taken);
            const image = new Image();
            await new Promise((done) => {
                image.onerror = done;
                image.src = `${url}/p.png`;
            });
            document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>x</p>");
            await new Promise((done) => setTimeout(done, 0));
            return refused;
        }""",
        url,
    )
    assert set(refused) == {"connect-src", "script-src-elem", "img-src", "style-src-attr"}
    assert page.title().startswith("Non-conformant")
    assert came == []


# What is hostile


def test_whatever_a_backend_said_stays_text(shown):
    page = shown(REPORTS["hostile"])
    assert page.title().startswith("Non-conformant")
    assert page.locator("script").count() == 1
    assert page.locator("style, h1, main, table").count() == 4
    assert page.locator("img, iframe, object, form").count() == 0
    hrefs = page.evaluate("[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))")
    assert {href[0] for href in hrefs} == {"#"}
    words = page.evaluate("document.body.textContent")
    for text in HOSTILE:
        assert printable(text).replace("\ud800", "?") in words or "\n" in text
    assert "\u202e" not in words


# Copying


def copied(page: Any) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("of", [finding(), SCRIPTED, BROKEN.failures[-1][1]])
@pytest.mark.parametrize("allowed", [True, False])
def test_the_button_copies_the_reproducer_and_nothing_else(shown, of, allowed):
    page = shown(BROKEN)
    if not allowed:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error()); }")
    button = page.locator(f'[id="{of.fingerprint}"] button')
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("button => button.textContent === 'Copied'", arg=button.element_handle())
    assert copied(page) == reproducer(of)


# Filtering


def visible(page: Any, selector: str) -> list[str]:
    return [it.get_attribute("id") or "" for it in page.locator(selector).all() if it.is_visible()]


def press(page: Any, box: str) -> None:
    """Toggles a checkbox as somebody without a mouse does."""
    before = page.locator(f"#{box}").is_checked()
    page.locator(f"#{box}").focus()
    page.keyboard.press("Space")
    page.wait_for_function(f"document.getElementById('{box}').checked !== {str(before).lower()}")


def test_a_state_is_hidden_and_shown_again_by_keyboard(shown):
    page = shown(BROKEN)
    cards = visible(page, "article")
    assert {"SEND-09", "HIST-07", "META-01"} <= set(cards)
    press(page, "s-failed")
    assert "SEND-09" not in visible(page, "article")
    assert not page.get_by_role("heading", name="Broken").is_visible()
    assert "HIST-07" in visible(page, "article")
    press(page, "s-failed")
    assert visible(page, "article") == cards


def test_a_level_is_hidden_with_every_heading_that_would_stand_alone(shown):
    page = shown(BROKEN)
    press(page, "l-should")
    assert "HIST-07" not in visible(page, "article")
    assert not page.get_by_role("heading", name="Warnings").is_visible()
    assert "SEND-09" in visible(page, "article")
    assert not page.locator("tr.group", has_text="HIST").is_visible()


def test_the_filter_is_reached_with_the_tab_key_and_shows_where_one_is(shown):
    page = shown(BROKEN)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "s-passed":
            break
    assert page.evaluate("document.activeElement.id") == "s-passed"
    outline = "getComputedStyle(document.activeElement.closest('label')).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_the_first_tab_offers_to_skip_to_what_was_found(shown):
    page = shown(BROKEN)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'content'")


# Links


def in_sight(page: Any, id: str) -> None:
    """Waits until the beginning of an element stands in the window."""
    page.wait_for_function(
        """id => {
            const it = document.getElementById(id);
            const box = it.getBoundingClientRect();
            return it.checkVisibility() && box.height > 0 && box.top >= -1 && box.top < innerHeight;
        }""",
        arg=id,
    )


@pytest.mark.parametrize("id", ["SEND-09", "META-01", "AUTH-05", finding().fingerprint])
def test_a_link_leads_to_a_requirement_or_a_finding(shown, id):
    page = shown(BROKEN, f"#{id}")
    in_sight(page, id)


def test_a_cell_of_the_matrix_leads_there_by_keyboard(shown):
    page = shown(BROKEN)
    page.get_by_role("link", name="TYPE-03 broken").first.focus()
    page.keyboard.press("Enter")
    in_sight(page, "TYPE-03")
    assert page.url.endswith("#TYPE-03")


def test_a_link_unfolds_what_it_leads_to(shown):
    id = MANY[-1].fingerprint
    page = shown(BROKEN, f"#{id}")
    in_sight(page, id)


def test_a_link_leads_to_what_the_filter_hides(shown):
    page = shown(BROKEN)
    press(page, "s-failed")
    assert not page.locator('[id="SEND-09"]').is_visible()
    page.get_by_role("link", name="SEND-09 broken").first.focus()
    page.keyboard.press("Enter")
    page.locator('[id="SEND-09"]').wait_for(state="visible")
    assert not page.locator('[id="TYPE-03"]').is_visible()


# Printing


def folded(page: Any, selector: str) -> list[str]:
    """The text of elements that have no place on the page."""
    return page.evaluate(
        """selector => [...document.querySelectorAll(selector)]
            .filter((it) => !it.checkVisibility({contentVisibilityAuto: true})
                || it.getBoundingClientRect().height === 0)
            .map((it) => it.textContent.slice(0, 60))""",
        selector,
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_print_shows_all_findings_unfolded_whatever_the_filter_hides(shown, scripts):
    page = shown(BROKEN, java_script_enabled=scripts)
    assert len(folded(page, ".finding")) == 3
    page.locator("#s-failed").uncheck()
    page.emulate_media(media="print")
    assert folded(page, "article, .finding, .finding pre, .finding dd, .wire li, .wire .head") == []
    assert not page.locator("nav, .filter, .skip").first.is_visible()
    assert not any(button.is_visible() for button in page.locator("button").all())
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000


def test_what_was_folded_is_folded_again_after_printing(shown):
    page = shown(BROKEN)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


# Without script, in the dark, for whoever does not see


def test_without_script_it_reads_and_filters_and_a_click_takes_the_whole_reproducer(shown):
    page = shown(BROKEN, java_script_enabled=False)
    assert page.locator("button:visible").count() == 0
    page.locator("#s-failed").uncheck()
    assert visible(page, "article") == ["HIST-07", "META-01"]
    page.locator("#s-failed").check()
    assert "SEND-09" in visible(page, "article")
    select = "getComputedStyle(document.querySelector('.repeat pre')).userSelect"
    assert page.evaluate(select) == "all"


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgb = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const behind = (it) => {
        for (let at = it; at; at = at.parentElement) {
            const color = rgb(getComputedStyle(at).backgroundColor);
            if (color[3] === 255) return color;
        }
        return [255, 255, 255];
    };
    const light = (color) => color.slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const poor = [];
    for (const it of document.querySelectorAll("body *")) {
        if (![...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
        if (!it.checkVisibility()) continue;
        const [one, two] = [light(rgb(getComputedStyle(it).color)), light(behind(it))];
        const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${it.tagName} ${it.className}`);
    }
    return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_stands_out_from_what_is_behind_it(shown, scheme):
    page = shown(BROKEN, color_scheme=scheme)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")
    # WCAG 2.2, 1.4.3 (AA)
    assert page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("name", REPORTS)
def test_headings_landmarks_and_labels_make_sense_without_sight(shown, name):
    page = shown(REPORTS[name])
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1, landmark
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((it) => it.id)")
    assert len(ids) == len(set(ids))
    named = page.evaluate(
        """[...document.querySelectorAll("[aria-labelledby], a")].map((it) =>
            it.getAttribute("aria-labelledby") ?? it.getAttribute("href").slice(1))"""
    )
    assert set(named) <= set(ids)
    nameless = """[...document.querySelectorAll("a, button, input, section")].filter((it) =>
        !(it.ariaLabel ?? it.getAttribute("aria-labelledby") ?? it.labels?.[0]?.textContent
            ?? it.textContent).trim()).map((it) => it.outerHTML)"""
    assert page.evaluate(nameless) == []


# Many findings


def test_a_page_with_hundreds_of_findings_stays_usable(shown):
    trace = tuple(replace(LONG, direction=way) for way in ("sent", "received") * 12)
    outcomes = [
        outcome(
            id,
            Status.FAILED,
            *(finding(id, f"it breaks in way {number}", trace=trace) for number in range(4)),
        )
        for id in CONTRACT.requirements
    ]
    given = report(*outcomes)
    assert len(write_html(given)) < 8_000_000
    page = shown(given, "#PRES-05")
    in_sight(page, "PRES-05")
    press(page, "l-must")
    assert "SEND-09" not in visible(page, '[id="SEND-09"]')


def test_the_page_says_all_that_the_report_knows(shown):
    words = " ".join(shown(BROKEN).locator("body").inner_text().split())
    for part in (
        "Non-conformant", "http://localhost:5000", "Accepted by the baseline: ticket 12",
        "needs a user; add one", "SEND-02 abc expired.", "oddEvent", "switched off",
        "acknowledges every message", "§5", "1.2 s",
    ):  # fmt: skip
        assert part in words, part
    assert json.dumps("hello") not in words  # the wire is folded
