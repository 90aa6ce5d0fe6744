"""Plays one scenario and enters into the ledger what becomes of the requirements it names."""

import traceback
from dataclasses import dataclass

from conformance.backend.target import TargetError
from conformance.backend.tokens import NoToken
from conformance.stage.casting import Untestable
from conformance.stage.collecting import Scenario
from conformance.stage.stage import Blocked, Stage
from conformance.stage.world import World

DIED = "the backend stopped answering in the middle of the scenario"


@dataclass(frozen=True, slots=True)
class Performance:
    """A scenario that was played, before anything but passed checks is entered."""

    scenario: Scenario
    stage: Stage
    reason: str | None
    """What kept it from going on."""
    error: str | None
    """How it failed itself."""


def perform(scenario: Scenario, world: World) -> Performance:
    """Plays a scenario to its end, whatever that is, and closes its connections.

    Raises nothing but KeyboardInterrupt.
    """
    stage = Stage(world, scenario.name)
    reason = error = None
    try:
        scenario.play(stage)
    except (Blocked, Untestable, NoToken, TargetError) as obstacle:
        reason = str(obstacle)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:  # pytest.skip and SystemExit are no Exceptions
        error = f"{type(failure).__name__}: {failure}"
        world.journal.note("suite-error", name=scenario.name, traceback=traceback.format_exc())
    finally:
        stage.close()
    return Performance(scenario, stage, reason, error)


def conclude(performance: Performance, *, survived: bool, certain: bool = True) -> None:
    """Enters what the scenario accuses the backend of, and says of each requirement that it names
    and did not judge why it did not.

    A backend that did not survive the scenario kept nothing it promised from some moment on: it is
    accused of what it died of alone, and not even of that unless it is `certain` that this
    scenario killed it.
    """
    stage, scenario = performance.stage, performance.scenario
    obstacle = stage.obstacle if survived else DIED
    stage.accuse(lambda accusation: survived or (certain and accusation.fatal))
    ledger = stage.world.ledger
    for id in scenario.requirements:
        if performance.error is not None:
            ledger.error(id, f"{scenario.name}: {performance.error}")
        elif id in stage.judged:
            continue
        elif performance.reason is not None:
            ledger.untestable(id, performance.reason)
        elif obstacle is not None:
            ledger.untestable(id, f"nothing to judge it by: {obstacle}")
        else:
            ledger.error(id, f"{scenario.name} ended without judging it")
