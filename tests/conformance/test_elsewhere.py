"""A troupe in a process of its own: what it sees reaches the run, and it ends with the run."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conformance import elsewhere
from conformance.backend.target import Target, User
from conformance.backend.tokens import TokenMint
from conformance.elsewhere import DistantTroupe, Lost
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger, Outcome, Status
from conformance.profiles import PROFILES
from conformance.scenarios import FOLDER
from conformance.stage.collecting import Scenario, collected
from conformance.stage.performing import DIED
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import Contract, load
from reference_server import RunningServer, running
from tests.mutants.patching import Patch
from tests.mutants.registry import all_mutants

pytestmark = pytest.mark.slow

IDS = ("SEND-09", "SEND-12", "AUTH-02", "TYPE-01", "TYPE-03", "ALL-02", "ALL-06")


@dataclass(slots=True)
class Tour:
    """A troupe elsewhere, and what the run hears of it."""

    world: World
    troupe: DistantTroupe
    users: tuple[User, ...]
    notes: list[dict]
    scenarios: dict[str, Scenario]

    def play(self, name: str, *, survived: bool = True) -> None:
        performance = self.troupe.perform(self.scenarios[name])
        assert (performance.reason, performance.error) == (None, None)
        performance.conclude(survived=survived)

    def outcome(self, id: str) -> Outcome:
        return next(each for each in self.world.ledger.outcomes() if each.requirement.id == id)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server that takes messages to nobody, which breaks SEND-09."""
    mutant = next(each for each in all_mutants() if each.requirement == "SEND-09")
    with Patch() as patch:
        mutant.apply(patch)
        with running() as server:
            yield server


@pytest.fixture(scope="module")
def tour(contract: Contract, server: RunningServer) -> Iterator[Tour]:
    target = Target.of(
        {
            "target": {"url": server.url},
            "auth": {"secret": server.secret},
            "users": [
                {"_id": user.id, "userId": user.public_id, "name": user.name}
                for user in server.users
            ],
        }
    )
    redactor = Redactor()
    journal = Journal(redactor)
    notes: list[dict] = []
    journal.listen(lambda note: notes.append(dict(note)))
    ledger = Ledger({id: contract.requirements[id] for id in IDS})
    world = World.with_tokens(
        contract, TokenMint(target), ledger, journal, redactor, Pace(), 7, PROFILES["quick"]
    )
    users = target.users[5:]
    troupe = DistantTroupe(world, users)
    scenarios = {scenario.name: scenario for scenario in collected(FOLDER)}
    yield Tour(world, troupe, users, notes, scenarios)
    troupe.close()
    world.close()


def test_an_interrupt_at_its_very_start_is_for_the_run_alone(tour: Tour):
    world = tour.world
    troupe = DistantTroupe(world, tour.users)
    try:
        os.kill(troupe.process, signal.SIGINT)  # It is importing now; a terminal sends it to all.
        troupe.perform(tour.scenarios["test_a_message_to_nobody_is_not_found"])
        os.kill(troupe.process, signal.SIGINT)
        troupe.perform(tour.scenarios["test_a_message_to_nobody_is_not_found"])
    finally:
        troupe.close()


def test_what_it_judges_and_finds_stands_in_the_ledger_of_the_run(tour: Tour):
    tour.play("test_a_message_to_nobody_is_not_found")
    assert tour.outcome("SEND-12").status is Status.PASSED
    broken = tour.outcome("SEND-09")
    assert broken.status is Status.FAILED
    assert all("$TOKEN_" in "".join(finding.reproduce) for finding in broken.findings)
    assert tour.outcome("TYPE-01").cases == 0


def test_it_acts_on_its_own_users_alone_and_the_journal_and_the_last_steps_tell(tour: Tour):
    tour.play("test_a_message_to_nobody_is_not_found")
    actors = {note["actor"] for note in tour.notes if note.get("actor")}
    assert actors
    assert actors <= {user.name for user in tour.users}
    assert {step.actor for step in tour.world.last_steps} <= actors


def test_it_is_as_thorough_as_the_run(tour: Tour):
    assert PROFILES["quick"].plays < PROFILES["default"].plays
    tour.play("test_any_interleaving_is_as_the_model_says")
    assert tour.outcome("ALL-06").cases == PROFILES["quick"].plays


def test_a_scenario_that_the_backend_did_not_survive_accuses_it_of_nothing(tour: Tour):
    tour.world.ledger = Ledger({"SEND-09": tour.world.contract.requirements["SEND-09"]})
    tour.play("test_a_message_to_nobody_is_not_found", survived=False)
    judged = tour.outcome("SEND-09")
    assert (judged.status, judged.findings) == (Status.UNTESTABLE, ())
    assert judged.reason == f"nothing to judge it by: {DIED}"


def test_the_run_learns_the_secrets_that_were_made_elsewhere(tour: Tour):
    known = set(tour.world.redactor.secrets)
    tour.play("test_only_a_valid_token_opens_an_operation")
    made = set(tour.world.redactor.secrets) - known
    assert made
    assert all(tour.world.redactor.text(secret) != secret for secret in made)
    assert not any(secret in str(tour.notes) for secret in made if len(secret) > 8)


def test_fuzzing_elsewhere_is_handed_over_and_not_entered(tour: Tour):
    tour.world.ledger = Ledger({"TYPE-03": tour.world.contract.requirements["TYPE-03"]})
    tally, outcomes = tour.troupe.fuzz_events(PROFILES["quick"], lambda: True, 30)
    assert tally.cases > 0
    assert "TYPE-03" in {outcome.requirement.id for outcome in outcomes}
    assert tour.outcome("TYPE-03").cases == 0


def test_a_process_that_is_gone_is_an_error_of_the_suite(tour: Tour):
    troupe = DistantTroupe(tour.world, tour.users)
    os.kill(troupe.process, signal.SIGKILL)
    with pytest.raises(Lost, match="ended before its work was done"):
        troupe.perform(next(iter(tour.scenarios.values())))
    troupe.close()


def test_a_process_that_hangs_is_not_waited_for_and_ends_all_the_same(tour: Tour, monkeypatch):
    monkeypatch.setattr(elsewhere, "LONGEST_SILENCE", 0.05)
    monkeypatch.setattr(elsewhere, "END_PATIENCE", 0.5)
    troupe = DistantTroupe(tour.world, tour.users)
    os.kill(troupe.process, signal.SIGSTOP)
    with pytest.raises(Lost, match="hangs: it has said nothing for"):
        troupe.perform(next(iter(tour.scenarios.values())))
    troupe.close()
    with pytest.raises(ProcessLookupError):
        os.kill(troupe.process, 0)


def test_a_job_that_fails_by_itself_is_an_error_of_the_suite(tour: Tour):
    troupe = DistantTroupe(tour.world, tour.users)
    with pytest.raises(Lost, match="KeyError: 'test_nothing'"):
        troupe.perform(Scenario("test_nothing", (), lambda stage: None))
    assert tour.notes[-1]["kind"] == "suite-error"
    troupe.close()
    with pytest.raises(ProcessLookupError):
        os.kill(troupe.process, 0)
