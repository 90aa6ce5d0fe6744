"""What happens to a backend is noted, and what says nothing about it is not judged."""

import time
from dataclasses import replace

import pytest

from conformance.evidence.steps import Step
from conformance.judging.judgements import Judgement
from conformance.run import _undocumented
from conformance.scenarios.props.intruders import Intruder
from conformance.stage.accusing import Blocked
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received
from tests.conformance.conftest import answer, answering


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_backend_that_lets_nobody_in_for_now_is_not_judged(stage, serve, transport):
    busy = "429 Too Many Requests\r\nRetry-After: 3600"
    url = serve(answering(lambda request: answer(b"later", busy)))
    stage.world.target = replace(stage.world.target, url=url)
    asha = stage.world.actors[0]
    with pytest.raises(Blocked, match="429"):
        stage.connect(asha, transport=transport)
    with pytest.raises(Blocked, match="429"):
        Intruder.enter(url, {"token": "bad"}, transport, stage.pace)
    assert not stage.accusations
    assert stage.judged == set()


def test_the_journal_says_which_request_was_sent_twice(stage):
    notes = []
    stage.world.journal.listen(notes.append)
    once = Exchange(
        None, "Asha", "GET", "http://h/", {}, None, 200, {}, b"", None, 0, 0
    )  # fmt: skip
    stage.world._observe_exchange(once)
    stage.world._observe_exchange(replace(once, repeated=True))
    assert [note["repeated"] for note in notes] == [False, True]


def test_a_finding_tells_what_others_heard_after_what_was_sent(stage):
    world = stage.world
    before = time.time()
    world.step(Step.of_emit("Asha", "typing", ["hello"]))
    received = Received("odd", ("x",), 0, time.time(), 0)
    world.observe_event(world.actors[1], received, Step.of_received("Ben", received))
    world.enter(Judgement("TYPE-03", False, "It breaks", "this", "that"), stage.evidence)
    (found,) = next(o.findings for o in world.ledger.outcomes() if o.findings)
    assert [(it.direction, it.actor, it.head) for it in found.trace] == [
        ("sent", "Asha", "emit typing"),
        ("received", "Ben", "odd"),
    ]
    assert all(before <= it.at <= time.time() for it in found.trace)


def test_the_name_of_an_undocumented_event_tells_no_secret(stage):
    world = stage.world
    world.redactor.register("token Asha", "a-token-of-a-user")
    received = Received("to a-token-of-a-user", (), 0, 0, 0)
    world.observe_event(world.actors[1], received, Step.of_received("Ben", received))
    assert _undocumented(world) == ("to $TOKEN_ASHA",)
