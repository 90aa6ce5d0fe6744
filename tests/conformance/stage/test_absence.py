"""A backend that is away is told from one that answers badly."""

import pytest

from conformance.stage.absence import Away, Lookout, Problem, problem
from conformance.wire.http import HttpClient
from conformance.wire.pacing import Pace
from tests.conformance.conftest import answer, answering, read_request
from tests.conformance.stage.conftest import at

PACE = Pace(patience=0.1)
GATEWAY = answer(b"<h1>502</h1>", "502 Bad Gateway", "text/html")
REFUSED = answer(b'{"success": false, "message": "busy"}', "503 Service Unavailable")
EMPTY = answer(b'{"success": true, "data": []}')


def found(url: str) -> Problem | None:
    client = HttpClient(url, PACE, lambda exchange: None)
    try:
        return problem(url, PACE, lambda: client.send("GET", "/"))
    finally:
        client.close()


def close_at_once(connection):
    read_request(connection)


def say_nothing(connection):
    while connection.recv(4096):
        pass


@pytest.mark.parametrize("handle", [answering(lambda request: GATEWAY), close_at_once])
def test_a_proxy_without_a_backend_is_absence(serve, handle):
    assert found(serve(handle)).is_absence


def test_nobody_who_listens_is_absence(nothing_listens):
    assert found(nothing_listens).is_absence


def test_one_who_is_slow_is_there(serve):
    assert not found(serve(say_nothing)).is_absence


def test_one_who_answers_is_no_problem(serve):
    assert found(serve(answering(lambda request: EMPTY))) is None


def test_what_was_seen_is_remembered_until_it_is_taken():
    lookout, looks = Lookout(), iter([None, Problem("gone", is_absence=True)])
    assert not lookout.look(lambda: next(looks), ())
    assert lookout.look(lambda: next(looks), ("step",))
    assert lookout.look(lambda: pytest.fail("it is known"), ())
    lookout.note(Away("seen by another", (), 0.0))
    assert lookout.take().words == "gone"
    assert not lookout.saw
    assert lookout.take() is None


def test_what_was_seen_before_a_moment_is_no_news_after_it():
    lookout = Lookout()
    for since, words in ((2.0, None), (1.0, "gone")):
        lookout.note(Away("gone", (), 1.0))
        taken = lookout.take(since)
        assert (taken and taken.words) == words
        assert not lookout.saw


@pytest.mark.parametrize("said", [GATEWAY, REFUSED])
def test_what_a_gateway_answers_for_nobody_is_judged_of_nobody(stage, serve, said):
    world = at(stage.world, serve(answering(lambda request: said)))
    world.actors[0].read(world.actors[1])
    assert findings(world) == set()
    assert world.lookout.take().words.startswith("a proxy answers")


def test_a_backend_that_answers_503_to_one_request_and_others_well_is_judged(stage, serve):
    def respond(request: bytes) -> bytes:
        return REFUSED if request.startswith(b"POST") else EMPTY

    world = at(stage.world, serve(answering(respond)))
    world.actors[0].send(world.actors[1], text="hello")
    assert findings(world) == {"ERR-03"}
    assert not world.lookout.saw


def findings(world):
    return {outcome.requirement.id for outcome in world.ledger.outcomes() if outcome.findings}
