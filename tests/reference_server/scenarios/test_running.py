"""Scenarios run at their times, can be stopped, and end what they began."""

import time
from typing import Any

import pytest

from reference_server.scenarios import reading
from reference_server.scenarios.running import MOST_RUNNING
from reference_server.users import User

PATIENCE = 10.0  # seconds


@pytest.fixture
def run(control: Any) -> Any:
    """Start a scenario with these steps; returns the run."""
    return lambda *steps: control("POST", "runs", {"name": "mine", "scenario": {"steps": steps}})


@pytest.fixture
def ended(control: Any) -> Any:
    """Wait until a run has ended; returns it as it is then."""

    def wait(run: Any) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (now := control("GET", f"runs/{run['id']}"))["state"] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return now

    return wait


def test_steps_are_taken_at_their_times(
    run: Any, ended: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    begun = time.monotonic()
    started = run(
        {"connect": {"as": "Ben"}},
        {"after": 200, "typing": {"as": "Ben", "to": "Asha"}},
        {"at": "500ms", "stopTyping": {"as": "Ben", "to": "Asha"}},
        {"send": {"as": "Ben", "to": "Asha", "text": "Hello"}},
        {"leave": {"as": "Ben"}},
    )
    assert (started["state"], started["steps"]) == ("running", 5)
    assert phone.received("userStatus")["isOnline"] is True
    assert phone.received("typingStatus") == {"senderId": ben.id, "isTyping": True}
    assert time.monotonic() - begun >= 0.2
    assert phone.received("typingStatus") == {"senderId": ben.id, "isTyping": False}
    assert time.monotonic() - begun >= 0.5
    assert phone.received("receiveMessage")["text"] == "Hello"
    assert phone.received("userStatus")["isOnline"] is False
    assert ended(started) == started | {"state": "finished", "done": 5}


def test_a_run_that_is_stopped_ends_what_it_began(
    run: Any, control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    control("POST", "connect", {"as": "Chitra"})
    assert phone.received("userStatus")["isOnline"] is True
    begun = run(
        {"connect": {"as": "Ben", "device": "phone"}},
        {"connect": {"as": "Ben", "device": "gone"}},
        {"leave": {"as": "Ben", "device": "gone"}},
        {"fault": {"kind": "drop", "user": "Diego"}},
        {"typing": {"as": "Ben", "to": "Asha"}},
        {"after": "30s", "send": {"as": "Ben", "to": "Asha", "text": "never"}},
    )
    assert phone.received("typingStatus")["isTyping"] is True
    assert control("DELETE", f"runs/{begun['id']}") == begun | {"state": "stopped", "done": 5}
    assert phone.received("typingStatus")["isTyping"] is False
    assert phone.received("userStatus") | {"lastSeen": None} == {
        "userId": ben.id,
        "isOnline": False,
        "lastSeen": None,
    }
    state = control("GET", "state")
    assert [user["name"] for user in state["users"] if user["online"]] == ["Asha", "Chitra"]
    assert (state["faults"], state["messages"], state["runs"]) == (0, 0, 0)
    assert control("DELETE", f"runs/{begun['id']}")["state"] == "stopped"


def test_a_step_that_cannot_be_taken_fails_the_run(run: Any, ended: Any, control: Any) -> None:
    failed = ended(
        run(
            {"connect": {"as": "Ben"}},
            {"leave": {"as": "Chitra"}},
            {"send": {"as": "Ben", "to": "Asha", "text": "never"}},
        )
    )
    assert (failed["state"], failed["done"]) == ("failed", 1)
    assert failed["problem"] == "Step 2, leave: Chitra has no virtual device."
    assert not any(user["online"] for user in control("GET", "state")["users"])


def test_the_record_tells_of_each_step(run: Any, ended: Any, control: Any) -> None:
    known = control("GET", "traffic")[-1]["id"]
    started = run({"connect": {"as": "Ben"}}, {"leave": {"as": "Ben"}})
    ended(started)
    told = [each for each in control("GET", f"traffic?since={known}") if each["kind"] == "scenario"]
    assert [(each["name"], each.get("step"), each.get("verb")) for each in told] == [
        ("started", None, None),
        ("step", 1, "connect"),
        ("step", 2, "leave"),
        ("finished", None, None),
    ]
    assert {each["run"] for each in told} == {started["id"]}


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"steps": [{"sned": {}}]}, "steps.0.sned: is no field here (did you mean send?)."),
        ({"steps": [{"connect": {"as": "Nobody"}}]}, "steps.0.connect.as: names no user."),
        ({}, "The scenario: needs the field steps."),
    ],
)
def test_a_wrong_scenario_is_refused(control: Any, ask: Any, scenario: Any, message: str) -> None:
    answer = ask("POST", "runs", {"scenario": scenario})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_the_number_of_runs_at_a_time_is_bounded(run: Any, ask: Any, control: Any) -> None:
    runs = [run({"after": "1min", "reset": {}}) for _ in range(MOST_RUNNING)]
    answer = ask("POST", "runs", {"scenario": {"steps": [{"reset": {}}]}})
    assert answer.status_code == 409
    assert control("GET", "state")["runs"] == MOST_RUNNING
    control("POST", "reset")
    assert control("GET", f"runs/{runs[0]['id']}")["state"] == "stopped"


def test_a_scenario_may_reset_without_ending_itself(run: Any, ended: Any, control: Any) -> None:
    control("POST", "send", {"as": "Ben", "to": "Asha", "text": "gone"})
    steps = [
        {"reset": {}},
        {"send": {"as": "Ben", "to": "Asha", "text": "new"}},
        {"snapshot": {"name": "mine"}},
        {"read": {"as": "Asha", "with": "Ben"}},
        {"restore": {"name": "mine"}},
    ]
    assert ended(run(*steps))["state"] == "finished"
    assert control("GET", "state")["messages"] == 1


def test_what_ships_is_listed_shown_and_run(control: Any, connect: Any, asha: User) -> None:
    listed = {each["name"]: each for each in control("GET", "scenarios")}
    assert listed["ben-sends-a-picture"]["seconds"] == 6
    shown = control("GET", "scenarios/ben-sends-a-picture")
    assert len(shown["steps"]) == listed["ben-sends-a-picture"]["steps"]
    phone = connect(asha)
    started = control("POST", "scenarios/ben-sends-a-picture/run")
    assert phone.received("userStatus")["isOnline"] is True
    assert phone.received("typingStatus")["isTyping"] is True
    assert control("DELETE", f"runs/{started['id']}")["state"] == "stopped"


@pytest.mark.parametrize("name", list(reading.shipped()))
def test_what_ships_comes_to_its_end(
    run: Any, ended: Any, control: Any, connect: Any, asha: User, name: str
) -> None:
    connect(asha)
    steps = control("GET", f"scenarios/{name}")["steps"]
    for step in steps:
        step.pop("after", None)  # as fast as it goes
    assert ended(run(*steps))["state"] == "finished"
    state = control("GET", "state")
    sent = sum("send" in step for step in steps)
    assert (state["messages"], state["faults"]) == (sent, 0)
    assert not any(device["virtual"] for user in state["users"] for device in user["devices"])
