"""Schemathesis over both protocols: generated requests and payloads, judged by the contract."""

from collections.abc import Callable, Iterator
from functools import partial

from conformance.fuzzing.budget import Budget
from conformance.fuzzing.events import EventFuzzing
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.people import People
from conformance.fuzzing.rest import RestFuzzing, Tally
from conformance.profiles import Profile
from conformance.stage.actor import Actor
from conformance.stage.world import World

__all__ = ["Tally", "fuzz", "fuzz_events", "fuzz_requests"]

WHAT = "requests and payloads from the documents"
LISTENERS = 3
"""Users who listen while events are fuzzed."""


def fuzz(world: World, profile: Profile, lives: Callable[[], bool]) -> Tally:
    """Fuzzes the REST operations, then the events, for `profile.fuzzing_s` seconds at most.

    The first user of the world sends, the others are written to. Nobody may have blocked the first,
    and nobody else may send as the first meanwhile. `lives` is asked when answers or events stay
    away: whether the backend lives, or lives again; it reports a death itself.
    Same contract, users and seed: same stimuli in the same order. Raises nothing on account of the
    backend.
    """
    total = Tally()
    world.journal.note("fuzzing-started", what=WHAT)
    jobs = (partial(job, world, profile, lives) for job in (fuzz_requests, fuzz_events))
    for job, share in Budget(profile.fuzzing_s).shared(jobs):
        total.add(job(share.left))
    return total


def fuzz_requests(
    world: World, profile: Profile, lives: Callable[[], bool], seconds: float
) -> Tally:
    """Fuzzes the REST operations alone; see `fuzz`."""
    sender, others = _party(world)
    if not others:
        return Tally(complete=False)
    people = People(sender.user, tuple(actor.user for actor in others))
    fuzzing = RestFuzzing(sender, people, Generator(world.contract), lives)
    return _noted(world, fuzzing.run, profile.examples, seconds)


def fuzz_events(world: World, profile: Profile, lives: Callable[[], bool], seconds: float) -> Tally:
    """Fuzzes the events alone; see `fuzz`."""
    sender, others = _party(world)
    if not others:
        return Tally(complete=False)
    fuzzing = EventFuzzing(sender, others[:LISTENERS], Generator(world.contract), lives)
    return _noted(world, fuzzing.run, profile.payloads, seconds)


def _party(world: World) -> tuple[Actor, list[Actor]]:
    """Who sends, and all from whom no block keeps the sender apart for good."""

    def free(one: Actor) -> list[Actor]:
        return [other for other in world.actors if other != one and world.are_free(one, other)]

    sender = max(world.actors, key=lambda one: len(free(one)))
    return sender, free(sender)


def _noted(
    world: World, run: Callable[[Plan, float], Tally], examples: int, seconds: float
) -> Tally:
    tally = run(Plan(examples, world.seed, frozenset(relevant(world))), seconds)
    world.journal.note(
        "fuzzing-ended", cases=tally.cases, judged=tally.judged, complete=tally.complete
    )
    return tally


def relevant(world: World) -> Iterator[str]:
    """The ids of the operations whose fuzzing can say something about what this run judges."""
    for requirement in world.ledger.requirements:
        yield from requirement.binds
        if not requirement.binds and requirement.group in ("ERR", "ALL"):
            yield from world.contract.operations
        if not requirement.binds and requirement.group == "ALL":
            yield from (event.operation_id for event in world.contract.events.values())
