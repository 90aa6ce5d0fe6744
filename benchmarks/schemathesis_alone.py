"""How many of the broken servers does `schemathesis run` find by itself, with the same document?

    python -m benchmarks.schemathesis_alone [--examples 100] [--jobs 2] [--json FILE] [NAME …]

Runs every mutant whose defect shows over REST (`rest` or `both` in the catalogue of
`tests/mutants`), one server process and one `schemathesis run` for each, with all checks, a valid
token and every finding looked for. A mutant counts as caught when the command reports a failure
and reports none on the unmutated server. Prints how many are caught, by group, and the time.
The suite's own figures come from `python -m tests.mutants`.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from contract import load
from tests.mutants.broken_server import running
from tests.mutants.registry import Mutant, all_mutants

DOCUMENT = Path(__file__).parents[1] / "openapi" / "openapi.yaml"
SEED = 1
LONGEST = 600.0
"""Seconds a run may take."""


@dataclass(frozen=True, slots=True)
class Result:
    """What `schemathesis run` said of one server."""

    name: str
    group: str
    status: int
    """Its exit status: 0 no failure, 1 failures."""
    seconds: float
    last_line: str


def examine(mutant: Mutant | None, examples: int) -> Result:
    """Runs the command against a server of its own. Call it in a process without other threads."""
    with (
        tempfile.TemporaryDirectory(prefix="alone-") as folder,
        running(mutant, load(), Path(folder)) as server,
    ):
        target = Target.of(server.target)
        token = TokenMint(target).valid(target.users[0])
        command = [
            *(Path(sys.executable).with_name("schemathesis"), "run", DOCUMENT),
            *("--url", target.url, "--header", f"Authorization: Bearer {token}"),
            *("--checks", "all", "--continue-on-failure", "--max-examples", examples),
            *("--seed", SEED, "--generation-database", "none"),
        ]
        begun = time.monotonic()
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        seconds = time.monotonic() - begun
    lines = done.stdout.strip().splitlines() or ["it printed nothing"]
    name, group = (mutant.name, mutant.group) if mutant else ("the unmutated server", "")
    return Result(name, group, done.returncode, round(seconds, 1), lines[-1])


def print_figures(results: Sequence[Result]) -> None:
    """The score by group, and the times."""
    valid = [result for result in results if result.status in (0, 1)]
    caught = Counter(result.group for result in valid if result.status == 1)
    everyone = Counter(result.group for result in valid)
    for group, count in everyone.items():
        print(f"{group:6} {caught[group]:4} of {count}")
    for result in results:
        if result not in valid:
            print(f"no result: {result.name}: status {result.status}, {result.last_line}")
    times = [result.seconds for result in valid]
    print(
        f"{caught.total()} of {everyone.total()} caught; a run took {min(times):.1f} to "
        f"{max(times):.1f} s, median {median(times):.1f} s, {sum(times):.0f} s altogether"
    )


def main() -> int:
    """Returns the exit status: 1 where the unmutated server fails too, and nothing is shown."""
    parser = argparse.ArgumentParser(description="What `schemathesis run` finds by itself.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants; all where none is named")
    parser.add_argument("--examples", type=int, default=100, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    chosen = parser.parse_args()
    mutants = [
        mutant
        for mutant in all_mutants()
        if mutant.protocol != "events" and (not chosen.names or mutant.name in chosen.names)
    ]
    with ProcessPoolExecutor(chosen.jobs, multiprocessing.get_context("fork")) as pool:
        examined = pool.map(partial(examine, examples=chosen.examples), [None, *mutants])
        control, *results = examined
    print(f"unmutated: status {control.status} after {control.seconds} s; {control.last_line}")
    if control.status != 0:
        return 1
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    print_figures(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
