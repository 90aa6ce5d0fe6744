"""The REST fuzzing against a small backend of the tests' own, which can be told to misbehave."""

import json
import time

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.fuzzing.generation import Plan
from conformance.fuzzing.people import People
from conformance.fuzzing.rest import RestFuzzing
from conformance.judging.findings import Ledger, Status
from conformance.stage.world import World
from conformance.wire.pacing import Pace

from .conftest import ASHA, BEN, CHITRA
from .small_backend import USERS, Quirk, Refuse, backend, conforming, message, settings

pytestmark = pytest.mark.slow
FAST = Pace()


def world_at(url, contract, pace):
    target = Target.of(
        {
            "target": {"url": url},
            "users": [
                {"_id": u.id, "userId": u.public_id, "name": u.name, "token": f"token-{u.name}"}
                for u in USERS.values()
            ],
        }
    )
    ledger, redactor = Ledger(contract.requirements), Redactor()
    return World(contract, target, TokenMint(target), ledger, Journal(redactor), redactor, pace, 1)


@pytest.fixture
def fuzz(contract, generator):
    """Fuzzes a backend with a quirk; returns the tally and the findings as (id, summary)."""

    def run(quirk: Quirk = lambda *_: ..., examples=4, seconds=60.0, lives=lambda: True, pace=FAST):
        with backend(quirk) as url:
            world = world_at(url, contract, pace)
            people = People(ASHA, (BEN, CHITRA))
            tally = RestFuzzing(world.actors[0], people, generator, lives).run(
                Plan(examples, 1), seconds
            )
            world.close()
        outcomes = world.ledger.outcomes()
        return tally, [finding for outcome in outcomes for finding in outcome.findings], outcomes

    return run


def test_a_conforming_backend_gets_no_finding_and_passes_what_is_fuzzed(fuzz):
    tally, findings, outcomes = fuzz()
    assert findings == []
    assert tally.complete
    assert tally.cases > 150
    passed = {o.requirement.id for o in outcomes if o.status is Status.PASSED and o.cases}
    assert {
        "HIST-01", "HIST-05", "SEND-01", "SEND-02", "SEND-08", "SEND-10", "SEND-11", "CHAT-01",
        "CHAT-04", "META-01", "META-02", "META-06", "META-07", "ERR-02", "ERR-06",
    } <= passed  # fmt: skip


def test_an_accepted_wrong_type_is_found_and_made_small(fuzz):
    def quirk(method, path, raw):
        if path == "/api/messages/send" and b'"text":0' in raw.replace(b" ", b""):
            return message(BEN.id, "0", None)
        return ...

    _, findings, _ = fuzz(quirk)
    (found,) = [f for f in findings if f.requirement == "SEND-11"]
    assert found.summary == "POST /api/messages/send: a body whose /text is wrong is answered 201"
    assert '"text": 0' in found.expected or "0 is not of type" in found.expected
    assert "attachment" not in found.trace[0].body


def test_several_defects_of_one_operation_are_all_found(fuzz):
    def quirk(method, path, raw):
        try:
            body = json.loads(raw)
        except ValueError:
            return ...
        if not isinstance(body, dict) or method != "PUT" or len(path.split("/")[3]) != 24:
            return ...
        if "isPinned" in body and body["isPinned"] is None:
            return settings(BEN.id, {})
        if isinstance(body.get("customRingtone"), int | float):
            return settings(BEN.id, {})
        return ...

    _, findings, _ = fuzz(quirk)
    assert {
        f.summary.split(": ")[1].split(" is ")[0] for f in findings if f.requirement == "META-07"
    } == {
        "a body whose /isPinned",
        "a body whose /customRingtone",
    }


def test_a_refused_valid_message_is_found(fuzz):
    def quirk(method, path, raw):
        return (400, None) if path == "/api/messages/send" and b"video" in raw else ...

    _, findings, _ = fuzz(quirk)
    assert ("SEND-06", "POST /api/messages/send: valid input is answered 400") in [
        (f.requirement, f.summary) for f in findings
    ]


def test_what_is_refused_whoever_it_is_for_says_nothing_about_people_who_do_not_exist(fuzz):
    def quirk(method, path, raw):
        return (400, None) if path == "/api/messages/send" and b"attachment" in raw else ...

    _, findings, _ = fuzz(quirk, examples=20)
    assert {f.requirement for f in findings} == {"SEND-06"}


def test_400_for_people_who_do_not_exist_is_found(fuzz):
    def quirk(method, path, raw):
        known = BEN.id.encode() in raw.lower() or CHITRA.id.encode() in raw.lower()
        return (400, None) if path == "/api/messages/send" and not known else ...

    _, findings, _ = fuzz(quirk, examples=20)
    assert "SEND-09" in {f.requirement for f in findings}


def test_ids_in_capitals_are_the_same_ids(fuzz):
    def quirk(method, path, raw):
        id = path.split("/")[-1]
        return (404, None) if method == "GET" and id in (BEN.id.upper(), CHITRA.id.upper()) else ...

    _, findings, _ = fuzz(quirk, examples=20)
    assert [f.requirement for f in findings if f.requirement.startswith("HIST")] == ["HIST-01"]


def test_a_text_that_comes_back_changed_is_found(fuzz):
    def quirk(method, path, raw):
        if path != "/api/chat/send":
            return ...
        try:
            status, data = conforming(method, path, json.loads(raw))
        except (Refuse, ValueError):
            return ...
        return status, {**data, "text": data["text"].encode("ascii", "replace").decode()}

    _, findings, _ = fuzz(quirk, examples=20)
    assert "SEND-13" in [f.requirement for f in findings]


def test_requests_say_that_they_are_slowed_down_without_being_blamed(fuzz):
    calls = 0

    def quirk(method, path, raw):
        nonlocal calls
        calls += 1
        return (503, None) if calls % 3 == 0 else ...

    _, findings, _ = fuzz(quirk)
    assert {f.requirement for f in findings} == {"ERR-03"}  # the monitors' finding, not ours


def test_a_connection_that_is_cut_each_time_is_no_answer(fuzz):
    def quirk(method, path, raw):
        return None if path == "/api/messages/send" and raw == b"null" else ...

    asked = []
    tally, findings, _ = fuzz(quirk, lives=lambda: asked.append(1) or True)
    assert [f.summary for f in findings] == [
        "POST /api/messages/send: a body that is wrong as a whole is left without an answer"
    ]
    assert asked
    assert tally.complete


def test_one_lost_answer_is_nobodys_fault(fuzz):
    lost = []

    def quirk(method, path, raw):
        if method == "POST" and not lost:
            lost.append(raw)
            return None
        return ...

    tally, findings, _ = fuzz(quirk)
    assert lost
    assert findings == []
    assert tally.complete


def test_fuzzing_ends_when_the_backend_is_gone(fuzz):
    asked = []
    tally, _, _ = fuzz(lambda *_: None, lives=lambda: asked.append(1) and False)
    assert len(asked) == 1
    assert tally.cases == 1
    assert not tally.complete


def test_fuzzing_ends_when_time_is_over_with_what_it_has_found(fuzz):
    tally, findings, _ = fuzz(lambda m, p, raw: (500, None), examples=5000, seconds=2.0)
    assert not tally.complete
    assert tally.cases > 0
    assert {f.requirement for f in findings} == {"ERR-03"}


def test_settings_that_were_fuzzed_are_taken_back(fuzz):
    last = {}

    def quirk(method, path, raw):
        if method == "PUT":
            last[path.lower()] = raw
        return ...

    fuzz(quirk)
    for user in (BEN, CHITRA):
        body = json.loads(last[f"/api/conversations/{user.id}/metadata"])
        assert body == {"isPinned": False, "isBlocked": False, "isFavorite": False}


def test_a_slow_backend_gets_several_requests_at_the_same_moment_with_the_same_outcome(fuzz):
    slow = Pace(median=0.03, p95=0.04)
    together, most = [], []

    def quirk(method, path, raw):
        together.append(path)
        most.append(len(together))
        try:
            if method == "PUT" and len(together) > 1:
                return 500, None
            return (400, None) if path == "/api/messages/send" and b"video" in raw else ...
        finally:
            time.sleep(0.005)
            together.remove(path)

    tally, findings, _ = fuzz(quirk, pace=slow)
    assert max(most) > 2
    assert tally.complete
    assert {f.requirement for f in findings} == {"SEND-06"}


def test_a_lost_answer_among_others_is_asked_for_again_when_they_are_done(fuzz):
    slow = Pace(median=0.03, p95=0.04)
    seen = set()

    def quirk(method, path, raw):
        key = (path, raw)
        if method == "POST" and len(seen) % 3 == 0 and key not in seen:
            seen.add(key)
            return None
        seen.add(key)
        return ...

    tally, findings, _ = fuzz(quirk, pace=slow)
    assert findings == []
    assert tally.complete
