"""Faults that have been seen in the field are found, and nothing else is."""

import json
import re
from pathlib import Path

import pytest

from tests.examples.conftest import ROOT, Run, Verify

BROKEN = ROOT / "examples" / "broken"
pytestmark = [pytest.mark.slow, pytest.mark.needs("express")]


def test_a_second_conversation_for_two_first_messages_is_found(verify: Verify) -> None:
    run = verify(BROKEN / "two-conversations.mjs", "SEND")
    assert run.broken == {"SEND-04", "SEND-15"}
    summaries = {finding["summary"] for finding in run.findings}
    assert all("in several conversations when they are a pair's first" in it for it in summaries)
    assert (run.verdict, run.exit_status) == ("non-conformant", 1)


@pytest.fixture(scope="module")
def death(verify: Verify) -> Run:
    """A run against the backend that dies, with what is needed to see that it goes on."""
    return verify(BROKEN / "dies-on-typing.mjs", "TYPE,MSG-01,SEND-01,ALL-05")


def test_a_death_is_laid_to_the_event_without_a_payload(death: Run) -> None:
    (finding,) = [each for each in death.findings if each["requirement"] == "ALL-05"]
    deed, *last_words = finding["observed"].splitlines()
    assert re.search(r"nothing but this is done: .*\w+: emits typing( null)?$", deed)
    assert last_words[0].endswith(" ended with status 1; the last it printed:")
    assert any("TypeError: Cannot destructure" in line for line in last_words)
    (script,) = finding["reproduce"]
    assert script.count(".emit(") == 1
    assert death.broken <= {"ALL-05", "TYPE-03"}
    assert (death.verdict, death.exit_status) == ("non-conformant", 1)


def test_after_a_death_the_run_goes_on_with_a_new_process(death: Run) -> None:
    kinds = [json.loads(line)["kind"] for line in death.events.splitlines()]
    rest = kinds[kinds.index("backend-restarted") :]
    assert {"scenario-ended", "fuzzing-ended", "run-ended"} <= set(rest)
    for requirement in ("TYPE-01", "TYPE-02", "TYPE-04", "TYPE-05", "MSG-01", "SEND-01"):
        assert death.status(requirement) == "passed"


@pytest.fixture(scope="module")
def deaf(verify: Verify) -> Run:
    """A run against a backend that dies of each message over sockets."""
    only = "MSG-01,MSG-07,MSG-08,MSG-09,TYPE-03,TYPE-04,ALL-04,ALL-05,SEND-01,SEND-09"
    return verify(Path(__file__).parent / "broken" / "dies-on-each-message.mjs", only)


def test_a_death_of_what_is_plain_is_laid_to_that_alone(deaf: Run) -> None:
    (finding,) = deaf.findings
    assert finding["requirement"] == "ALL-05"
    assert finding["summary"] == "The backend dies of a plain event sendMessage"
    assert "ended with status 1; the last it printed:" in finding["observed"]
    assert "Error: no such column" in finding["observed"]
    (script,) = finding["reproduce"]
    assert re.findall(r'emit\("(\w+)"', script) == ["sendMessage"]
    assert (deaf.verdict, deaf.exit_status) == ("non-conformant", 1)


def test_after_it_died_of_a_message_no_more_are_sent_and_the_rest_is_judged(deaf: Run) -> None:
    assert deaf.status("SEND-01") == deaf.status("SEND-09") == "passed"
    reasons = {each["id"]: each["reason"] for each in deaf.report["requirements"]}
    why = "the backend dies of a plain event sendMessage (ALL-05), so none is sent any more"
    for id in ("MSG-01", "MSG-07", "MSG-09", "TYPE-03", "TYPE-04", "ALL-04"):
        assert deaf.status(id) == "untestable"
        assert why in reasons[id] or "stopped answering" in reasons[id]
    kinds = [json.loads(line)["kind"] for line in deaf.events.splitlines()]
    assert kinds.count("backend-restarted") == 3, "twice more to know what it died of"
    assert deaf.report["duration_s"] < 60
    assert f"Verifying {deaf.report['target']}, started by `" in deaf.printed


def test_deaths_of_one_fault_in_several_places_are_laid_to_each(verify: Verify) -> None:
    entry = Path(__file__).parent / "broken" / "dies-of-nobody.mjs"
    run = verify(entry, "HIST-06,META-06,MSG-08,ALL-05")
    deaths = [each for each in run.findings if each["requirement"] == "ALL-05"]
    assert {each["summary"].partition(" with {")[0] for each in deaths} >= {
        "The backend dies of one kind of GET /api/messages/{otherUserId}",
        "The backend dies of one kind of PUT /api/conversations/{otherUserId}/metadata",
        "The backend dies of one kind of event sendMessage",
    }
    unexplained = [each for each in deaths if "stops answering" in each["summary"]]
    assert len(unexplained) <= 1, "on a busy machine one autopsy may run out of time"
    assert run.broken <= {"ALL-05", "MSG-08"}
