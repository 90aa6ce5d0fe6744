"""Scenarios are played by one troupe or several; what becomes of each stands in the ledger."""

import textwrap

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.evidence.steps import Step
from conformance.judging.findings import Ledger, Outcome, Status
from conformance.scenarios import FOLDER
from conformance.stage.autopsy import Cause, kind_of
from conformance.stage.collecting import collected
from conformance.stage.performing import DIED, LocalTroupe
from conformance.stage.programme import INTERRUPTED, Programme
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load

CONTRACT = load()
IDS = ("SEND-09", "SEND-10", "HIST-07")
HEAD = """
from conformance.scenarios import requirement
from conformance.stage.casting import Untestable
from conformance.stage.accusing import Blocked
from conformance.stage.stage import Stage
"""


@pytest.fixture
def world():
    """A world whose backend is nowhere; these scenarios do not ask it anything."""
    users = [
        {"_id": f"60d0fe4f5311236168a109c{digit}", "userId": f"R2C00{digit}", "name": name}
        for digit, name in ((1, "Asha"), (2, "Ben"), (3, "Cara"))
    ]
    target = Target.of(
        {"target": {"url": "http://127.0.0.1:9"}, "auth": {"secret": "s" * 32}, "users": users}
    )
    notes: list[dict] = []
    journal = Journal(lambda data: data)
    journal.listen(lambda note: notes.append(dict(note)))
    made = World(
        CONTRACT,
        target,
        TokenMint(target),
        Ledger({id: CONTRACT.requirements[id] for id in IDS}),
        journal,
        Redactor(),
        Pace(),
        7,
    )
    made.notes = notes
    yield made
    made.close()


class Immortal:
    """A backend that always lives."""

    deaths = 0
    gone = None
    cause = None

    def lives(self, *, certain=True):
        return True

    def bury(self):
        pass


class Mortal(Immortal):
    """A backend that dies in each scenario whose turn it is told, and is back at once or not."""

    def __init__(self, *turns, back=True):
        self.turns = turns
        self.back = back
        self.asked = 0
        self.certain = []

    def lives(self, *, certain=True):
        self.asked += 1
        if self.asked in self.turns:
            self.deaths += 1
            self.certain.append(certain)
            self.gone = None if self.back else "the backend is gone"
        return self.gone is None


@pytest.fixture
def run(world, tmp_path):
    """Plays scenarios given as source, and gives the outcomes by id."""
    (tmp_path / "pytest.ini").write_text((FOLDER / "pytest.ini").read_text())

    def run(source, backend=None, over=lambda: None, parts=None) -> dict[str, Outcome]:
        # A name of its own: Python remembers the modules it has imported.
        file = tmp_path / f"test_{tmp_path.name}.py"
        file.write_text(HEAD + textwrap.dedent(source))
        programme = Programme(
            [LocalTroupe(each) for each in parts or [world]], backend or Immortal(), over
        )
        programme.play(collected(tmp_path))
        return {outcome.requirement.id: outcome for outcome in world.ledger.outcomes()}

    return run


def test_a_scenario_that_judges_all_it_names_passes_or_fails_them(run):
    outcomes = run("""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            stage.check("SEND-10", False, "it breaks", "this", "that")
            """)
    assert outcomes["SEND-09"].status is Status.PASSED
    assert outcomes["SEND-10"].status is Status.FAILED
    (finding,) = outcomes["SEND-10"].findings
    assert (finding.summary, finding.expected, finding.observed) == ("it breaks", "this", "that")


def test_a_need_that_fails_blocks_what_was_not_judged_yet(run):
    outcomes = run("""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.need("SEND-09", False, "it breaks")
            stage.check("SEND-10", True, "never reached")
            """)
    assert outcomes["SEND-09"].status is Status.FAILED
    assert outcomes["SEND-10"].status is Status.UNTESTABLE
    assert outcomes["SEND-10"].reason == "it breaks (SEND-09)"


@pytest.mark.parametrize("obstacle", ["Untestable", "Blocked"])
def test_an_obstacle_makes_untestable_what_was_not_judged_yet(run, obstacle):
    outcomes = run(f"""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            raise {obstacle}("add a user")
            """)
    assert outcomes["SEND-09"].status is Status.PASSED
    assert (outcomes["SEND-10"].status, outcomes["SEND-10"].reason) == (
        Status.UNTESTABLE,
        "add a user",
    )


def test_a_scenario_that_breaks_is_an_error_of_the_suite_for_all_it_names(run, world):
    outcomes = run("""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            raise KeyError("x")
            """)
    for id in ("SEND-09", "SEND-10"):
        assert outcomes[id].status is Status.ERROR
        assert outcomes[id].reason == "test_something: KeyError: 'x'"
    (note,) = [note for note in world.notes if note["kind"] == "suite-error"]
    assert "raise KeyError" in note["traceback"]


def test_an_assert_in_a_scenario_accuses_nobody(run):
    outcomes = run("""
        @requirement("SEND-09")
        def test_something(stage: Stage) -> None:
            assert 1 == 2
            """)
    assert outcomes["SEND-09"].status is Status.ERROR
    assert outcomes["SEND-09"].findings == ()


@pytest.mark.parametrize(
    "leave",
    ["import pytest; pytest.skip('no')", "import pytest; pytest.fail('no')", "raise SystemExit(0)"],
)
def test_there_is_no_way_to_leave_a_scenario_in_silence(run, leave):
    outcomes = run(f"""
        @requirement("SEND-09")
        def test_something(stage: Stage) -> None:
            {leave}
            """)
    assert outcomes["SEND-09"].status is Status.ERROR


def test_a_backend_that_nobody_can_reach_is_no_error_of_the_suite(run):
    outcomes = run("""
        @requirement("SEND-09")
        def test_something(stage: Stage) -> None:
            stage.cast(2)[0].connect()
    """)
    assert outcomes["SEND-09"].status is Status.UNTESTABLE
    assert "cannot be reached: the connection was refused" in outcomes["SEND-09"].reason


def test_a_scenario_that_forgets_a_requirement_is_an_error_of_the_suite(run):
    outcomes = run("""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            """)
    assert outcomes["SEND-09"].status is Status.PASSED
    assert outcomes["SEND-10"].status is Status.ERROR
    assert outcomes["SEND-10"].reason == "test_something ended without judging it"


def test_what_could_not_be_judged_after_a_failed_check_is_untestable(run):
    outcomes = run("""
        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            stage.check("SEND-09", False, "everything is answered 200")
            """)
    assert outcomes["SEND-10"].status is Status.UNTESTABLE
    assert outcomes["SEND-10"].reason == "nothing to judge it by: everything is answered 200"


def test_what_could_not_be_judged_without_an_answer_is_untestable(run):
    outcomes = run("""
        @requirement("SEND-09")
        def test_something(stage: Stage) -> None:
            for answer in [stage.world.actors[0].read(stage.world.actors[1])]:
                if answer.status is not None:
                    stage.check("SEND-09", True, "it breaks")
            """)
    assert outcomes["SEND-09"].status is Status.UNTESTABLE
    assert outcomes["SEND-09"].reason == (
        "nothing to judge it by: no answer: the connection was refused"
    )


def test_scenarios_of_requirements_that_are_not_judged_are_not_played(run, world, tmp_path):
    ran = tmp_path / "ran"
    run(f"""
        import pathlib

        @requirement("AUTH-01")
        def test_other(stage: Stage) -> None:
            pathlib.Path({str(ran)!r}).touch()
            """)
    assert not ran.exists()
    assert [n["total"] for n in world.notes if n["kind"] == "scenarios-collected"] == [0]


def test_scenarios_without_a_requirement_are_not_played(run, tmp_path):
    ran = tmp_path / "ran"
    run(f"""
        import pathlib

        def test_other(stage: Stage) -> None:
            pathlib.Path({str(ran)!r}).touch()
            """)
    assert not ran.exists()


def test_once_time_is_over_everything_that_follows_is_untestable(run):
    outcomes = run(
        """
        @requirement("SEND-09")
        def test_a(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")

        @requirement("SEND-09", "SEND-10")
        def test_b(stage: Stage) -> None:
            raise KeyError("this must not run")
            """,
        over=lambda: "time is over",
    )
    assert outcomes["SEND-09"].status is Status.UNTESTABLE
    assert outcomes["SEND-10"].status is Status.UNTESTABLE
    assert outcomes["SEND-10"].reason == "time is over"


def test_a_backend_that_dies_is_not_accused_of_what_it_did_not_do_afterwards(run):
    outcomes = run(
        """
        @requirement("SEND-09", "SEND-10", "HIST-07")
        def test_a(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            stage.check("SEND-10", False, "nothing comes")
            """,
        Mortal(1),
    )
    assert outcomes["SEND-09"].status is Status.PASSED
    for id in ("SEND-10", "HIST-07"):
        assert (outcomes[id].status, outcomes[id].findings) == (Status.UNTESTABLE, ())
        assert DIED in outcomes[id].reason


def test_a_backend_that_dies_of_what_it_has_to_survive_is_accused_of_that(run):
    outcomes = run(
        """
        @requirement("SEND-09", "SEND-10")
        def test_a(stage: Stage) -> None:
            stage.check("SEND-10", False, "nothing comes")
            stage.condemn("SEND-09", "it dies")
            """,
        Mortal(1, back=False),
    )
    assert [finding.summary for finding in outcomes["SEND-09"].findings] == ["it dies"]
    assert outcomes["SEND-10"].findings == ()


BOTH_AT_ONCE = """
    import threading

    turns = threading.Barrier(2, timeout=5)
    alone = []

    def meet():
        if not alone:
            try:
                turns.wait()
            finally:
                alone.append(True)

    @requirement("SEND-09")
    def test_a(stage: Stage) -> None:
        meet()
        stage.check("SEND-09", {innocent}, "it breaks")

    @requirement("SEND-10")
    def test_b(stage: Stage) -> None:
        meet()
        stage.condemn("SEND-10", "it dies")
    """


def test_a_backend_that_dies_of_what_is_plain_did_not_die_of_what_was_tried(run):
    backend = Mortal(1)
    backend.cause = Cause("it dies of a plain event sendMessage", (), "event sendMessage", ())
    outcomes = run(
        """
        @requirement("SEND-09", "SEND-10")
        def test_a(stage: Stage) -> None:
            stage.condemn("SEND-09", "after something odd nobody is served")
        """,
        backend,
    )
    for id in ("SEND-09", "SEND-10"):
        assert (outcomes[id].status, outcomes[id].findings) == (Status.UNTESTABLE, ())
        assert DIED in outcomes[id].reason


@pytest.mark.parametrize(("event", "accused"), [("typing", True), ("sendMessage", False)])
def test_a_backend_is_accused_of_what_it_died_of_and_of_nothing_else(run, event, accused):
    backend, step = Mortal(1), Step.of_emit("Asha", event, (None,))
    backend.cause = Cause("it dies of one kind", (step,), None, kind_of(step, ()))
    outcomes = run(
        """
        from conformance.evidence.steps import Step

        @requirement("SEND-09")
        def test_a(stage: Stage) -> None:
            stage.world.step(Step.of_emit("Asha", "sendMessage", (None,)))  # which it survived
            since = len(stage.evidence)
            stage.world.step(Step.of_emit("Asha", "typing", (None,)))
            stage.condemn("SEND-09", "after typing nobody is served", since=since)
        """,
        backend,
    )
    assert bool(outcomes["SEND-09"].findings) is accused


def test_what_was_played_at_once_when_the_backend_died_is_played_again_alone(run, world):
    backend = Mortal(1, 2)
    parts = [world.part(world.everyone[:1]), world.part(world.everyone[1:])]
    outcomes = run(BOTH_AT_ONCE.format(innocent="alone.count(True) > 1"), backend, parts=parts)
    assert outcomes["SEND-09"].status is Status.PASSED, "the innocent"
    assert [finding.summary for finding in outcomes["SEND-10"].findings] == ["it dies"]
    assert backend.asked == 4
    assert backend.certain == [False, False]


def test_of_two_that_played_at_once_none_is_accused_when_the_backend_is_gone(run, world):
    parts = [world.part(world.everyone[:1]), world.part(world.everyone[1:])]
    outcomes = run(BOTH_AT_ONCE.format(innocent="False"), Mortal(1, 2, back=False), parts=parts)
    for id in ("SEND-09", "SEND-10"):
        assert (outcomes[id].status, outcomes[id].findings) == (Status.UNTESTABLE, ())


def test_troupes_share_the_scenarios_and_what_they_find(run, world):
    parts = [world.part(world.everyone[:1]), world.part(world.everyone[1:])]
    outcomes = run(
        """
        @requirement("SEND-09", "SEND-10")
        def test_a(stage: Stage) -> None:
            stage.check("SEND-09", len(stage.world.actors) == 1, "others play too")
            stage.check("SEND-10", len(stage.world.everyone) == 3, "nobody knows the others")

        @requirement("HIST-07")
        def test_b(stage: Stage) -> None:
            stage.check("HIST-07", len(stage.world.actors) == 2, "others play too")
            """,
        parts=parts,
    )
    assert {outcome.status for outcome in outcomes.values()} == {Status.PASSED}


def test_an_error_in_a_troupe_ends_the_programme(run, world):
    class Broken(Immortal):
        def lives(self, *, certain=True):
            raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        run(
            """
            @requirement("SEND-09")
            def test_a(stage: Stage) -> None:
                stage.check("SEND-09", True, "it breaks")
            """,
            Broken(),
            parts=[world.part(world.everyone[:1]), world.part(world.everyone[1:])],
        )


def test_an_interrupt_ends_all_scenarios_and_leaves_open_what_they_name(run, tmp_path, world):
    ran = tmp_path / "ran"
    with pytest.raises(KeyboardInterrupt):
        run(f"""
            import pathlib

            @requirement("SEND-09", "SEND-10")
            def test_a(stage: Stage) -> None:
                stage.check("SEND-09", True, "it breaks")
                stage.check("SEND-10", True, "it breaks")

            @requirement("SEND-09")
            def test_b(stage: Stage) -> None:
                stage.check("SEND-09", True, "it breaks")
                raise KeyboardInterrupt

            @requirement("HIST-07")
            def test_c(stage: Stage) -> None:
                pathlib.Path({str(ran)!r}).touch()
                """)
    assert not ran.exists()
    outcomes = {o.requirement.id: (o.status, o.reason) for o in world.ledger.outcomes()}
    assert outcomes == {
        "SEND-09": (Status.UNTESTABLE, INTERRUPTED),
        "SEND-10": (Status.PASSED, None),
        "HIST-07": (Status.UNTESTABLE, INTERRUPTED),
    }


def test_the_same_seed_gives_a_scenario_the_same_dice(run, world):
    source = """
        @requirement("HIST-07")
        def test_something(stage: Stage) -> None:
            stage.observe("HIST-07", str(stage.random.random()))
            """
    run(source)
    first = world.ledger.outcomes()
    world.ledger = Ledger({id: CONTRACT.requirements[id] for id in IDS})
    run(source)
    assert world.ledger.outcomes() == first


def test_the_time_of_a_scenario_is_shared_by_the_requirements_it_names(run, world):
    run("""
        import time

        @requirement("SEND-09", "SEND-10")
        def test_something(stage: Stage) -> None:
            began = time.monotonic()
            while time.monotonic() - began < 0.1:
                pass
        """)
    seconds = {o.requirement.id: o.seconds for o in world.ledger.outcomes()}
    assert seconds["SEND-09"] == seconds["SEND-10"] >= 0.05
    assert seconds["HIST-07"] == 0


def test_the_journal_hears_of_each_scenario_with_its_name_as_words(run, world):
    run("""
        @requirement("SEND-09")
        def test_a_message_to_nobody(stage: Stage) -> None:
            stage.check("SEND-09", True, "it breaks")
            """)
    told = [(n["kind"], n["name"]) for n in world.notes if n["kind"].startswith("scenario-")]
    assert told == [
        ("scenario-started", "a message to nobody"),
        ("scenario-ended", "a message to nobody"),
    ]
