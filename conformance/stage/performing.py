"""Plays one scenario and enters into the ledger what becomes of the requirements it names."""

import traceback
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from conformance.backend.target import TargetError
from conformance.backend.tokens import NoToken
from conformance.stage.accusing import Accusation, Blocked
from conformance.stage.autopsy import Cause, kind_of
from conformance.stage.casting import Untestable
from conformance.stage.collecting import Scenario
from conformance.stage.stage import Stage
from conformance.stage.world import World
from conformance.wire.sockets import Unreachable

DIED = "the backend stopped answering in the middle of the scenario"


class Performance(Protocol):
    """A scenario that was played, before anything but passed checks is entered."""

    @property
    def reason(self) -> str | None:
        """What kept it from going on."""

    @property
    def error(self) -> str | None:
        """How it failed itself."""

    def conclude(self, *, survived: bool, certain: bool = True, cause: Cause | None = None) -> None:
        """Enters what the scenario accuses the backend of, and says of each requirement that it
        names and did not judge why it did not.

        A backend that did not survive the scenario kept nothing it promised from some moment on: it
        is accused of what it died of alone, and not even of that unless it is `certain` that this
        scenario killed it; where the `cause` is known, it has to be that.
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
        except Unreachable as obstacle:
            # Nobody was there; whether the backend lives is asked after every scenario.
            reason = f"the backend cannot be reached: {obstacle}"
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

    def conclude(self, *, survived: bool, certain: bool = True, cause: Cause | None = None) -> None:
        """See `Performance`."""
        stage, scenario = self.stage, self.scenario
        obstacle = stage.obstacle  # which accusations that were entered are no more
        stage.accuse(
            lambda accusation: (
                survived
                or (
                    certain
                    and accusation.fatal
                    and (cause is None or _explains(cause, accusation, stage.world.ids))
                )
            )
        )
        ledger = stage.world.ledger
        for id in scenario.requirements:
            if self.error is not None:
                ledger.error(id, f"{scenario.name}: {self.error}")
            elif id in stage.judged:
                continue
            elif not survived:
                ledger.untestable(id, f"nothing to judge it by: {DIED}")
            elif self.reason is not None:
                ledger.untestable(id, self.reason)
            elif obstacle is not None:
                ledger.untestable(id, f"nothing to judge it by: {obstacle}")
            else:
                ledger.error(id, f"{scenario.name} ended without judging it")


def _explains(cause: Cause, accusation: Accusation, users: Collection[str]) -> bool:
    """Whether the backend died of what it is accused of not surviving. Who dies of what is plain
    did not die of what a scenario tries.
    """
    kinds = (kind_of(step, users) for step in accusation.stimuli)
    return cause.plain is None and cause.kind in kinds
