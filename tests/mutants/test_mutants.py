"""What holds of every mutant, and of the score.

The whole catalogue runs in `tox -e mutants`; here a sample runs that touches every group.
"""

import asyncio
import json
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from contract import Contract, load
from reference_server import users
from reference_server.server import Server
from reference_server.store import Store
from reference_server.tokens import Tokens
from tests.mutants import score
from tests.mutants.known_survivors import KNOWN_SURVIVORS
from tests.mutants.patching import Patch, Unfit
from tests.mutants.registry import Mutant, all_mutants
from tests.mutants.score import Fate
from tests.mutants.trial import Finding, Result, Trial

WITHOUT_MUTANT: dict[tuple[str, str], str] = {}
"""Clauses of *must* that no mutant breaks, each with the reason, by requirement and level."""

ROOT = Path(__file__).parents[2]
SAMPLE = [
    "the_alias_route_lacks_the_middleware",
    "errors_401_are_plain_text",
    "only_own_messages_are_listed",
    "each_direction_has_a_conversation",
    "the_alias_swaps_the_two",
    "a_flag_cannot_be_taken_back",
    "polling_is_not_authenticated",
    "messages_with_attachments_go_to_everybody",
    "typing_without_payload_ends_the_process",
    "friends_of_friends_hear",
    "no_attachment_is_an_empty_object_in_events",
]
"""One of each group, such as the suite has to catch at any time."""


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


def test_every_mutant_has_a_name_of_its_own_and_says_what_is_wrong() -> None:
    names = Counter(each.name for each in all_mutants())
    assert [name for name, count in names.items() if count > 1] == []
    assert [each.name for each in all_mutants() if len(each.defect.split()) < 4] == []


def test_every_mutant_breaks_a_clause_that_the_contract_has(contract: Contract) -> None:
    for each in all_mutants():
        requirement = contract.requirements[each.requirement]
        assert each.level is None or each.level in requirement.levels, each.name


def test_every_clause_but_the_permissions_has_a_mutant(contract: Contract) -> None:
    clauses = {
        (requirement.id, level)
        for requirement in contract.requirements.values()
        for level in requirement.levels - {"may"}
    }
    broken = {
        (each.requirement, each.level or contract.requirements[each.requirement].level)
        for each in all_mutants()
    }
    assert clauses - broken == set(WITHOUT_MUTANT)


def test_the_catalogue_is_large_spread_and_subtle_enough() -> None:
    mutants = all_mutants()
    assert len(mutants) >= 120
    assert sum(each.subtle for each in mutants) >= len(mutants) / 3
    assert {each.protocol for each in mutants} == {"rest", "events", "both"}


@pytest.mark.parametrize("mutant", all_mutants(), ids=lambda each: each.name)
def test_the_server_of_a_mutant_starts(mutant: Mutant, contract: Contract) -> None:
    async def start() -> int:
        tokens = Tokens(secrets.token_hex(32), directory)
        server = Server(contract, directory, tokens, Store.embedded())
        await server.start()
        await server.stop()
        return server.port

    directory = users.load()
    with Patch() as patch:
        mutant.apply(patch)
        assert asyncio.run(start())


def test_a_patch_of_something_that_does_not_exist_is_refused() -> None:
    with Patch() as patch, pytest.raises(AttributeError):
        patch(Store, lambda store: None, "no_such_method")


def test_a_patch_that_is_called_in_another_way_is_refused() -> None:
    with Patch() as patch, pytest.raises(Unfit, match="settings takes"):
        patch(Store, lambda store, owner: None, "settings")


def test_a_patch_ends_with_its_context() -> None:
    before = Store.settings
    with Patch() as patch:
        patch(Store, lambda store, owner, other: None, "settings")
        assert Store.settings is not before
    assert Store.settings is before


def result(status: str = "passed", *found: str, level: str = "must", **more: object) -> Result:
    """A result for HIST-08, with a finding for each requirement named."""
    findings = tuple(Finding(id, level, "something is wrong") for id in found)
    return Result({"HIST-08": status}, {}, findings, (), 1.0, **more)  # type: ignore[arg-type]


@pytest.fixture
def mutant() -> Mutant:
    return next(each for each in all_mutants() if each.requirement == "HIST-08")


def fate(mutant: Mutant, contract: Contract, control: Result, mutated: Result) -> Fate:
    trials = score.alone(mutant, fuzzing=False)
    return score.judge(mutant, dict(zip(trials, (control, mutated), strict=True)), contract).fate


def test_a_finding_of_the_bound_requirement_catches(mutant: Mutant, contract: Contract) -> None:
    assert fate(mutant, contract, result(), result("failed", "HIST-08")) is Fate.CAUGHT


def test_an_untestable_requirement_catches_nothing(mutant: Mutant, contract: Contract) -> None:
    assert fate(mutant, contract, result(), result("untestable")) is Fate.SURVIVED


def test_a_finding_of_another_level_catches_nothing(mutant: Mutant, contract: Contract) -> None:
    mutated = result("failed", "HIST-08", level="should")
    assert fate(mutant, contract, result(), mutated) is Fate.SURVIVED


def test_a_finding_on_the_unmutated_server_too_says_nothing(
    mutant: Mutant, contract: Contract
) -> None:
    found = result("failed", "HIST-08")
    assert fate(mutant, contract, found, found) is Fate.INVALID


def test_a_mutant_that_did_not_start_or_hung_says_nothing(
    mutant: Mutant, contract: Contract
) -> None:
    assert fate(mutant, contract, result(), Result.without("it hung", 60.0)) is Fate.INVALID


def test_a_finding_of_another_requirement_is_told_apart(mutant: Mutant, contract: Contract) -> None:
    control, mutated = score.alone(mutant, fuzzing=False)
    results: dict[Trial, Result] = {
        control: result(),
        mutated: result(),
        score.whole(None): result("passed", "ERR-05"),
        score.whole(mutant): result("passed", "HIST-01", "ERR-05"),
    }
    verdict = score.judge(mutant, results, contract)
    assert (verdict.fate, verdict.others) == (Fate.BY_ANOTHER, ("HIST-01",))


def test_what_only_the_whole_run_finds_catches_too(mutant: Mutant, contract: Contract) -> None:
    control, mutated = score.alone(mutant, fuzzing=False)
    results = {
        control: result(),
        mutated: result(),
        score.whole(None): result(),
        score.whole(mutant): result("failed", "HIST-08"),
    }
    assert score.judge(mutant, results, contract).fate is Fate.CAUGHT


def test_known_survivors_are_mutants_with_a_reason() -> None:
    assert KNOWN_SURVIVORS.keys() <= {each.name for each in all_mutants()}
    assert all(KNOWN_SURVIVORS.values())


def test_a_sample_of_every_group_is_caught(tmp_path: Path) -> None:
    groups = {each.group for each in all_mutants()}
    assert {each.group for each in all_mutants() if each.name in SAMPLE} == groups
    file = tmp_path / "score.json"
    # In a process of its own: trials are forked, and this one may have threads.
    command = [sys.executable, "-m", "tests.mutants", "--only", *SAMPLE, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert file.exists(), done.stderr
    fates = {each["name"]: each["fate"] for each in json.loads(file.read_text())["mutants"]}
    assert fates == dict.fromkeys(SAMPLE, "caught"), done.stdout
    assert done.returncode == 0
