"""Schemathesis over both protocols: generated requests and payloads, judged by the contract."""

from collections.abc import Callable, Iterator

from conformance.fuzzing.budget import Budget
from conformance.fuzzing.events import EventFuzzing
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.people import People
from conformance.fuzzing.rest import RestFuzzing, Tally
from conformance.profiles import Profile
from conformance.stage.world import World

__all__ = ["Tally", "fuzz"]

LISTENERS = 3
"""Users who listen while events are fuzzed."""


def fuzz(world: World, profile: Profile, lives: Callable[[], bool]) -> Tally:
    """Fuzzes the REST operations, then the events, for `profile.fuzzing_s` seconds at most.

    The first user of the target sends, the others are written to. Nobody may have blocked the
    first, and nobody else may send as the first meanwhile. `lives` is asked when answers or
    events stay away: whether the backend lives, or lives again; it reports a death itself.
    Same contract, target and seed: same stimuli in the same order. Raises nothing on account of
    the backend.
    """
    sender, *others = world.actors
    generator = Generator(world.contract)
    rest = RestFuzzing(
        sender, People(sender.user, tuple(actor.user for actor in others)), generator, lives
    )
    events = EventFuzzing(sender, others[:LISTENERS], generator, lives)
    only = frozenset(relevant(world))
    total = Tally()
    world.journal.note("fuzzing-started", what="requests and payloads from the documents")
    jobs = ((rest.run, profile.examples), (events.run, profile.payloads))
    for (run, examples), share in Budget(profile.fuzzing_s).shared(jobs):
        tally = run(Plan(examples, world.seed, only), share.left)
        total.add(tally)
        world.journal.note(
            "fuzzing-ended", cases=tally.cases, judged=tally.judged, complete=tally.complete
        )
    return total


def relevant(world: World) -> Iterator[str]:
    """The ids of the operations whose fuzzing can say something about what this run judges."""
    for requirement in world.ledger.requirements:
        yield from requirement.binds
        if not requirement.binds and requirement.group in ("ERR", "ALL"):
            yield from world.contract.operations
        if not requirement.binds and requirement.group == "ALL":
            yield from (event.operation_id for event in world.contract.events.values())
