"""summary.md reads well on a job page, fits it, and lets nothing a backend said become markup."""

import re
import textwrap
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from conformance.evidence.redaction import Redactor
from conformance.evidence.reproduction import parts, socket_snippet
from conformance.evidence.steps import Step
from conformance.judging.findings import Status
from conformance.reports.markdown import LARGEST, as_markdown, write_markdown
from conformance.reports.report import Report
from tests.conformance.reports.samples import (
    CONTRACT,
    CURL,
    EVERY_KIND,
    HOSTILE,
    SCRIPT,
    WITH_BASELINE,
    any_report,
    finding,
    hostile,
    outcome,
    report,
)

# GitHub's Markdown with HTML left in it; the job page filters that further.
RENDER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
OURS = {
    "h2", "h3", "p", "strong", "em", "code", "pre", "details", "summary", "table", "thead",
    "tbody", "tr", "th", "td", "ul", "li",
}  # fmt: skip


def rendered(given: Report) -> str:
    return str(RENDER.render(as_markdown(given)))


def tags(html: str) -> set[str]:
    return set(re.findall(r"<([a-z0-9]+)", html))


def test_the_verdict_comes_first():
    assert as_markdown(report(*EVERY_KIND)).splitlines()[0] == "## ✗ Non-conformant"
    passed = report(outcome("AUTH-01", Status.PASSED))
    assert as_markdown(passed).startswith("## ✓ Conformant\n\n**1 of 1 requirements kept")


def test_each_finding_stands_in_a_table_and_unfolds_to_what_repeats_it():
    text = as_markdown(report(*EVERY_KIND))
    assert "| SEND-09 | must | §5 | it breaks |" in text
    assert "<details><summary>SEND-09 it breaks</summary>" in text
    assert f"```sh\n{CURL}\n```" in text


def test_a_script_stands_in_it_as_it_is():
    text = as_markdown(report(outcome("SEND-09", Status.FAILED, finding(reproduce=(SCRIPT,)))))
    assert f"```js\n{SCRIPT}\n```" in text


def test_a_table_says_which_findings_have_the_cause_of_another():
    cause = "the form of status"
    found = [
        outcome(id, Status.FAILED, replace(finding(id), cause=cause))
        for id in ("SEND-02", "ALL-01")
    ]
    text = as_markdown(report(*found))
    assert "| it breaks (cause: the form of status) |" in text
    assert "| it breaks (cause: the form of status, as SEND-02) |" in text


def test_what_all_scripts_have_in_common_stands_there_once():
    scripts = [
        socket_snippet(
            [Step.of_emit("Asha", "typing", [{"to": name}])], "http://localhost:5000", Redactor()
        )
        for name in ("one", "two")
    ]
    found = [
        outcome(id, Status.FAILED, finding(id, reproduce=(script,)))
        for id, script in zip(("TYPE-01", "TYPE-02"), scripts, strict=True)
    ]
    text = as_markdown(report(*found))
    assert text.count("const open = (name, query, transports)") == 1
    assert text.count("needs socket.io-client@4.8") == 2
    for name in ("one", "two"):
        assert f'asha_1.emit("typing", {{["to"]: "{name}"}});' in text
    for script in scripts:
        needs, begin, own, end = parts(script)
        whole = "\n".join([needs, begin, textwrap.indent(own, "  "), end])
        assert whole == script


def test_it_says_what_could_not_be_judged_what_is_stale_and_what_is_known():
    text = as_markdown(WITH_BASELINE)
    assert "| META-01 | must | it is known | ticket 12 | 2030-01-01 |" in text
    html = rendered(report(*EVERY_KIND, stale=("SEND-01 expired.",), undocumented_events=("odd",)))
    assert "<td>AUTH-02</td>\n<td>needs a user; add one</td>" in html
    assert "<li>SEND-01 expired.</li>" in html
    assert "<code>odd</code>" in html


@any_report(60)
def test_nothing_from_outside_becomes_markup(given):
    html = rendered(given)
    assert tags(html) <= OURS
    assert not re.search(r"<[a-z0-9]+ (?!class=\"language-(sh|js)\")", html)


def test_what_is_hostile_stays_text():
    html = rendered(hostile())
    assert tags(html) <= OURS
    words = unescape(html).replace("\u2060", "")
    for text in HOSTILE:
        if "\n" not in text and len(text) < 500 and text.isprintable():
            assert text in words
    assert "\u202e" not in html
    assert "@someone" not in unescape(re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL))


def test_tables_keep_their_columns_whatever_stands_in_them():
    for table in re.findall(r"<table>.*?</table>", rendered(hostile()), re.DOTALL):
        rows = [row.count("<t") - 1 for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
        assert len(set(rows)) == 1


@pytest.mark.parametrize("largest", [3_000, 20_000, LARGEST])
def test_it_never_grows_beyond_what_a_job_page_takes(largest):
    many = [
        outcome(id, Status.FAILED, *(finding(id, f"{number} {'ü' * 400}") for number in range(30)))
        for id in CONTRACT.requirements
    ]
    text = as_markdown(report(*many), largest)
    assert len(text.encode()) <= largest
    assert text.startswith("## ✗ Non-conformant")
    if largest > 3_000:
        assert re.search(r"_There is no room here for \d+ further parts; see report.html._", text)
        assert text.rstrip().endswith("</details>")


def test_lone_surrogates_can_be_written():
    assert b"\\ud800" in write_markdown(report(stopped="\ud800")).replace(b"&#92;", b"\\")


def test_where_commands_need_tokens_it_is_told_how_to_get_them():
    given = report(outcome("SEND-09", Status.FAILED, finding()), target_file="target.toml")
    assert '```sh\neval "$(r2c-verify token --all)"\n```' in as_markdown(given)


def test_a_stale_baseline_is_no_green_verdict():
    given = report(outcome("SEND-09", Status.PASSED), stale=("SEND-09 no longer fails.",))
    assert as_markdown(given).startswith("## ✗ Conformant, but the baseline is stale\n")
