"""What is said of strings that are nobody's public id."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger, Outcome
from conformance.scenarios.test_chat import test_a_chat_message_to_nobody_is_refused as scenario
from conformance.stage.stage import Stage
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load
from reference_server.chat import Chat
from reference_server.errors import Invalid
from reference_server.in_process import running

NAMES = ("asha", "ben", "chitra", "diego")
NUMBERS = ("R2C100001", "R2C100002", "R2C100003", "R2C100004")


@pytest.fixture
def refuses_unknown_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The backend answers 400 to every public id that is nobody's."""

    def user_with_public_id(chat: Chat, public_id: str):
        user = chat.users.by_public_id(public_id)
        if user is None:
            raise Invalid("This is no public id.")
        return user

    monkeypatch.setattr(Chat, "user_with_public_id", user_with_public_id)
    yield


def outcome(folder: Path, public_ids: tuple[str, ...]) -> Outcome:
    users = [
        {"_id": f"60d0fe4f5311236168a109c{number}", "userId": public_id, "name": f"User {number}"}
        for number, public_id in enumerate(public_ids)
    ]
    file = folder / "users.yaml"
    file.write_text(json.dumps({"users": users}))
    with running(users=file) as server:
        target = Target.of(
            {"target": {"url": server.url}, "auth": {"secret": server.secret}, "users": users}
        )
        contract = load()
        ledger = Ledger(contract.requirements)
        journal = Journal(lambda data: data)
        mint = TokenMint(target)
        world = World(contract, target, mint, ledger, journal, Redactor(), Pace(0.5), 7)
        stage = Stage(world, "chat")
        scenario(stage)
        stage.accuse()
        stage.close()
        world.close()
    return next(it for it in ledger.outcomes() if it.requirement.id == "CHAT-03")


@pytest.mark.usefixtures("refuses_unknown_names")
def test_where_no_id_in_the_form_of_a_known_one_can_be_made_400_shows_nothing(tmp_path):
    found = outcome(tmp_path, NAMES)
    assert (found.status.label, found.findings) == ("untestable", ())
    assert "public id has 6 digits" in (found.reason or "")


@pytest.mark.usefixtures("refuses_unknown_names")
def test_400_to_an_id_in_the_form_of_a_known_one_breaks_the_requirement(tmp_path):
    assert outcome(tmp_path, NUMBERS).status.label == "failed"


def test_404_shows_it_whatever_public_ids_look_like(tmp_path):
    assert outcome(tmp_path, NAMES).status.label == "passed"
