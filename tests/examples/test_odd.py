"""Backends that keep the contract in unusual ways are accused of nothing.

Each entry file says what is odd about its backend and which decision allows it. Where an oddity
breaks a *should*, that warning is expected, as it shows that the backend is as odd as it says.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.examples.conftest import ROOT, Run, Verify

ODD = ROOT / "tests" / "examples" / "odd"
AT_ONCE = 2
"""Runs side by side; each of them waits most of the time."""
WARNED = {
    "late": {"CONN-07"},
    "sparse": {"HIST-06"},
    "generous": set(),
    "strict": {"ERR-05"},
    "gated": set(),
    "single": {"CONN-04", "PRES-04"},
    "replacing": {"CONN-04"},
}
"""The *should* that each of them breaks."""
SIGNS = {
    "sparse": "+05:30",
    "generous": '"event": "welcome"',
    "strict": '"status": 413',
    "gated": '"status": 429',
}
"""What is in the events of a run where the backend is as odd as it says."""
USERS = {"generous": 6, "sparse": 4}
"""How many users a target names, where these are too few to make two troupes of."""

pytestmark = [pytest.mark.slow, pytest.mark.needs("express")]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, verify: Verify) -> Iterator[Mapping[str, Future[Run]]]:
    """A run against each backend that is asked for."""
    chosen = [name for name in WARNED if any(name in each.name for each in request.session.items)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(verify, ODD / f"{name}.mjs", users=USERS.get(name)) for name in chosen
        }


@pytest.mark.parametrize("name", WARNED)
def test_an_odd_backend_is_conformant(runs: Mapping[str, Future[Run]], name: str) -> None:
    run = runs[name].result()
    assert [finding for finding in run.findings if finding["level"] == "must"] == []
    assert run.broken == WARNED[name]
    assert (run.verdict, run.exit_status) == ("conformant", 0), run.printed
    assert SIGNS.get(name, "") in run.events


def test_every_odd_backend_is_verified() -> None:
    entries = {file.stem for file in ODD.glob("*.mjs")} - {"front"}
    assert entries == set(WARNED)
