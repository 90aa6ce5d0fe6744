"""What scenarios send as invalid is what every backend has to turn down."""

import itertools
import json

import pytest

from conformance.scenarios.props.payloads import Payload, invalid_messages, invalid_notices
from contract import Contract, load

USER = "60d0fe4f5311236168a109cb"
NOBODY = "e0d0fe4f5311236168a109cb"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


def messages() -> list[Payload]:
    number = itertools.count(10**14)
    volleys = invalid_messages(USER, lambda: str(next(number)))
    return [payload for _, payloads in volleys for payload in payloads]


def notices(event: str) -> list[Payload]:
    return [p for _, payloads in invalid_notices(event, USER, NOBODY) for p in payloads]


def is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def readable(payloads: list[Payload]) -> list[Payload]:
    """Those whose payload is JSON that a recursive reader manages."""
    return [p for p in payloads if p.packet is None and p.args and is_json(p.args[0])]


@pytest.mark.parametrize("payload", readable(messages()), ids=lambda payload: payload.flaw)
def test_no_backend_may_take_an_invalid_message(contract: Contract, payload: Payload) -> None:
    assert not contract.events["sendMessage"].payload.may_accept.accepts(payload.args[0])


@pytest.mark.parametrize("event", ["typing", "stopTyping"])
def test_no_backend_may_take_an_invalid_notice(contract: Contract, event: str) -> None:
    for payload in readable(notices(event)):
        to_nobody = payload.args[0] == {"recipientId": NOBODY}
        assert contract.events[event].payload.may_accept.accepts(payload.args[0]) is to_nobody


def test_every_flaw_has_a_name_of_its_own() -> None:
    for payloads in (messages(), notices("typing")):
        flaws = [payload.flaw for payload in payloads]
        assert len(flaws) == len(set(flaws))


def test_what_could_become_a_message_is_marked_or_has_nothing_in_it() -> None:
    unmarked = {p.flaw for p in messages() if "1000000" not in repr(p.args) and p.packet is None}
    assert unmarked == {
        "neither text nor attachment",
        "an empty text alone",
        "a text that is true",
        "a payload that is an empty array",
        "a payload that is a string",
        "a payload that is a number",
        "a payload that is true",
        "a payload of null",
        "no payload",
    }
