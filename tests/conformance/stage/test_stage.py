"""What a scenario has in hand keeps its word when things go wrong."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.evidence.steps import Step
from conformance.stage.stage import FENCE, is_fence
from conformance.wire.http import Exchange
from conformance.wire.pacing import Pace


def test_deeds_done_together_meet_and_come_back_in_order(stage):
    meeting = threading.Barrier(3, timeout=5)
    deeds = [lambda name=name: (meeting.wait(), name)[1] for name in "abc"]
    assert stage.together(*deeds) == ["a", "b", "c"]


def test_a_deed_that_fails_fails_all_and_leaves_nobody_waiting(stage):
    def fail() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        stage.together(fail, lambda: "b")


def test_a_preparation_that_fails_is_told_and_leaves_nobody_waiting(stage):
    waiting, names = threading.Event(), iter("ab")

    def fail_once() -> None:
        if next(names) == "b":
            assert waiting.wait(5)
            raise KeyError("x")
        waiting.set()

    with pytest.raises(KeyError):
        stage.together(lambda: "a", lambda: "b", before=fail_once)


def test_a_history_that_lacks_a_message_is_read_more_and_more_seldom(stage, monkeypatch):
    readings = []
    monkeypatch.setattr(stage, "history_of", lambda *pair: readings.append(pair) or [])
    monkeypatch.setattr(Pace, "delivery", 0.7)
    assert stage.history_with("one", "other", texts=["never comes"]) == []
    # After 0.02, 0.06, 0.14, 0.3 and 0.62 seconds, and at the end.
    assert 3 <= len(readings) <= 7


def test_an_interrupt_before_all_have_come_leaves_nobody_waiting(stage, monkeypatch):
    submit = ThreadPoolExecutor.submit
    submitted = []

    def interrupted(pool, *arguments, **named):
        if submitted:
            raise KeyboardInterrupt
        submitted.append(1)
        return submit(pool, *arguments, **named)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    caught = []

    def run() -> None:
        try:
            stage.together(lambda: "a", lambda: "b")
        except KeyboardInterrupt as interrupt:
            caught.append(interrupt)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(5)
    assert caught
    assert not thread.is_alive()


def test_a_fence_is_known_by_its_text_alone(stage):
    assert is_fence({"text": stage.text(FENCE)})
    assert not any(map(is_fence, ({"text": "fences"}, {"text": stage.text()}, {"text": 5}, None)))


def asked(method: str, path: str = "/api/messages/x", actor: str = "Asha") -> Step:
    return Step.of_exchange(
        Exchange(None, actor, method, f"http://h{path}", {}, None, 200, {}, b"", None, 0, 0)
    )


def test_readings_in_a_row_leave_the_first_and_the_last_and_what_came_before(stage):
    steps = [asked("POST"), *(asked("GET") for _ in range(20)), asked("POST")]
    for step in steps:
        stage.world.step(step)
    assert stage.evidence == [steps[0], steps[1], steps[-2], steps[-1]]
    assert stage.evidence[2] is steps[-2]


@pytest.mark.parametrize("other", [asked("GET", "/else"), asked("GET", actor="Ben"), asked("PUT")])
def test_steps_that_differ_all_stay(stage, other):
    for step in [asked("GET"), other] * 3:
        stage.world.step(step)
    assert len(stage.evidence) == 6
    for _ in range(3):
        stage.world.step(asked("POST"))
    assert len(stage.evidence) == 9
