"""What happens to a backend is noted, and what says nothing about it is not judged."""

import re
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


def test_a_stray_message_is_repeated_by_who_heard_it_and_who_sent_it(stage):
    world = stage.world
    listener, sender, recipient = world.actors[:3]
    opened = [world.attendance.number() for _ in range(3)]
    for actor, number in zip((listener, sender, recipient), opened, strict=True):
        world.step(Step.of_connect(actor.name, "websocket", connection=number))
    said = [{"recipientId": recipient.id, "text": "stray"}]
    world.step(Step.of_emit(sender.name, "sendMessage", said, connection=opened[1]))
    message = {"sender": sender.id, "recipient": recipient.id, "text": "stray"}
    received = Received("receiveMessage", (message,), 0, time.time(), 0)
    step = Step.of_received(listener.name, received, connection=opened[0])
    world.observe_event(listener, received, step)
    found = {f.requirement: f for o in world.ledger.outcomes() for f in o.findings}["MSG-03"]
    assert re.findall(r'open\("(\w+)"', found.script) == [listener.name, sender.name]
    assert f'{sender.name.lower()}_1.emit("sendMessage"' in found.script


def test_a_message_that_comes_to_a_socket_again_at_any_time_is_found(stage):
    world = stage.world
    sender, recipient = world.actors[:2]
    number = world.attendance.number()
    message = {"_id": "a1", "sender": sender.id, "recipient": recipient.id, "text": "again"}
    for _ in range(2):
        received = Received("receiveMessage", (message,), 0, time.time(), 0)
        step = Step.of_received(recipient.name, received, connection=number)
        world.observe_event(recipient, received, step)
    found = {f.requirement: f for o in world.ledger.outcomes() for f in o.findings}["MSG-01"]
    assert found.observed == f"{recipient.name} gets message a1 again"


def test_a_status_that_is_wrong_is_repeated_by_the_one_who_went(stage):
    world = stage.world
    listener, other = world.actors[:2]
    opened = [world.attendance.number() for _ in range(2)]
    for actor, number in zip((listener, other), opened, strict=True):
        world.step(Step.of_connect(actor.name, "websocket", connection=number))
    received = Received("userStatus", ({"userId": other.id, "isOnline": False},), 0, 0, 0)
    step = Step.of_received(listener.name, received, connection=opened[0])
    world.observe_event(listener, received, step)
    found = {f.requirement: f for o in world.ledger.outcomes() for f in o.findings}["ALL-02"]
    assert re.findall(r'open\("(\w+)"', found.script) == [listener.name, other.name]
    assert f"{other.name.lower()}_1.disconnect()" in found.script


def test_an_event_without_a_cause_offers_no_script(stage):
    world = stage.world
    received = Received("typingStatus", (7,), 0, 0, 0)
    step = Step.of_received(world.actors[0].name, received, connection=world.attendance.number())
    world.observe_event(world.actors[0], received, step)
    (found,) = next(o.findings for o in world.ledger.outcomes() if o.findings)
    assert (found.script, found.reproduce) == (None, ())


def test_the_name_of_an_undocumented_event_tells_no_secret(stage):
    world = stage.world
    world.redactor.register("token Asha", "a-token-of-a-user")
    received = Received("to a-token-of-a-user", (), 0, 0, 0)
    world.observe_event(world.actors[1], received, Step.of_received("Ben", received))
    assert _undocumented(world) == ("to $TOKEN_ASHA",)


@pytest.mark.parametrize("levels", [90, 450, 900])
def test_an_event_that_is_nested_deep_is_judged_like_any_other(stage, levels):
    world = stage.world
    world.redactor.register("token Asha", "a-token-of-a-user")
    notes = []
    world.journal.listen(notes.append)
    deep = "a-token-of-a-user"
    for _ in range(levels):
        deep = [deep]
    received = Received("typingStatus", (deep,), 0, 0, 0)
    step = Step.of_received(world.actors[1].name, received)
    world.observe_event(world.actors[1], received, step)
    assert {o.requirement.id for o in world.ledger.outcomes() if o.findings} == {"ALL-02"}
    assert "a-token-of-a-user" not in str(notes)
