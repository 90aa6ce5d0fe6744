"""Whether a backend lives is seen without harm to it, and one death is one."""

import time

import pytest

from conformance.evidence.steps import Step
from conformance.stage import watch
from conformance.stage.absence import Away, Problem
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


@pytest.mark.parametrize(("left", "looked"), [(60, True), (-1, False)])
def test_once_the_time_of_a_run_is_over_no_cause_is_looked_for(world, monkeypatch, left, looked):
    monkeypatch.setattr(watch, "GRACE", 0.0)

    class Mortal:
        """Its process, in words: it comes back whenever it is started."""

        ended = last_words = None

        def start(self, ready):
            nonlocal dead
            dead = False

    dead = True
    backend = Backend(world, Mortal(), time.monotonic() + left)
    backend._problem = lambda: Problem("connection refused", True) if dead else None
    world.remember(Step.of_raw("Asha", "42[{}]"))
    done = []
    world.listen(done.append)
    assert backend.lives()
    assert (backend.deaths, backend.cause) == (1, None)
    assert bool(done) is looked
