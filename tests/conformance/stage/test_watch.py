"""Whether a backend lives is seen without harm to it, and one death is one."""

import time

import pytest

from conformance.stage.absence import Away
from conformance.stage.autopsy import Autopsy
from conformance.stage.watch import Backend
from tests.conformance.conftest import answer, answering
from tests.conformance.stage.conftest import at

EMPTY = answer(b'{"success": true, "data": []}')
READING = "GET /api/messages/{otherUserId}"


@pytest.fixture
def paths():
    """The paths that were asked for."""
    return []


@pytest.fixture
def world(stage, serve, paths):
    """A world whose backend answers everything, and has nothing to tell."""

    def respond(request: bytes) -> bytes:
        paths.append(request.split()[1].decode())
        return EMPTY

    return at(stage.world, serve(answering(respond)))


def test_a_backend_that_dies_of_reading_is_asked_for_its_root(world, paths):
    world.avoided.add(READING)
    assert Backend(world).lives()
    world.settle_in()
    assert not world.looks_away()
    assert set(paths) == {"/"}


def test_what_is_asked_aside_is_as_plain_as_can_be_and_among_the_suspects(world, paths):
    world.settle_in()
    *_, reader, other = world.actors
    assert paths == [f"/api/messages/{other.id}"]
    (step,) = world.last_steps
    assert (step.actor, step.exchange.operation) == (reader.name, "listMessages")
    asked: list[str] = []
    world.listen(lambda step: asked.append(step.actor))
    cause = Autopsy(world, lambda: asked[-1:] == [reader.name]).cause([step])
    assert cause is not None
    assert cause.plain == READING


def test_a_death_of_which_others_tell_later_is_the_same(world):
    backend, seen = Backend(world), Away("connection refused", (), time.time())
    for _ in range(2):
        world.lookout.note(seen)
        assert backend.lives(certain=False)
        assert backend.deaths == 1
    world.lookout.note(Away("connection refused", (), time.time()))
    assert backend.lives(certain=False)
    assert backend.deaths == 2
