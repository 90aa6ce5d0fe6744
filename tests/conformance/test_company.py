"""The troupes of a run, in as many processes as it may have, and what they do at once."""

from dataclasses import replace

import pytest

from conformance import company as staging
from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.company import Company
from conformance.elsewhere import Lost
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.fuzzing import Tally
from conformance.judging.findings import Finding, Ledger, Outcome, Status
from conformance.profiles import PROFILES
from conformance.stage.performing import LocalTroupe
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load

CONTRACT = load()
MUST = CONTRACT.requirements["SEND-09"]
QUICK = PROFILES["quick"]


class Elsewhere:
    """A troupe elsewhere that finds something and hands it over."""

    def __init__(self, world, users):
        self.world, self.users, self.closed = world, users, False

    def fuzz_events(self, profile, lives, seconds):
        self.lived = lives()
        finding = Finding(MUST.id, "must", "found in events", "this", "that")
        return Tally(3, 3), (Outcome(MUST, Status.FAILED, 1, findings=(finding,)),)

    def close(self):
        self.closed = True


class Backend:
    """A backend that dies in those moments of which it is told, by number."""

    def __init__(self, *deaths, gone=None):
        self.moments, self.gone, self.deaths, self.asked = deaths, gone, 0, []
        self.buried = False

    def lives(self, *, certain=True):
        self.deaths += len(self.asked) in self.moments
        self.asked.append(certain)
        return self.gone is None

    def bury(self):
        self.buried = True


def world_of(count: int) -> World:
    """A world of so many users, whose backend is nowhere."""
    users = [
        {
            "_id": f"60d0fe4f5311236168a109{number:02x}",
            "userId": f"R2C{number}",
            "name": f"u{number}",
        }
        for number in range(count)
    ]
    target = Target.of(
        {"target": {"url": "http://127.0.0.1:9"}, "auth": {"secret": "s" * 32}, "users": users}
    )
    ledger, journal = Ledger({MUST.id: MUST}), Journal(lambda data: data)
    return World(CONTRACT, target, TokenMint(target), ledger, journal, Redactor(), Pace(), 7)


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    """No processes, and fuzzing that finds one thing here."""

    def found(summary):
        def fuzz(world, profile, lives, seconds=0):
            finding = Finding(MUST.id, "must", summary, "this", "that")
            world.ledger.fail(finding)
            return Tally(5, 5)

        return fuzz

    monkeypatch.setattr(staging, "DistantTroupe", Elsewhere)
    monkeypatch.setattr(staging, "fuzz_requests", found("found in requests"))
    monkeypatch.setattr(staging, "fuzz", found("found alone"))


def users_of(troupe) -> tuple[str, ...]:
    known = troupe.users if isinstance(troupe, Elsewhere) else troupe.world.target.users
    return tuple(user.name for user in known)


def summaries(world: World) -> set[str]:
    return {finding.summary for each in world.ledger.outcomes() for finding in each.findings}


@pytest.mark.parametrize(
    ("users", "processes", "here", "elsewhere"),
    [(20, 1, 4, 0), (20, 2, 3, 1), (20, 8, 1, 3), (10, 2, 1, 1), (9, 2, 1, 0), (3, 4, 1, 0)],
)
def test_there_are_as_many_processes_as_may_be_and_as_users_suffice_for(
    users, processes, here, elsewhere
):
    company = Company(world_of(users), processes)
    kinds = [isinstance(troupe, LocalTroupe) for troupe in company.troupes]
    assert kinds == [True] * here + [False] * elsewhere
    names = [name for troupe in company.troupes for name in users_of(troupe)]
    assert sorted(names) == sorted({f"u{number}" for number in range(users)})


def test_the_processes_end_with_the_company():
    company = Company(world_of(10), 2)
    company.close()
    assert company.troupes[-1].closed


def test_both_protocols_are_fuzzed_at_once_where_there_are_two_processes():
    world, backend = world_of(10), Backend()
    tally = Company(world, 2).fuzz(QUICK, backend)
    assert summaries(world) == {"found in requests", "found in events"}
    assert (tally.cases, tally.complete) == (8, True)
    assert backend.asked == [False]  # nobody can tell who killed it


def test_one_process_fuzzes_one_after_the_other():
    world = world_of(10)
    Company(world, 1).fuzz(QUICK, Backend())
    assert summaries(world) == {"found alone"}


def test_a_death_while_both_are_fuzzed_makes_all_be_done_again_and_nothing_else_count():
    world, backend = world_of(10), Backend(0)
    Company(world, 2).fuzz(QUICK, backend)
    assert summaries(world) == {"found alone"}
    assert backend.buried


def test_a_backend_that_is_gone_is_asked_nothing_more():
    world, backend = world_of(10), Backend(0, gone="it is gone")
    tally = Company(world, 2).fuzz(QUICK, backend)
    assert summaries(world) == set()
    assert not tally.complete


def test_a_process_that_is_lost_ends_the_fuzzing(monkeypatch):
    def lost(*_):
        raise Lost("it ended")

    monkeypatch.setattr(Elsewhere, "fuzz_events", lost)
    company = Company(world_of(10), 2)
    with pytest.raises(Lost):
        company.fuzz(replace(QUICK, fuzzing_s=1), Backend())
    assert company.troupes[-1].closed
