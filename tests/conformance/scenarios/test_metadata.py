"""Settings that nobody can see are not said to be stored."""

from dataclasses import replace

import pytest

from contract import load
from reference_server import store
from reference_server.store import Store
from tests.mutants.patching import Patch
from tests.mutants.registry import Mutant
from tests.mutants.runner import run
from tests.mutants.trial import Result, Trial, warm_up


def nothing_is_stored(patch: Patch) -> None:
    """Every update is answered as if all were stored, and forgotten."""

    async def change_settings(self, owner, other, changes):
        empty = await original(self, owner, other, {})
        return replace(empty, **{store._SETTING_FIELDS[k]: v for k, v in changes.items()})

    original = patch(Store, change_settings)


def each_body_is_all_there_is(patch: Patch) -> None:
    """What a body does not name is set to nothing, so no partial body shows the rest."""
    nothing = {"isPinned": False, "isBlocked": False, "isFavorite": False, "customRingtone": None}

    async def change_settings(self, owner, other, changes):
        return await original(self, owner, other, nothing | dict(changes))

    original = patch(Store, change_settings)


def a_block_is_for_ever(patch: Patch) -> None:
    """`isBlocked: false` is answered as if it were stored, and ignored."""

    async def change_settings(self, owner, other, changes):
        kept = {k: v for k, v in changes.items() if k != "isBlocked" or v}
        entry = await original(self, owner, other, kept)
        blocked = changes.get("isBlocked")
        return entry if blocked is None else replace(entry, is_blocked=blocked)

    original = patch(Store, change_settings)


def outcome(way, id: str) -> Result:
    contract = load()
    warm_up(contract)
    backend = Mutant(way.__name__, id, None, "rest", False, way.__doc__ or "", way)
    trial = Trial(backend, id, fuzzing=False)
    return run([trial], contract, 1)[trial]


@pytest.mark.parametrize("id", ["META-02", "META-05"])
def test_a_backend_that_stores_nothing_does_not_pass(id):
    result = outcome(nothing_is_stored, id)
    assert result.problem is None
    assert result.statuses[id] == "untestable"
    assert "cannot be seen" in result.reasons[id]


@pytest.mark.parametrize("id", ["META-02", "META-05"])
def test_a_backend_whose_settings_show_in_what_it_delivers_passes(id):
    result = outcome(each_body_is_all_there_is, id)
    assert (result.problem, result.statuses[id]) == (None, "passed")


def test_a_block_that_cannot_be_taken_back_is_said_once_and_spoils_nothing_else():
    way = a_block_is_for_ever
    contract = load()
    warm_up(contract)
    trials = [
        Trial(Mutant(way.__name__, id, None, "rest", False, way.__doc__, way), id, fuzzing=False)
        for id in ("META-02", "META-10")
    ]
    results = run(trials, contract, 1)
    found = {one.summary for result in results.values() for one in result.findings}
    assert found <= {"A block cannot be taken back", "isBlocked is not stored as it was sent"}
    assert "A block cannot be taken back" in found
    assert all(result.problem is None for result in results.values())
