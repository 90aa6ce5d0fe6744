"""Runs the scenarios in pytest and enters into the ledger what becomes of them."""

import inspect
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.backend.target import TargetError
from conformance.backend.tokens import NoToken
from conformance.stage.casting import Untestable
from conformance.stage.stage import Blocked, Stage
from conformance.stage.world import World

MARK = "requirement"
DIED = "the backend stopped answering in the middle of the scenario"


@dataclass(frozen=True, slots=True)
class End:
    """How a scenario ended."""

    reason: str | None
    """What kept it from going on."""
    error: str | None
    """How it failed itself."""


class ScenarioPlugin:
    """A pytest plug-in for one run of the scenarios against one world.

    `stop` says why no further scenario may start (time is up, the backend is gone), None while all
    is well.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.stop: str | None = None
        self.interrupted = False

        self._end: End | None = None

    def after(self, stage: Stage) -> bool:
        """Called after each scenario; a run overrides it to look after the backend. Whether the
        backend lived through the scenario.
        """
        return True

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", f"{MARK}(*ids): the requirements a scenario judges")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        wanted = [item for item in items if any(map(self.world.ledger.knows, declared(item)))]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted
        self.world.journal.note("scenarios-collected", total=len(wanted))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest also calls it an interruption that a scenario file cannot be imported.
        self.interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.world.journal.note(
                "suite-error", name=report.nodeid, traceback=report.longreprtext
            )

    @pytest.fixture
    def stage(self, request: pytest.FixtureRequest) -> Iterator[Stage]:
        stage = Stage(self.world, request.node.name)
        yield stage
        stage.close()
        end, self._end = self._end, None
        if self.after(stage):
            obstacle = stage.obstacle
            stage.accuse()
        else:
            obstacle = DIED
            stage.judged -= {judgement.requirement for judgement, _ in stage.accusations}
        if end is not None:
            self._conclude(request.node, stage.judged, end, obstacle)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        ids = declared(pyfuncitem)
        journal = self.world.journal
        journal.note("scenario-started", name=sentence(pyfuncitem), requirements=ids)
        reason, error = self.stop, None
        try:
            if reason is None:
                names = inspect.signature(pyfuncitem.obj).parameters
                pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        except (Blocked, Untestable, NoToken, TargetError) as obstacle:
            reason = str(obstacle)
        except KeyboardInterrupt:
            raise
        except BaseException as failure:  # pytest.skip and SystemExit are no Exceptions
            error = f"{type(failure).__name__}: {failure}"
            journal.note("suite-error", name=pyfuncitem.name, traceback=traceback.format_exc())
        self._end = End(reason, error)
        return True

    def _conclude(
        self, item: pytest.Item, judged: set[str], end: "End", obstacle: str | None
    ) -> None:
        """Says of each requirement that the scenario names and did not judge why it did not."""
        ledger = self.world.ledger
        for id in declared(item):
            if end.error is not None:
                ledger.error(id, f"{item.name}: {end.error}")
            elif id in judged:
                continue
            elif end.reason is not None:
                ledger.untestable(id, end.reason)
            elif obstacle is not None:
                ledger.untestable(id, f"nothing to judge it by: {obstacle}")
            else:
                ledger.error(id, f"{item.name} ended without judging it")
        self.world.journal.note(
            "scenario-ended", name=sentence(item), reason=end.reason, error=end.error
        )


def declared(item: pytest.Item) -> tuple[str, ...]:
    """The requirements that a scenario names."""
    return tuple(id for mark in item.iter_markers(MARK) for id in mark.args)


def sentence(item: pytest.Item) -> str:
    """The scenario's name as words."""
    return item.name.removeprefix("test_").replace("_", " ")


def run_scenarios(plugin: ScenarioPlugin, folder: Path) -> None:
    """Runs all scenarios of a folder that judge a requirement of the ledger.

    Nothing of the surroundings takes part: no configuration, no conftest, no plug-in that happens
    to be installed. Raises KeyboardInterrupt when the run was interrupted, and RuntimeError when
    pytest itself failed.
    """
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        surroundings.delenv("PYTEST_ADDOPTS", raising=False)
        surroundings.delenv("PYTEST_PLUGINS", raising=False)
        status = pytest.main(
            [
                str(folder),
                "--rootdir",
                str(folder),
                "-c",
                str(folder / "pytest.ini"),
                "--noconftest",
                "--import-mode=importlib",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:terminal",
                "-p",
                "no:logging",
                "-p",
                "no:warnings",
                "--capture=no",
            ],
            plugins=[plugin],
        )
    if plugin.interrupted:
        raise KeyboardInterrupt
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with status {int(status)}")
