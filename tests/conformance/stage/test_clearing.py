"""What stood between two users before a run stands there no more."""

import pytest

from conformance.backend.processes import reference_server
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.profiles import PROFILES
from conformance.stage.clearing import clear_blocks
from conformance.stage.world import World
from contract import load


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    process, target = reference_server(tmp_path_factory.mktemp("reference"))
    contract, redactor = load(), Redactor()
    ledger, journal = Ledger(contract.requirements), Journal(redactor)
    world = World.of(contract, target, ledger, journal, redactor, 1.0, 7, PROFILES["quick"])
    yield world
    world.close()
    process.stop()


def test_a_block_that_stood_before_is_taken_back(world):
    one, other = world.actors[:2]
    one.set(other, {"isPinned": False, "isBlocked": True, "isFavorite": False})
    assert other.send(one, text="Hello").status == 403
    clear_blocks(world)
    assert other.send(one, text="Hello").status == 201


def test_whose_settings_are_judged_when_they_first_come_have_none(world, monkeypatch):
    set_for = []
    monkeypatch.setattr(
        type(world.actors[0]),
        "set",
        lambda owner, other, body: set_for.append((owner, other)) or Answer(200),
    )
    clear_blocks(world)
    last, before = world.actors[-1], world.actors[-2]
    assert {(last, before), (before, last)}.isdisjoint(set_for)
    assert len(set_for) == len(set(set_for)) == 4 * (5 * 4 - 2)


@pytest.mark.parametrize("status", [500, 429, None])
def test_a_backend_that_takes_none_is_not_asked_for_all(world, monkeypatch, status):
    asked = []
    monkeypatch.setattr(
        type(world.actors[0]),
        "set",
        lambda owner, other, body: asked.append(owner) or Answer(status),
    )
    clear_blocks(world)
    assert len(asked) == 1


class Answer:
    def __init__(self, status):
        self.status = status
