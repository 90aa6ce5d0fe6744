"""What an earlier run, or somebody else, left between the users of a backend."""

from itertools import permutations

from conformance.scenarios.props.settings import PLAIN
from conformance.stage.actor import Actor
from conformance.stage.troupes import troupes
from conformance.stage.world import World


def clear_blocks(world: World) -> None:
    """Takes back every block between users who play together: between two with a block nothing is
    judged (D10), and nobody says whether one stands. Stops where the backend does not take it.

    The pair who never write to each other have no settings, which are judged when they first come.
    """
    of = {actor.user: actor for actor in world.actors}
    for users in troupes(world.target):
        actors = [of[user] for user in users]
        if not all(_cleared(one, other) for one, other in permutations(actors[:-1], 2)):
            return
        last, before = actors[-1], actors[:-2]
        pairs = [pair for each in before for pair in ((last, each), (each, last))]
        if not all(_cleared(one, other) for one, other in pairs):
            return


def _cleared(owner: Actor, other: Actor) -> bool:
    """Whether the backend has said something; 404 says that there is no conversation yet."""
    status = owner.set(other, PLAIN).status
    return status is not None and (status < 300 or status == 404)
