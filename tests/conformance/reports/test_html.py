"""What the page says of findings that have one cause, read without a browser."""

import re
from dataclasses import replace

from conformance.judging.findings import Status
from conformance.reports.html import as_html
from tests.conformance.reports.samples import finding, outcome, report

CAUSE = "the form of <status>"
FIRST, SECOND, WARNED = (
    replace(finding(id, text), cause=CAUSE)
    for id, text in (("SEND-02", "odd"), ("ALL-01", "unfit"), ("ALL-03", "backwards"))
)
PAGE = as_html(
    report(
        *(outcome(it.requirement, Status.FAILED, it) for it in (FIRST, SECOND, WARNED)),
        outcome("SEND-09", Status.FAILED, finding()),
    )
)


def block(fingerprint: str) -> str:
    """The part of the page that tells a finding."""
    return PAGE.partition(f'id="{fingerprint}"')[2].partition('<p class="foot">')[0]


def links(fingerprint: str) -> list[str]:
    part = re.search(r'class="cause">(.*?)<dl>', block(fingerprint), re.DOTALL)
    return re.findall(r'href="#([0-9a-f]{12})"', part[1]) if part else []


def test_the_first_finding_of_a_cause_leads_to_the_others_and_they_to_it():
    assert links(FIRST.fingerprint) == [SECOND.fingerprint, WARNED.fingerprint]
    assert links(SECOND.fingerprint) == links(WARNED.fingerprint) == [FIRST.fingerprint]
    assert links(finding().fingerprint) == []


def test_a_cause_stays_text():
    assert "the form of &lt;status&gt;" in block(FIRST.fingerprint)
    assert "<status>" not in PAGE
