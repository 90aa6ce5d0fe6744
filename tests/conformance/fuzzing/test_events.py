"""The event fuzzing against the reference server, with one of its habits replaced."""

import asyncio

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.fuzzing.events import EventFuzzing
from conformance.fuzzing.generation import Plan
from conformance.judging.findings import Ledger, Status
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from reference_server import running
from reference_server.errors import Invalid
from reference_server.events import EventRouter
from reference_server.payloads import require

pytestmark = pytest.mark.slow

QUICK, SLOW = Pace(), Pace(median=0.05, p95=0.06)
"""With the fuzzing's own patience, for servers that are fair."""
HASTY, SLOW_AND_HASTY = Pace(patience=0.2), Pace(median=0.05, p95=0.06, patience=0.1)
"""For servers that lose what is waited for."""


def fits(event, arguments):
    try:
        require(event.payload, arguments[0] if arguments else None)
    except Invalid:
        return False
    return True


def names_a_user(payload):
    id = payload.get("recipientId") if isinstance(payload, dict) else None
    return isinstance(id, str) and id.lower().startswith("60d0fe4f5311236168a109")


@pytest.fixture
def fuzz(monkeypatch, contract, generator):
    """Fuzzes a server that asks `habit` what to do with each event; returns tally and findings."""

    def run(habit=None, pace=QUICK, examples=4, seconds=90.0, lives=lambda: True):
        if habit is not None:
            original = EventRouter._receiver

            def receiver(self, event, handler):
                inner = original(self, event, handler)

                async def receive(sid, *arguments):
                    return await habit(self, event, sid, arguments, inner)

                return receive

            monkeypatch.setattr(EventRouter, "_receiver", receiver)
        with running() as server:
            users = [
                {"_id": u.id, "userId": u.public_id, "name": u.name, "token": server.token(u)}
                for u in server.users
            ]
            target = Target.of({"target": {"url": server.url}, "users": users})
            ledger, redactor = Ledger(contract.requirements), Redactor()
            mint = TokenMint(target)
            world = World(contract, target, mint, ledger, Journal(redactor), redactor, pace, 1)
            sender, *others = world.actors
            tally = EventFuzzing(sender, others[:2], generator, lives).run(
                Plan(examples, 1), seconds
            )
            world.close()
        findings = [finding for outcome in ledger.outcomes() for finding in outcome.findings]
        passed = {o.requirement.id for o in ledger.outcomes() if o.status is Status.PASSED}
        return tally, [f for f in findings if f.requirement != "MSG-13"], passed

    return run


@pytest.mark.parametrize("pace", [QUICK, SLOW])
def test_a_conforming_server_gets_no_finding_and_passes_what_is_fuzzed(fuzz, pace):
    tally, findings, passed = fuzz(pace=pace)
    assert findings == []
    assert tally.complete
    assert {"MSG-01", "MSG-05", "MSG-06", "MSG-07", "TYPE-01", "TYPE-03", "ALL-02"} <= passed


def test_a_server_that_disconnects_for_garbage_is_fair(fuzz):
    async def habit(router, event, sid, arguments, inner):
        if fits(event, arguments):
            return await inner(sid, *arguments)
        await router._sockets.disconnect(sid)
        return None

    tally, findings, _ = fuzz(habit, examples=0)
    assert findings == []
    assert tally.complete


def test_a_server_that_handles_events_late_and_out_of_order_is_fair(fuzz):
    async def habit(router, event, sid, arguments, inner):
        await asyncio.sleep(0.02 if event.name == "sendMessage" else 0)
        return await inner(sid, *arguments)

    tally, findings, _ = fuzz(habit, examples=0)
    assert findings == []
    assert tally.complete


def test_a_server_that_tells_each_change_of_typing_once_is_fair(fuzz):
    said = {}

    async def habit(router, event, sid, arguments, inner):
        if event.name != "sendMessage" and fits(event, arguments):
            whom = arguments[0]["recipientId"].lower()
            if said.get((sid, whom)) == event.name:
                return None
            said[sid, whom] = event.name
        return await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, examples=2)
    assert findings == []


def test_an_invalid_payload_that_is_delivered_is_found_and_made_small(fuzz):
    async def habit(router, event, sid, arguments, inner):
        if event.name == "sendMessage" and arguments and not fits(event, arguments):
            payload = arguments[0]
            if names_a_user(payload) and isinstance(payload.get("text"), int):
                payload = {"recipientId": payload["recipientId"], "text": str(payload["text"])}
                return await inner(sid, payload)
        return await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, HASTY, examples=0)
    (found,) = [f for f in findings if f.requirement == "MSG-06"]
    assert found.summary == "sendMessage: a payload whose /text is wrong is delivered"
    assert "Schemathesis, coverage, negative" in found.expected
    assert '"text": 0' in found.trace[-1].body or '"text":0' in found.trace[-1].body
    assert "attachment" not in found.trace[-1].body


def test_an_invalid_payload_that_is_only_stored_is_found(fuzz):
    async def habit(router, event, sid, arguments, inner):
        if event.name == "sendMessage" and arguments and not fits(event, arguments):
            payload = arguments[0]
            if names_a_user(payload) and isinstance(payload.get("text"), list):
                announce, router.announce = router.announce, silence
                try:
                    return await inner(sid, {"recipientId": payload["recipientId"], "text": "x"})
                finally:
                    router.announce = announce
        return await inner(sid, *arguments)

    async def silence(*_):
        return None

    _, findings, _ = fuzz(habit, HASTY, examples=0)
    assert [(f.requirement, f.summary) for f in findings] == [
        ("MSG-06", "sendMessage: a payload whose /text is wrong is stored")
    ]


@pytest.mark.parametrize("pace", [HASTY, SLOW_AND_HASTY])
def test_typing_that_reaches_others_for_a_wrong_payload_is_found(fuzz, pace):
    async def habit(router, event, sid, arguments, inner):
        if event.name == "typing" and not arguments:
            status = {"senderId": router._users[sid].id, "isTyping": True}
            await router._sockets.emit("typingStatus", status)
        return await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, pace, examples=0)
    assert [(f.requirement, f.summary) for f in findings] == [
        ("TYPE-03", "typing: an event without payload is delivered")
    ]


def test_a_valid_message_that_does_not_arrive_is_found(fuzz):
    async def habit(router, event, sid, arguments, inner):
        if event.name == "sendMessage" and fits(event, arguments):
            attachment = arguments[0].get("attachment")
            if attachment and attachment["type"] == "video":
                return None
        return await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, HASTY, examples=0)
    assert [(f.requirement, f.summary) for f in findings] == [
        ("MSG-05", "sendMessage: valid input does not arrive as it was sent")
    ]


@pytest.mark.parametrize("pace", [HASTY, SLOW_AND_HASTY])
def test_a_sender_who_stays_connected_but_is_no_longer_served_is_found(fuzz, pace):
    deaf = set()

    async def habit(router, event, sid, arguments, inner):
        if arguments and arguments[0] is None:
            deaf.add(sid)
        return None if sid in deaf else await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, pace, examples=0)
    blamed = {(f.requirement, f.summary.partition(": ")[2]) for f in findings}
    assert blamed == {
        (
            "MSG-07",
            "a payload that is wrong as a whole leaves the sender connected but no longer served",
        )
    }


def test_a_payload_after_which_nobody_is_served_is_found_and_ends_the_fuzzing(fuzz):
    dead = []

    async def habit(router, event, sid, arguments, inner):
        if event.name == "sendMessage" and arguments == (None,):
            dead.append(sid)
        return None if dead else await inner(sid, *arguments)

    tally, findings, _ = fuzz(habit, HASTY, examples=0)
    assert [(f.requirement, f.summary) for f in findings] == [
        (
            "MSG-07",
            "sendMessage: after a payload that is wrong as a whole nobody is served any more",
        )
    ]
    assert "null" in findings[0].trace[-1].body
    assert not tally.complete


def test_a_backend_that_is_started_again_shows_which_payload_it_was(fuzz):
    dead = []

    async def habit(router, event, sid, arguments, inner):
        if event.name == "sendMessage" and arguments and arguments[0] is False:
            dead.append(sid)
        return None if dead else await inner(sid, *arguments)

    def lives():
        dead.clear()
        return True

    tally, findings, _ = fuzz(habit, SLOW_AND_HASTY, examples=0, lives=lives)
    (found,) = findings
    assert found.requirement == "MSG-07"
    assert len(found.trace) == 2
    assert "false" in found.trace[-1].body
    assert tally.cases > 100


def test_where_no_fence_arrives_nothing_is_judged(fuzz):
    async def habit(router, event, sid, arguments, inner):
        return None

    tally, findings, passed = fuzz(habit, HASTY)
    assert findings == []
    assert tally.cases == 0
    assert not tally.complete
    assert not {"MSG-06", "TYPE-03"} & passed


def test_fuzzing_ends_when_time_is_over(fuzz):
    tally, findings, _ = fuzz(examples=3000, seconds=3.0)
    assert findings == []
    assert not tally.complete
    assert tally.cases > 0


def test_of_a_notice_that_does_not_arrive_nothing_is_told_that_came_before_it(fuzz):
    async def habit(router, event, sid, arguments, inner):
        return None if event.name == "typing" else await inner(sid, *arguments)

    _, findings, _ = fuzz(habit, HASTY, examples=0)
    found = [f for f in findings if f.requirement == "TYPE-01"]
    assert {f.observed for f in found} == {"nothing arrived"}
