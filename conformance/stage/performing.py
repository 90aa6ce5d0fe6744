"""Plays one scenario and enters into the ledger what becomes of the requirements it names."""

import traceback
from dataclasses import dataclass
from typing import Protocol

from conformance.backend.target import TargetError
from conformance.backend.tokens import NoToken
from conformance.stage.accusing import Blocked
from conformance.stage.casting import Untestable
from conformance.stage.collecting import Scenario
from conformance.stage.stage import Stage
from conformance.stage.world import World

DIED = "the backend stopped answering in the middle of the scenario"


class Performance(Protocol):
    """A scenario that was played, before anything but passed checks is entered."""

    @property
    def reason(self) -> str | None:
        """What kept it from going on."""

    @property
    def error(self) -> str | None:
        """How it failed itself."""

    def conclude(self, *, survived: bool, certain: bool = True) -> None:
        """Enters what the scenario accuses the backend of, and says of each requirement that it
        names and did not judge why it did not.

        A backend that did not survive the scenario kept nothing it promised from some moment on: it
        is accused of what it died of alone, and not even of that unless it is `certain` that this
        scenario killed it.
        """


class Troupe(Protocol):
    """Users who play scenarios, one after the other."""

    @property
    def world(self) -> World:
        """Where what becomes of their scenarios is entered."""

    def perform(self, scenario: Scenario) -> Performance:
        """Plays a scenario to its end, whatever that is, and closes its connections."""


@dataclass(frozen=True, slots=True)
class LocalTroupe:
    """The users of a world, who play in this process."""

    world: World

    def perform(self, scenario: Scenario) -> "LocalPerformance":
        """Plays a scenario. Raises nothing but KeyboardInterrupt."""
        stage = Stage(self.world, scenario.name)
        reason = error = None
        try:
            scenario.play(stage)
        except (Blocked, Untestable, NoToken, TargetError) as obstacle:
            reason = str(obstacle)
        except KeyboardInterrupt:
            raise
        except BaseException as failure:  # pytest.skip and SystemExit are no Exceptions
            error = f"{type(failure).__name__}: {failure}"
            trace = traceback.format_exc()
            self.world.journal.note("suite-error", name=scenario.name, traceback=trace)
        finally:
            stage.close()
        return LocalPerformance(scenario, stage, reason, error)


@dataclass(frozen=True, slots=True)
class LocalPerformance:
    """What a troupe of this process has played."""

    scenario: Scenario
    stage: Stage
    reason: str | None
    error: str | None

    def conclude(self, *, survived: bool, certain: bool = True) -> None:
        """See `Performance`."""
        stage, scenario = self.stage, self.scenario
        obstacle = stage.obstacle if survived else DIED
        stage.accuse(lambda accusation: survived or (certain and accusation.fatal))
        ledger = stage.world.ledger
        for id in scenario.requirements:
            if self.error is not None:
                ledger.error(id, f"{scenario.name}: {self.error}")
            elif id in stage.judged:
                continue
            elif self.reason is not None:
                ledger.untestable(id, self.reason)
            elif obstacle is not None:
                ledger.untestable(id, f"nothing to judge it by: {obstacle}")
            else:
                ledger.error(id, f"{scenario.name} ended without judging it")
