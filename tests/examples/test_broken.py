"""Two faults that have been seen in the field are found, and nothing else is."""

import json
import re

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
    # Behind each payload the suite asks whether everyone is still served.
    sent = [it for it in finding["observed"].split(" | ") if "still there" not in it]
    assert re.fullmatch(r"\w+: emits typing( null)?", sent[-1])
    assert death.broken <= {"ALL-05", "TYPE-03"}
    assert (death.verdict, death.exit_status) == ("non-conformant", 1)


def test_after_a_death_the_run_goes_on_with_a_new_process(death: Run) -> None:
    kinds = [json.loads(line)["kind"] for line in death.events.splitlines()]
    rest = kinds[kinds.index("backend-restarted") :]
    assert {"scenario-ended", "fuzzing-ended", "run-ended"} <= set(rest)
    for requirement in ("TYPE-01", "TYPE-02", "TYPE-04", "TYPE-05", "MSG-01", "SEND-01"):
        assert death.status(requirement) == "passed"
