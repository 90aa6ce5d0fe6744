"""The one run that all items of requirements read their outcome from, in whatever process."""

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.plugin import MARKER
from conformance.plugin.errand import Ran
from conformance.plugin.settings import Settings
from conformance.plugin.verifying import UNUSABLE, alone, verified


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Why there was no run."""

    reason: str
    is_skip: bool = False
    """Whether the suite wants its tests skipped then."""


_RUNS = pytest.StashKey[dict[str, Ran | Spoilt]]()


def run_of(request: pytest.FixtureRequest) -> Ran:
    """The run that the item of a requirement reads its outcome from.

    It happens when the first item asks, for the requirements of all items that have their target
    from the same fixture. Workers of pytest-xdist wait for the one that was first, and only that
    one's fixture gives a target.
    """
    runs = request.config.stash.setdefault(_RUNS, {})
    origin = _origin(request.node)
    if origin not in runs:
        with alone(request) as shared:
            file = _file(shared, origin) if shared is not None else None
            if file is not None and file.exists():
                runs[origin] = pickle.loads(file.read_bytes())  # noqa: S301  written by a worker
            else:
                number = len(list(shared.glob("*.run"))) if shared is not None else len(runs)
                runs[origin] = Spoilt(f"there was no run; see {request.node.nodeid}")
                try:
                    runs[origin] = _made(request, origin, number)
                finally:
                    _keep(runs[origin], file)
    match runs[origin]:
        case Ran() as ran:
            return ran
        case Spoilt(reason, is_skip=True):
            pytest.skip(reason)
        case Spoilt(reason):
            pytest.fail(reason, pytrace=False)


def _made(request: pytest.FixtureRequest, origin: str, number: int) -> Ran | Spoilt:
    """Has the run done, the session's first or a later one. Raises what the fixture of the target
    raises, but where it skips its tests.
    """
    ids = tuple(
        mark.args[0]
        for item in request.session.items
        if is_of_requirement(item) and _origin(item) == origin
        for mark in item.iter_markers(MARKER)
    )
    try:
        settings = Settings.of(request.config)
        if settings.report_dir is not None and number:
            name = f"{settings.report_dir.name}-{number + 1}"
            settings = settings.but(report_dir=settings.report_dir.with_name(name))
        return verified(request, settings, ids)
    except UNUSABLE as error:
        return Spoilt(str(error))
    except pytest.skip.Exception as skip:
        return Spoilt(str(skip), is_skip=True)


def is_of_requirement(item: pytest.Item) -> bool:
    """Whether an item stands for a requirement."""
    return "_r2c_word" in getattr(item, "fixturenames", ())


def _origin(item: pytest.Item) -> str:
    """Where the fixture is defined that gives an item its target: two modules may verify two
    backends.
    """
    fixtures = item.session._fixturemanager.getfixturedefs("r2c_target", item)
    return str(fixtures[-1].baseid) if fixtures else ""


def _file(shared: Path, origin: str) -> Path:
    return shared / f"{hashlib.sha256(origin.encode()).hexdigest()[:16]}.run"


def _keep(run: Ran | Spoilt, file: Path | None) -> None:
    """Leaves a run for the other workers, who see all of it or nothing."""
    if file is not None:
        part = file.with_suffix(".part")
        part.write_bytes(pickle.dumps(run))
        part.replace(file)
