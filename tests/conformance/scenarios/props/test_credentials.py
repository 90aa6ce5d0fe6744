"""Credentials that a backend has to refuse do not betray those that it takes."""

import base64
import re

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.scenarios.props import credentials
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


def test_no_header_shows_a_valid_token_not_even_encoded(stage):
    actor, other, _ = stage.world.actors
    redactor = stage.world.redactor
    redactor.register("token", actor.token)
    for kind in credentials.refused(stage, actor, other):
        shown = redactor.text(kind.header or "")
        assert actor.token not in shown
        for word in re.findall(r"[A-Za-z0-9+/=]{40,}", shown):
            assert actor.token.encode() not in base64.b64decode(word + "==")


def test_what_prints_a_broken_token_is_known_by_the_names_that_there_are(stage):
    actor, other, _ = stage.world.actors
    names = {name for _, name, _ in credentials.broken_tokens(stage, actor.user, other.user)}
    assert set(credentials.KINDS) <= names
    command = credentials.made_with("a token that expired ten minutes ago", actor.user)
    assert command == "r2c-verify token --expired Asha"
    assert credentials.made_with("an empty token", actor.user) == ""
