"""The doctor looks at real servers: the reference server, and target files that do not fit it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import NoReturn

import pytest

from conformance.adoption.doctor import Diagnosis, examine
from conformance.backend.target import Target
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger
from conformance.stage.watch import Backend
from conformance.stage.world import World
from contract import load
from reference_server import RunningServer, running
from reference_server.chat import Chat
from reference_server.errors import Refusal


class Broken(Refusal):
    """What a backend says that runs into a mistake of its own."""

    status = 500


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running() as server:
        yield target_of(server)


def target_of(server: RunningServer) -> Target:
    users = list(server.users)
    public = {user.id: user.public_id for user in users}
    pairs = {
        tuple(sorted((user.public_id, public[friend]))) for user in users for friend in user.friends
    }
    return Target.of(
        {
            "target": {"url": server.url},
            "auth": {"secret": server.secret},
            "users": [
                {"_id": user.id, "userId": user.public_id, "name": user.name} for user in users
            ],
            "friends": {"pairs": [list(pair) for pair in pairs]},
        }
    )


def world_of(target: Target) -> World:
    redactor = Redactor()
    return World.of(load(), target, Ledger({}), Journal(redactor), redactor, patience=0.2)


def diagnosed(target: Target) -> list[Diagnosis]:
    world = world_of(target)
    try:
        return list(examine(world, Backend(world), patience=0.2))
    finally:
        world.close()


def ill(target: Target) -> list[tuple[str, str]]:
    return [(one.subject, one.words) for one in diagnosed(target) if not one.well]


def test_a_target_that_fits_is_well(target: Target) -> None:
    diagnoses = diagnosed(target)
    assert all(one.well for one in diagnoses)
    assert {"backend", "latency", "clock", "friends", "user Asha"} <= {d.subject for d in diagnoses}


def test_a_backend_that_does_not_answer_is_all_there_is_to_say(target: Target) -> None:
    ((subject, words),) = ill(replace(target, url="http://127.0.0.1:9"))
    assert subject == "backend"
    assert "start the backend" in words


def test_a_wrong_secret_is_named(target: Target) -> None:
    ((_, words),) = ill(replace(target, auth=replace(target.auth, secret="x" * 32)))
    assert "check [auth]" in words


def test_users_who_do_not_exist_are_named(target: Target) -> None:
    users = list(target.users)
    users[3] = replace(users[3], id="f" * 24)
    users[4] = replace(users[4], public_id="R2C0")
    found = dict(ill(replace(target, users=tuple(users), friends=frozenset())))
    assert "token is refused" in found["user Diego"]
    assert "no user has the userId R2C0" in found["user Élodie"]


def test_of_a_backend_that_fails_for_a_token_its_words_and_the_claims_are_told(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def user_with_public_id(chat: Chat, public_id: str) -> NoReturn:
        raise Broken("Cannot read properties of undefined (reading '_id')")

    monkeypatch.setattr(Chat, "user_with_public_id", user_with_public_id)
    words = dict(ill(target))["user Asha"]
    assert "500 “Cannot read properties of undefined (reading '_id')”" in words
    assert "[auth] claims" in words


def test_of_a_backend_that_dies_meanwhile_nothing_else_is_said() -> None:
    with ExitStack() as stack, ExitStack() as serving:
        world = world_of(target_of(serving.enter_context(running())))
        stack.callback(world.close)
        seen: list[Diagnosis] = []
        for diagnosis in examine(world, Backend(world), patience=0.2):
            seen.append(diagnosis)
            if diagnosis.subject == "socket over websocket":
                serving.close()
    assert [each.subject for each in seen if not each.well] == ["backend"]
    assert "has stopped answering by the time of “socket over polling”: " in seen[-1].words


def test_friends_who_are_none_are_named(target: Target) -> None:
    one, other = next(pair for pair in target.pairs() if not target.are_friends(*pair))
    ((subject, words),) = ill(replace(target, friends=frozenset({frozenset({one.id, other.id})})))
    assert subject == "friends"
    assert "does not hear" in words


def test_a_target_without_friends_is_told_to_add_some(target: Target) -> None:
    ((_, words),) = ill(replace(target, friends=None))
    assert "add [friends] pairs" in words


def test_strangers_who_are_told_of_each_other_are_named(target: Target) -> None:
    # Who names one pair only where there are more gets false findings of PRES-03 otherwise.
    assert target.friends is not None
    kept, *others = sorted(target.friends, key=sorted)
    ((subject, words),) = ill(replace(target, friends=frozenset({kept})))
    assert subject == "strangers"
    public = {user.id: user.public_id for user in target.users}
    named = {
        frozenset(re.findall(r"R2C\d+", pair)) for pair in re.findall(r"\[[^]]+, [^]]+\]", words)
    }
    assert named <= {frozenset(map(public.__getitem__, pair)) for pair in others}
    assert len(named) == min(len(others), 6)
    assert re.search(r"(\w+) hears that (\S+).* is online", words)
