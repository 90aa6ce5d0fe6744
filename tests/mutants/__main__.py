"""The command `python -m tests.mutants`: runs the suite against every mutant, prints the score."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from contract import load
from tests.mutants import score
from tests.mutants.registry import VERSION, Mutant, all_mutants
from tests.mutants.runner import run
from tests.mutants.score import Fate, Verdict
from tests.mutants.trial import Result, Trial, warm_up


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when all mutants but the known survivors are caught, else 1; 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    mutants = _chosen(options.only)
    if not mutants:
        print(f"no mutant is called {' or '.join(options.only)}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    contract = load()
    warm_up(contract)
    results: dict[Trial, Result] = {}

    def go(trials: Iterable[Trial]) -> list[Verdict]:
        todo = [each for each in dict.fromkeys(trials) if each not in results]
        listen = _progress(len(todo)) if options.progress else _silence
        results.update(run(todo, contract, options.jobs, listen))
        return [score.judge(each, results, contract) for each in mutants]

    def not_caught(verdicts: Sequence[Verdict]) -> list[Mutant]:
        return [each.mutant for each in verdicts if each.fate is not Fate.CAUGHT]

    verdicts = go(t for each in mutants for t in score.alone(each, fuzzing=False))
    verdicts = go(t for each in not_caught(verdicts) for t in score.alone(each, fuzzing=True))
    rest = mutants if options.whole else not_caught(verdicts)
    if rest and not options.alone:
        verdicts = go([score.whole(None), *map(score.whole, rest)])
    seconds = time.monotonic() - begun
    _print(verdicts, options.matrix, seconds)
    if options.json:
        options.json.write_text(json.dumps(_record(verdicts, seconds), indent=1) + "\n")
    return 0 if all(verdict.expected for verdict in verdicts) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=["*"],
        help="names or requirement ids of mutants; * and ? as in file names",
    )  # fmt: skip
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        # Three quarters of a trial's time are waits for what a broken server never sends.
        default=min(4, 2 * (os.cpu_count() or 1)),
        help="trials at a time (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts to FILE")
    parser.add_argument(
        "--matrix",
        action="store_true",
        help="print which requirements noticed which mutant, as far as was looked",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="judge all requirements for every mutant, not only for those not caught; takes long",
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="do not look which other requirements notice a mutant that is not caught",
    )
    parser.add_argument("--progress", action="store_true", help="a line per trial as it ends")
    return parser


def _chosen(patterns: Sequence[str]) -> list[Mutant]:
    return [
        each
        for each in all_mutants()
        if any(fnmatch(each.name, p) or fnmatch(each.requirement, p) for p in patterns)
    ]


def _silence(trial: Trial, result: Result) -> None:
    pass


def _progress(total: int) -> Callable[[Trial, Result], None]:
    count = iter(range(1, total + 1))

    def tell(trial: Trial, result: Result) -> None:
        said = result.problem or ", ".join(result.statuses.get(trial.only or "", "").split())
        number = next(count, total)
        print(f"[{number}/{total}] {trial.name}: {said} {result.seconds:.1f} s", flush=True)

    return tell


def _print(verdicts: Sequence[Verdict], in_full: bool, seconds: float) -> None:
    if in_full:
        print(score.matrix(verdicts), end="\n\n")
    for fate in (Fate.INVALID, Fate.SURVIVED, Fate.BY_ANOTHER):
        for verdict in verdicts:
            if verdict.fate is fate:
                others = f" [{', '.join(verdict.others)}]" if verdict.others else ""
                mutant = verdict.mutant
                print(f"{fate}: {mutant.name} ({mutant.requirement}): {verdict.why}{others}")
    print()
    print(score.table(verdicts))
    print()
    print(score.sentence(verdicts, VERSION))
    slowest = sorted(verdicts, key=lambda verdict: -verdict.seconds)[:5]
    print(f"{seconds:.0f} s altogether; the slowest: ", end="")
    print(", ".join(f"{verdict.mutant.name} {verdict.seconds:.1f} s" for verdict in slowest))


def _record(verdicts: Sequence[Verdict], seconds: float) -> dict[str, object]:
    return {
        "catalogue": VERSION,
        "seconds": round(seconds, 1),
        "mutants": [
            {
                "name": verdict.mutant.name,
                "requirement": verdict.mutant.requirement,
                "level": verdict.mutant.level,
                "protocol": verdict.mutant.protocol,
                "subtle": verdict.mutant.subtle,
                "defect": verdict.mutant.defect,
                "fate": verdict.fate,
                "why": verdict.why,
                "others": list(verdict.others),
                "seconds": round(verdict.seconds, 2),
            }
            for verdict in verdicts
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
