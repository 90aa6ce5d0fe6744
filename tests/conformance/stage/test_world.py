"""What happens to a backend is noted, and what says nothing about it is not judged."""

from dataclasses import replace

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.scenarios.props.intruders import Intruder
from conformance.stage.stage import Blocked, Stage
from conformance.stage.world import World
from conformance.wire.http import Exchange
from conformance.wire.pacing import Pace
from contract import load
from tests.conformance.conftest import answer, answering


@pytest.fixture
def stage(nothing_listens):
    users = [
        {"_id": f"60d0fe4f5311236168a109c{digit}", "userId": f"R2C00{digit}", "name": name}
        for digit, name in ((1, "Asha"), (2, "Ben"), (3, "Cara"))
    ]
    target = Target.of(
        {"target": {"url": nothing_listens}, "auth": {"secret": "s" * 32}, "users": users}
    )
    contract = load()
    redactor = Redactor()
    ledger, journal = Ledger(contract.requirements), Journal(redactor)
    world = World(contract, target, TokenMint(target), ledger, journal, redactor, Pace(), 7)
    yield Stage(world, "test")
    world.close()


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
