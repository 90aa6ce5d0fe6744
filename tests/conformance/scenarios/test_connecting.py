"""Whoever is let in without a good token is told of with how to see it again."""

from collections.abc import Iterator

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.scenarios import test_connecting as scenarios
from conformance.scenarios.props.intruders import Door, knock
from conformance.scenarios.test_connecting import judge_refusals
from conformance.stage.accusing import Blocked
from conformance.stage.stage import Stage
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load
from reference_server.in_process import running


@pytest.fixture
def stage() -> Iterator[Stage]:
    with running() as server:
        users = [
            {
                "_id": user.id,
                "userId": user.public_id,
                "name": user.name,
                "token": server.token(user),
            }
            for user in server.users
        ]
        target = Target.of({"target": {"url": server.url}, "users": users})
        contract, redactor = load(), Redactor()
        ledger, pace = Ledger(contract.requirements), Pace(patience=0.1)
        world = World.with_tokens(
            contract, TokenMint(target), ledger, Journal(redactor), redactor, pace, 7
        )
        yield Stage(world, "test")
        world.close()


def test_whoever_is_let_in_can_be_let_in_again(stage):
    asha = stage.world.actors[0]
    command = "r2c-verify token --expired Asha"
    door = Door("CONN-02", "with a token that is good", {"token": asha.token}, command)
    clients = knock(stage, [door])
    judge_refusals(stage, clients)
    for client in clients:
        client.intruder.leave()
    assert [it.judgement.observed for it in stage.accusations] == 2 * [
        f"connected, and still so {stage.pace.delivery:.0f} s later"
    ]
    stage.accuse()
    (found, _) = next(o.findings for o in stage.world.ledger.outcomes() if o.findings)
    variable = stage.world.redactor.text(asha.token).removeprefix("$")
    assert f'{variable}="$({command})" in the environment' in found.script.splitlines()[0]
    assert f'open("Intruder", {{ token: process.env.{variable} }}, ["websocket"])' in found.script
    assert [passage.head for passage in found.trace] == ["connect over websocket"]


def test_whoever_comes_without_a_token_needs_none_to_come_again(stage):
    step = Door("CONN-02", "without a token", {}).step("polling")
    assert (step.token, step.query) == (None, {})


def test_whoever_knocked_leaves_where_the_next_cannot_knock(stage, monkeypatch):
    came = []

    def once(stage, doors, **how):
        if came:
            raise Blocked("the backend lets nobody in for now")
        came.extend(knock(stage, doors, **how))
        return came

    monkeypatch.setattr(scenarios, "knock", once)
    with pytest.raises(Blocked, match="lets nobody in"):
        scenarios.test_a_client_without_a_good_token_is_refused_and_stays_out(stage)
    stage.close()
    assert came
    assert all(client.intruder.refusal is not None for client in came)
    sessions = [client.intruder._session for client in came]
    assert all(each._reason is not None for each in sessions if each is not None)
