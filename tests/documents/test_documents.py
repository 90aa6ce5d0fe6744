"""What no linter sees: examples, events, and the ids of requirements and decisions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import GROUPS, Contract, Validator, load
from contract.documents import Document
from contract.references import resolved
from contract.schemas import json_schema

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions.md"
SCHEMA_FORMAT = "application/vnd.oai.openapi;version=3.0.0"
"""The one spelling that the AsyncAPI parser knows; it passes over payloads of any other unread."""
CONTRACT = load()
SOURCES = {
    name: yaml.safe_load((ROOT / name / f"{name}.yaml").read_text("utf-8"))
    for name in ("openapi", "asyncapi")
}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return CONTRACT


def nodes(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping in a document, with its place."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from nodes(value, f"{place}/{key}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from nodes(item, f"{place}/{index}")


def values(key: str) -> list[tuple[str, Any]]:
    """What stands under a key anywhere in either document, with its place."""
    return [
        (f"{name}{place}/{key}", node[key])
        for name, source in SOURCES.items()
        for place, node in nodes(source)
        if key in node
    ]


def resolved_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema and parameter of either document that has an example, references resolved."""
    root = resolved(Document.read(ROOT / "openapi" / "openapi.yaml"), {})
    for place, node in nodes(root):
        if "example" in node and ("type" in node or "anyOf" in node or "allOf" in node):
            yield place, {"schema": node, "example": node["example"]}
        elif "example" in node and "schema" in node:
            yield place, node


def bodies() -> list[Any]:
    found = []
    for operation in CONTRACT.operations.values():
        if operation.request:
            for name, value in operation.request.examples.items():
                request = operation.request
                label = f"{operation.id}-{name}"
                found.append(pytest.param(request.validator, value, id=f"{label}-request"))
                found.append(pytest.param(request.must_accept, value, id=f"{label}-must-accept"))
                found.append(pytest.param(request.may_accept, value, id=f"{label}-may-accept"))
        for status, response in operation.responses.items():
            for name, value in response.examples.items():
                label = f"{operation.id}-{status}-{name}"
                found.append(pytest.param(response.validator, value, id=label))
    for event in CONTRACT.events.values():
        for name, value in event.payload.examples.items():
            zones = {
                "payload": event.payload.validator,
                "must-accept": event.payload.must_accept,
                "may-accept": event.payload.may_accept,
            }
            for zone, validator in zones.items():
                found.append(pytest.param(validator, value, id=f"{event.name}-{name}-{zone}"))
        for name, value in event.acknowledgement_examples.items():
            label = f"{event.name}-acknowledged-{name}"
            found.append(pytest.param(event.acknowledgement, value, id=label))
    return found


@pytest.mark.parametrize(("validator", "example"), bodies())
def test_an_example_fits_its_schema(validator: Validator, example: Any) -> None:
    assert validator.violations(example) == ()


@pytest.mark.parametrize(
    "node", [pytest.param(node, id=place) for place, node in resolved_schemas()]
)
def test_an_example_beside_a_schema_fits_it(node: dict[str, Any]) -> None:
    assert Validator(json_schema(node["schema"])).violations(node["example"]) == ()


def test_every_answer_with_a_body_has_an_example(contract: Contract) -> None:
    bare = [
        (operation.id, status)
        for operation in contract.operations.values()
        for status, response in operation.responses.items()
        if response.validator and not response.examples
    ]

    assert bare == []


def test_every_request_event_and_acknowledgement_has_an_example(contract: Contract) -> None:
    requests = [
        op.id for op in contract.operations.values() if op.request and not op.request.examples
    ]
    events = [
        event.name
        for event in contract.events.values()
        if not event.payload.examples
        or (event.acknowledgement and not event.acknowledgement_examples)
    ]

    assert requests == [] and events == []


def test_both_documents_have_one_version(contract: Contract) -> None:
    assert {source["info"]["version"] for source in SOURCES.values()} == {contract.version}


def test_the_contract_has_the_operations_and_events_of_the_notes(contract: Contract) -> None:
    assert {(op.method, op.path) for op in contract.operations.values()} == {
        ("GET", "/api/messages/{otherUserId}"),
        ("POST", "/api/messages/send"),
        ("POST", "/api/chat/send"),
        ("PUT", "/api/conversations/{otherUserId}/metadata"),
    }
    directions = {event.name: event.action for event in contract.events.values()}
    assert directions == {
        "sendMessage": "receive",
        "typing": "receive",
        "stopTyping": "receive",
        "receiveMessage": "send",
        "userStatus": "send",
        "typingStatus": "send",
    }


def test_every_message_of_the_channel_has_a_name_of_its_own() -> None:
    (channel,) = SOURCES["asyncapi"]["channels"].values()
    messages = SOURCES["asyncapi"]["components"]["messages"]
    names = [
        messages[ref["$ref"].rpartition("/")[2]]["name"] for ref in channel["messages"].values()
    ]

    assert sorted(names) == sorted(set(names))
    assert names == list(channel["messages"])


def test_events_and_replies_are_messages_of_the_channel() -> None:
    strangers = []
    for name, operation in SOURCES["asyncapi"]["operations"].items():
        channel = operation["channel"]["$ref"]
        reply = operation.get("reply", {})
        for reference in [*operation["messages"], *reply.get("messages", ())]:
            if not reference["$ref"].startswith(f"{channel}/messages/"):
                strangers.append((name, reference["$ref"]))
        assert reply.get("channel", {"$ref": channel}) == {"$ref": channel}
        assert "address" not in reply, "a reply on a channel with an address has none of its own"

    assert strangers == []


def test_what_a_client_emits_can_be_acknowledged_and_what_the_server_emits_not(
    contract: Contract,
) -> None:
    acknowledged = {event.name for event in contract.events.values() if event.acknowledgement}

    assert acknowledged == {e.name for e in contract.events.values() if e.action == "receive"}


def test_every_payload_says_exactly_the_format_that_the_parser_knows() -> None:
    payloads = [
        (place, node)
        for place, node in nodes(SOURCES["asyncapi"])
        if re.fullmatch(r"/components/(messages/\w+/payload|schemas/\w+)", place)
    ]

    assert len(payloads) >= 9
    for place, payload in payloads:
        if "$ref" not in payload:
            assert payload.get("schemaFormat") == SCHEMA_FORMAT, place


def test_a_message_is_defined_once() -> None:
    shared = {
        node["$ref"].rpartition("/")[2]
        for _, node in nodes(SOURCES["asyncapi"])
        if str(node.get("$ref", "")).startswith("../openapi/openapi.yaml#")
    }

    assert {"Message", "SendMessageRequest", "MessageEnvelope", "Error", "ObjectId"} <= shared


def test_every_operation_and_event_has_requirements(contract: Contract) -> None:
    bound = {operation for each in contract.requirements.values() for operation in each.binds}

    assert bound == {*contract.operations, *(e.operation_id for e in contract.events.values())}


def test_the_requirements_of_a_group_are_numbered_without_a_gap(contract: Contract) -> None:
    for group in GROUPS:
        numbers = [int(name[-2:]) for name in contract.requirements if name.startswith(f"{group}-")]

        assert numbers == list(range(1, len(numbers) + 1)), group
        assert numbers, f"no requirement has the group {group}"


def test_every_requirement_says_where_the_notes_have_it(contract: Contract) -> None:
    for requirement in contract.requirements.values():
        assert re.fullmatch(r"§[1-5](\.\d)?(, §[1-5](\.\d)?)*", requirement.notes), requirement.id


def test_every_requirement_is_a_sentence_for_a_person(contract: Contract) -> None:
    for requirement in contract.requirements.values():
        for text in (requirement.text, *(clause.text for clause in requirement.clauses)):
            assert text == text.strip() and text.endswith("."), requirement.id
            assert len(text) > 20 or text == "The newest of them does.", requirement.id


def test_every_operation_says_whom_to_blame(contract: Contract) -> None:
    blames = [op.blame for op in contract.operations.values()]
    blames += [event.blame for event in contract.events.values() if event.action == "receive"]

    assert all(blame.accepts and blame.refuses and blame.unknown for blame in blames)


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda op: op.id)
def test_an_operation_blames_requirements_that_bind_it(contract: Contract, operation: Any) -> None:
    blame = operation.blame
    named = [blame.accepts, blame.refuses, blame.unknown]
    schema = operation.request.schema if operation.request else {}
    named += [node["x-violation"] for _, node in nodes(schema) if "x-violation" in node]

    for name in named:
        assert operation.id in contract.requirements[name].binds


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda op: op.id)
def test_what_is_said_of_unknown_users_has_a_level_of_its_requirement(
    contract: Contract, operation: Any
) -> None:
    level = operation.blame.unknown_level
    assert level is None or level in contract.requirements[operation.blame.unknown].levels


@pytest.mark.parametrize(
    "event", [e for e in CONTRACT.events.values() if e.action == "receive"], ids=lambda e: e.name
)
def test_an_event_blames_requirements_that_bind_it(contract: Contract, event: Any) -> None:
    for name in (event.blame.accepts, event.blame.refuses, event.blame.unknown):
        assert event.operation_id in contract.requirements[name].binds


def test_every_decision_that_is_named_is_written_down_and_every_one_written_is_named() -> None:
    headings = re.findall(r"^## (D\d+) \S", DECISIONS.read_text("utf-8"), re.MULTILINE)
    named = {name for _, decisions in values("decisions") for name in decisions}

    assert headings == [f"D{number}" for number in range(1, 19)]
    assert named == set(headings)


def test_the_decisions_name_requirements_that_exist(contract: Contract) -> None:
    named = re.findall(r"\b[A-Z]{3,4}-\d\d\b", DECISIONS.read_text("utf-8"))

    assert named and set(named) <= set(contract.requirements)


@pytest.mark.parametrize(
    "overlay", sorted((ROOT / "openapi" / "overlays").glob("*.yaml")), ids=lambda p: p.stem
)
def test_an_overlay_that_ships_applies_and_keeps_the_examples_right(overlay: Path) -> None:
    relaxed = load([overlay])

    for operation in relaxed.operations.values():
        for response in operation.responses.values():
            for example in response.examples.values():
                assert response.validator and response.validator.violations(example) == ()


def test_bare_responses_are_right_with_the_overlay_and_wrong_without() -> None:
    relaxed = load([ROOT / "openapi" / "overlays" / "bare-responses.yaml"])
    for name, status in (("sendMessage", 201), ("updateConversationMetadata", 200)):
        strict = CONTRACT.operations[name].responses[status]
        loose = relaxed.operations[name].responses[status]
        for example in strict.examples.values():
            assert strict.validator and not strict.validator.accepts(example["data"])
            assert loose.validator and loose.validator.accepts(example["data"])
            assert not loose.validator.accepts({})
    history = relaxed.operations["listMessages"].responses[200]
    assert history.validator and not history.validator.accepts([])
