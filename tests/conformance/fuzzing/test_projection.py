import json

import pytest
from openapi_spec_validator import validate

from conformance.fuzzing.projection import Strictness, projected


@pytest.mark.parametrize("strictness", Strictness)
def test_the_projection_is_a_valid_openapi_document(contract, strictness):
    validate(projected(contract, strictness))


def test_every_operation_and_every_event_from_a_client_has_a_path(contract):
    document = projected(contract, Strictness.NATURAL)
    ids = {node["operationId"] for item in document["paths"].values() for node in item.values()}
    assert ids == {*contract.operations, "onSendMessage", "onTyping", "onStopTyping"}
    assert {"/sendMessage", "/typing", "/stopTyping"} <= document["paths"].keys()


def test_events_that_the_server_emits_are_not_generated(contract):
    paths = projected(contract, Strictness.NATURAL)["paths"]
    assert not {"/receiveMessage", "/userStatus", "/typingStatus"} & paths.keys()


def test_no_security_is_projected_so_that_no_credentials_are_varied(contract):
    assert "security" not in json.dumps(projected(contract, Strictness.NATURAL)).lower()


def schema_of(contract, strictness, path, method="post"):
    node = projected(contract, strictness)["paths"][path][method]
    return node["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("path", ["/api/messages/send", "/sendMessage"])
def test_each_strictness_has_its_own_schema(contract, path):
    request = contract.operations["sendMessage"].request
    assert schema_of(contract, Strictness.NATURAL, path) == request.validator.schema
    assert schema_of(contract, Strictness.MUST_ACCEPT, path) == request.must_accept.schema
    assert schema_of(contract, Strictness.MAY_ACCEPT, path) == request.may_accept.schema


def test_examples_stand_beside_the_schema_that_they_fit(contract):
    node = projected(contract, Strictness.NATURAL)["paths"]["/api/messages/send"]["post"]
    examples = node["requestBody"]["content"]["application/json"]["examples"]
    assert [example["value"] for example in examples.values()] == list(
        contract.operations["sendMessage"].request.examples.values()
    )
