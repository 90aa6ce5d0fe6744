import subprocess
import sys

import pytest
from schemathesis.checks import CHECKS
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.stimulus import ABSENT

PLAN = Plan(examples=30, seed=7)
SOURCES = (
    "sendMessage",
    "sendChatMessage",
    "updateConversationMetadata",
    "onSendMessage",
    "onTyping",
)


@pytest.fixture(scope="module")
def drawn(generator):
    return {name: list(generator.stimuli(name, PLAN)) for name in (*SOURCES, "listMessages")}


@pytest.mark.parametrize("name", SOURCES)
def test_valid_and_invalid_bodies_are_generated(contract, drawn, name):
    request = (
        contract.operations[name].request
        if name in contract.operations
        else next(e for e in contract.events.values() if e.operation_id == name).payload
    )
    bodies = [s.body for s in drawn[name] if not isinstance(s.body, bytes) and s.body is not ABSENT]
    assert sum(request.must_accept.accepts(body) for body in bodies) >= 5
    assert sum(not request.may_accept.accepts(body) for body in bodies) >= 15


@pytest.mark.parametrize("name", SOURCES)
def test_what_every_backend_takes_can_be_had_alone(contract, generator, name):
    request = (
        contract.operations[name].request
        if name in contract.operations
        else next(e for e in contract.events.values() if e.operation_id == name).payload
    )
    bodies = [stimulus.body for stimulus in generator.valid(name, PLAN)]
    assert len(bodies) >= PLAN.examples
    assert all(request.must_accept.accepts(body) for body in bodies)


def test_every_field_is_missing_null_and_of_each_wrong_type_somewhere(drawn):
    bodies = [s.body for s in drawn["sendMessage"] if isinstance(s.body, dict)]
    for name in ("recipientId", "text", "attachment"):
        values = [body[name] for body in bodies if name in body]
        assert len(values) < len(bodies)
        assert {type(None), bool, int, list, str} <= {type(value) for value in values}
    assert {type(s.body) for s in drawn["sendMessage"]} >= {dict, list, str, int, bool, type(None)}


@pytest.mark.parametrize("name", SOURCES)
def test_there_is_a_case_without_body(drawn, name):
    assert any(stimulus.body is ABSENT for stimulus in drawn[name])


def test_there_are_bodies_that_are_no_json_and_other_media_types(drawn):
    assert any(isinstance(stimulus.body, bytes) for stimulus in drawn["sendMessage"])
    types = {stimulus.content_type for stimulus in drawn["sendMessage"]}
    assert "application/json" in types
    assert len(types) > 2


def test_path_parameters_are_decoded(drawn):
    ids = [stimulus.path["otherUserId"] for stimulus in drawn["listMessages"]]
    assert any(len(id) == 24 for id in ids)
    assert any(not id.isascii() for id in ids)
    assert not any("%C" in id for id in ids)


def test_requests_without_body_have_no_media_type(drawn):
    assert {stimulus.content_type for stimulus in drawn["listMessages"]} == {None}


def test_no_stimulus_comes_twice(drawn):
    for stimuli in drawn.values():
        assert len({stimulus.fingerprint for stimulus in stimuli}) == len(stimuli)


def test_every_stimulus_says_where_it_came_from(drawn):
    origins = [stimulus.origin for stimulus in drawn["sendMessage"]]
    assert all(origin.startswith("Schemathesis, ") for origin in origins)
    assert any("coverage, negative: recipientId: Incorrect type" in origin for origin in origins)
    assert any("fuzzing, negative" in origin for origin in origins)


def test_more_examples_give_more_stimuli(generator):
    few = list(generator.stimuli("sendMessage", Plan(5, 1)))
    many = list(generator.stimuli("sendMessage", Plan(80, 1)))
    assert len(many) > len(few) + 60


def test_no_examples_leave_the_coverage_of_the_schema(generator):
    assert len(list(generator.stimuli("sendMessage", Plan(0, 1)))) > 40


def test_the_same_seed_gives_the_same_stimuli_and_another_seed_others(contract, drawn):
    again = list(Generator(contract).stimuli("sendMessage", PLAN))
    assert again == drawn["sendMessage"]
    assert list(Generator(contract).stimuli("sendMessage", Plan(30, 8))) != again


PRINT = """
from conformance.fuzzing.generation import Generator, Plan
from contract import load
for stimulus in Generator(load()).stimuli("sendMessage", Plan(20, 3)):
    print(stimulus.fingerprint)
"""


def test_the_same_seed_gives_the_same_stimuli_in_every_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > 60


def test_generation_ends_when_it_is_told_to(generator):
    asked = 0

    def until() -> bool:
        nonlocal asked
        asked += 1
        return asked > 10

    stimuli = list(generator.stimuli("sendMessage", Plan(500, 1), until))
    assert 1 <= len(stimuli) <= 11


def test_drawing_ends_in_the_middle_when_time_is_up(generator):
    coverage = len(list(generator.stimuli("onTyping", Plan(0, 1))))
    asked = 0

    def until() -> bool:
        nonlocal asked
        asked += 1
        return asked > coverage + 20

    stimuli = list(generator.stimuli("onTyping", Plan(2000, 1), until))
    assert coverage <= len(stimuli) < coverage + 40


def test_nothing_is_registered_with_schemathesis(contract):
    checks, hooks = CHECKS.get_all_names(), dict(GLOBAL_HOOK_DISPATCHER._hooks)
    list(Generator(contract).stimuli("onTyping", Plan(3, 1)))
    assert CHECKS.get_all_names() == checks
    assert dict(GLOBAL_HOOK_DISPATCHER._hooks) == hooks
