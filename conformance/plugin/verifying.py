"""Runs that a suite asks for, each done when it is asked for."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.backend.target import Target, TargetError
from conformance.judging.baseline import Baseline, BaselineError
from conformance.plugin import ENDINGS
from conformance.plugin.errand import Order, Ran, Undone, carry_out
from conformance.plugin.progress import Progress
from conformance.plugin.settings import Misconfigured, Settings, chosen
from conformance.reports.report import Report

UNUSABLE = (Misconfigured, TargetError, BaselineError, Undone)
"""Why there is no run, in one sentence."""
NO_TARGET = (
    "which backend is to be verified? Write a fixture r2c_target, or name a target file with "
    "--r2c-target or r2c_target in pytest's configuration."
)


class Verify:
    """What the fixture `r2c_verify` gives: has a run of the suite done when it is called."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def __call__(
        self,
        *names: str,
        target: Any = None,
        profile: str | None = None,
        seed: int | None = None,
        strict: bool | None = None,
        report_dir: Path | None = None,
    ) -> Report:
        """Verifies the backend and returns the report, whatever it says.

        `names` are requirements or groups, none for all; `target` is what the fixture `r2c_target`
        may give, which it is by default; the rest goes before pytest's options. Fails the test
        where there can be no run.
        """
        given = {"profile": profile, "seed": seed, "strict": strict, "report_dir": report_dir}
        try:
            settings = Settings.of(self._request.config).but(**given)
            with alone(self._request):
                return verified(self._request, settings, names, target).report
        except UNUSABLE as error:
            obstacle = str(error)
        # Outside, as pytest would show the error that led to it.
        pytest.fail(obstacle, pytrace=False)


def verified(
    request: pytest.FixtureRequest, settings: Settings, names: tuple[str, ...], target: Any = None
) -> Ran:
    """Has a run done. Raises one of `UNUSABLE`, and what the fixture `r2c_target` raises."""
    contract = settings.contract()
    only = chosen(contract, names)
    baseline = _baseline(settings, frozenset(contract.requirements))
    target = request.getfixturevalue("r2c_target") if target is None else target
    folder = settings.report_dir or _temporary(request)
    order = Order(
        target=usable(target, request.config.rootpath),
        overlays=settings.overlays,
        only=only,
        profile=settings.profile,
        seed=settings.seed,
        strict=settings.strict,
        baseline=baseline,
        folder=folder,
        processes=_workers(request.config),
    )
    with Progress(request.node) as progress:
        ran = carry_out(order, progress)
    report = ran.report
    summary = (
        f"{report.target}: {report.verdict.value}, {report.in_words}; profile {report.profile}, "
        f"seed {report.seed}, {report.duration_s:.1f} s; reports in {folder}"
    )
    request.config.stash.setdefault(ENDINGS, []).extend((summary, *ran.unwritten))
    return ran


@contextmanager
def alone(request: pytest.FixtureRequest) -> Iterator[Path | None]:
    """Nobody else of this session runs the suite meanwhile: two runs must not share users.

    Gives a folder that the workers of pytest-xdist have in common; None where there are none. A
    worker that ends gives way, however it ends.
    """
    worker = getattr(request.config, "workerinput", None)
    if worker is None:
        yield None
        return
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    shared = factory.getbasetemp().parent / f"r2c-{worker['testrunuid']}"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared


def usable(target: Any, folder: Path) -> Target:
    """The target from what the fixture gives; paths start at the folder. Raises TargetError."""
    match target:
        case Target():
            return target
        case Mapping():
            return Target.of(target)
        case str() if "://" in target:
            raise TargetError(
                f"r2c_target gives {target!r} alone, but the suite has to know users of the "
                "backend as well; conformance.Target.read(FILE, url=URL) puts the two together."
            )
        case str() | Path():
            return Target.read(folder / target)
        case None:
            raise TargetError(NO_TARGET)
    raise TargetError(
        f"r2c_target gives {target!r}; it has to be the path of a target file, a dictionary with "
        "what would stand in one, or a conformance.Target."
    )


def _baseline(settings: Settings, known: frozenset[str]) -> Baseline | None:
    """The baseline. Raises BaselineError, for an entry that no test stands for as well."""
    if settings.baseline is None:
        return None
    baseline = Baseline.read(settings.baseline)
    for entry in baseline.entries:
        if entry.requirement not in known:
            raise BaselineError(
                f"{settings.baseline}: {entry.requirement} names no requirement; remove it."
            )
    return baseline


def _temporary(request: pytest.FixtureRequest) -> Path:
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("r2c-report")


def _workers(config: pytest.Config) -> int:
    """How many processes the session has for its tests."""
    return int(getattr(config, "workerinput", {}).get("workercount", 1))
