"""What scenarios send is wrong, or right, by the documents themselves."""

import pytest

from conformance.scenarios.props.bodies import (
    ATTACHMENT_TYPES,
    TEXTS,
    Wrong,
    attachment,
    malformed_ids,
    wrong_chat_messages,
    wrong_messages,
    wrong_settings,
)
from contract import load

CONTRACT = load()
USER = "60d0fe4f5311236168a109ca"
WRONG = {
    "sendMessage": list(wrong_messages(USER, lambda: "123456789012345")),
    "sendChatMessage": list(wrong_chat_messages("R2C20251109001", lambda: "123456789012345")),
    "updateConversationMetadata": list(wrong_settings()),
}


@pytest.mark.parametrize(
    ("operation", "wrong"),
    [
        pytest.param(operation, wrong, id=f"{operation}: {wrong.flaw}")
        for operation, bodies in WRONG.items()
        for wrong in bodies
    ],
)
def test_every_backend_has_to_refuse_a_wrong_body_for_its_requirement(
    operation: str, wrong: Wrong
) -> None:
    request = CONTRACT.operations[operation].request
    assert request is not None
    violations = request.may_accept.violations(wrong.body)
    assert violations
    assert wrong.requirement in {
        violation.requirement or CONTRACT.operations[operation].blame.refuses
        for violation in violations
    }


@pytest.mark.parametrize("operation", WRONG)
def test_no_two_wrong_bodies_of_an_operation_have_the_same_name(operation: str) -> None:
    flaws = [wrong.flaw for wrong in WRONG[operation]]
    assert len(set(flaws)) == len(flaws)


@pytest.mark.parametrize("text", TEXTS)
def test_every_backend_has_to_take_each_text(text: str) -> None:
    for operation, body in (
        ("sendMessage", {"recipientId": USER, "text": text}),
        ("sendChatMessage", {"to": "R2C20251109001", "message": text}),
    ):
        request = CONTRACT.operations[operation].request
        assert request is not None
        assert request.must_accept.accepts(body)


@pytest.mark.parametrize("type", ATTACHMENT_TYPES)
def test_each_attachment_is_valid(type: str) -> None:
    request = CONTRACT.operations["sendMessage"].request
    assert request is not None
    # Addresses with capitals and a query, as stores of files sign them, are valid; those that are
    # generated at random are tamer.
    assert request.validator.accepts({"recipientId": USER, "attachment": attachment("a", type)})


def test_no_malformed_id_is_an_object_id() -> None:
    (parameter,) = CONTRACT.operations["listMessages"].parameters
    assert not [name for name, id in malformed_ids(USER) if parameter.validator.accepts(id)]
