"""A stage whose backend is nowhere."""

from dataclasses import replace

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.stage.stage import Stage
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load


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


def at(world, url):
    """The world with another backend."""
    world.target = replace(world.target, url=url)
    for client in (world.http, world._aside):
        client.base_url = url
    return world
