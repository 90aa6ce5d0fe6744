"""What was done last is kept until the backend died, and not what came afterwards."""

from conformance.evidence.steps import Step
from conformance.stage.trail import LONGEST, Trail
from conformance.wire.connections import NOBODY_LISTENS
from conformance.wire.http import Exchange


def asked(status: int | None, error: str | None = None, repeated: bool = False) -> Step:
    exchange = Exchange(
        "listMessages", "Asha", "GET", "http://h/", {}, None, status, {}, b"", error, 0, 0, repeated
    )
    return Step.of_exchange(exchange)


def emit(number: int) -> Step:
    return Step.of_emit("Asha", "typing", (number,))


def test_victims_do_not_crowd_out_what_they_died_of() -> None:
    trail = Trail()
    trail.add(emit(1))
    for _ in range(LONGEST):
        trail.add(asked(None, "the connection was reset"))
    trail.add(asked(None, NOBODY_LISTENS))
    trail.add(emit(2))
    kept = list(trail)
    assert kept[0] == emit(1)
    assert [step.kind for step in kept] == ["emit", "exchange", "exchange"]


def test_what_was_sent_again_to_nobody_had_reached_somebody() -> None:
    trail = Trail()
    deadly = asked(None, NOBODY_LISTENS, repeated=True)
    for step in (emit(1), deadly, emit(2), asked(None, NOBODY_LISTENS, repeated=True)):
        trail.add(step)
    assert list(trail) == [emit(1), deadly]


def test_a_new_life_begins_a_new_trail() -> None:
    trail = Trail()
    trail.add(asked(None, NOBODY_LISTENS))
    trail.begin()
    trail.add(emit(1))
    assert list(trail) == [emit(1)]


def test_an_answer_shows_that_the_backend_lives() -> None:
    trail = Trail()
    for _ in range(5):
        trail.add(asked(None, "the connection was reset"))
    trail.add(asked(200))
    trail.add(emit(1))
    assert list(trail)[-1] == emit(1)
