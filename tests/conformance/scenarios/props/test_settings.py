"""A block that cannot be taken back is told from one that is only shown late."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.scenarios.props.settings import PLAIN, STUCK, Settings
from conformance.stage.accusing import Blocked
from conformance.wire.http import Exchange

ELSEWHERE = frozenset({"3", "4"})


class Owner:
    """Keeps settings, as the backend under test would."""

    id = "1"

    def __init__(self, *, for_ever: bool = False, shows_before: bool = False) -> None:
        self.entry: dict[str, Any] = {"_id": "5", **PLAIN}
        self.for_ever = for_ever
        self.shows_before = shows_before

    def set(self, other: object, body: dict[str, Any]) -> Exchange:
        before = self.entry
        stays = self.for_ever and before["isBlocked"]
        self.entry = before | body | ({"isBlocked": True} if stays else {})
        return answered(before if self.shows_before else self.entry)


class Other:
    id = "2"

    def send(self, to: object, text: str) -> Exchange:
        return answered({"_id": "6"})


def answered(data: dict[str, Any]) -> Exchange:
    body = json.dumps({"success": True, "data": data}).encode()
    return Exchange(None, None, "PUT", "http://h/", {}, None, 200, {}, body, None, 0, 0)  # type: ignore[arg-type]


@pytest.fixture
def stage() -> SimpleNamespace:
    """A stage on which META-02 may be judged."""
    found: list[str] = []
    return SimpleNamespace(
        world=SimpleNamespace(blocked=set(), stuck=set()),
        accusations=[],
        found=found,
        text=lambda about: about,
        check=lambda id, holds, summary, *seen: found.append(summary),
        need=lambda *seen: None,
    )


def test_a_block_that_stays_is_told_and_nobody_is_blocked_any_more(stage: Any) -> None:
    settings = Settings(stage, Owner(for_ever=True), Other())  # type: ignore[arg-type]
    settings.put(PLAIN | {"isBlocked": True})
    settings.reset()
    assert stage.found == ["A block cannot be taken back"]
    assert stage.world.blocked == stage.world.stuck == {frozenset({"1", "2"})}
    with pytest.raises(Blocked, match="cannot be taken back"):
        settings.put({"isBlocked": True})


def test_a_backend_that_shows_how_it_was_before_takes_blocks_back_all_the_same(stage: Any) -> None:
    settings = Settings(stage, Owner(shows_before=True), Other())  # type: ignore[arg-type]
    settings.put(PLAIN | {"isBlocked": True})
    settings.store(isPinned=True)
    settings.put(PLAIN | {"isBlocked": True})
    settings.reset()
    assert stage.found == []
    assert stage.world.blocked == set()


def test_users_whom_a_random_script_has_set_aside_keep_nobody_from_judging_blocks(
    stage: Any,
) -> None:
    stage.world.blocked.add(ELSEWHERE)
    Settings(stage, Owner(), Other()).put({"isBlocked": True})  # type: ignore[arg-type]
    stage.world.stuck.add(ELSEWHERE)
    with pytest.raises(Blocked, match=STUCK[:20]):
        Settings(stage, Owner(), Other()).put({"isBlocked": True})  # type: ignore[arg-type]
