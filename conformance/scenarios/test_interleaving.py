"""Random interleavings of everything, compared with a model (ALL-06)."""

from conformance.model.search import Effort, Search
from conformance.scenarios import requirement
from conformance.stage.actor import Actor
from conformance.stage.casting import Untestable
from conformance.stage.stage import Stage

MOST_USERS = 4


@requirement("ALL-06")
def test_any_interleaving_is_as_the_model_says(stage: Stage) -> None:
    profile = stage.world.profile
    effort = Effort(profile.plays, profile.playing_s, profile.shortening_s)
    Search(stage, _players(stage), effort).run(stage.random.getrandbits(48))


def _players(stage: Stage) -> list[Actor]:
    """As many users as there are, the one first who may write to all others."""
    try:
        return stage.cast(MOST_USERS)
    except Untestable:
        return stage.cast(MOST_USERS - 1)
