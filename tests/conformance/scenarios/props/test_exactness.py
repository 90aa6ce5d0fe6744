"""The envelope is told from what is in it."""

import json
from pathlib import Path

import pytest
from requests.structures import CaseInsensitiveDict

from conformance.scenarios.props.exactness import enveloped
from conformance.wire.http import Exchange
from contract import load

BARE = Path(__file__).parents[4] / "openapi" / "overlays" / "bare-responses.yaml"
CONTRACT, BARE_CONTRACT = load(), load([BARE])
ID = "60d0fe4f5311236168a109ca"


def answer(body: object) -> Exchange:
    return Exchange(
        operation="sendMessage",
        actor="Asha",
        method="POST",
        url="http://h/api/messages/send",
        request_headers={},
        request_body=b"{}",
        status=201,
        headers=CaseInsensitiveDict({"content-type": "application/json"}),
        body=json.dumps(body).encode(),
        error=None,
        started=1.0,
        elapsed=0.1,
    )


@pytest.mark.parametrize("data", [{}, {"_id": ID}, {"_id": ID, "text": 5}, None, []])
def test_an_envelope_is_one_whatever_is_wrong_with_what_it_holds(data):
    assert enveloped(CONTRACT, answer({"success": True, "data": data}))


@pytest.mark.parametrize(
    "body",
    [
        {"_id": ID, "text": "hello"},
        {"data": {"_id": ID}},
        {"success": True, "message": {"_id": ID}},
        {"success": False, "data": {"_id": ID}},
        {"success": "true", "data": {"_id": ID}},
        {"success": True, "data": {"_id": ID}, "message": {"_id": ID}},
        [{"_id": ID}],
        None,
    ],
)
def test_anything_else_is_none(body):
    assert not enveloped(CONTRACT, answer(body))


def test_where_the_document_asks_for_none_a_bare_object_will_do():
    assert enveloped(BARE_CONTRACT, answer({"_id": ID, "text": 5}))
