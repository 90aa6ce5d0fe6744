"""The report of a load run as a terminal shows it."""

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from conformance.evidence.printable import printable
from conformance.reports.terminal import Terminal


def summarize(report: dict[str, Any], file: Path) -> None:
    """Prints what was measured, what was counted and what was broken."""
    console = Terminal()
    console.print(
        f"{printable(report['url'])} under load: {report['users']} users from "
        f"{report['processes']} process{'es' * (report['processes'] > 1)}, {report['seconds']:g} s",
        markup=False,
    )
    console.print(_measured(report["measured"]))
    counts = report["counts"]
    console.print(", ".join(f"{name} {count}" for name, count in counts.items()), markup=False)
    for each in report["violations"]:
        sign = ("✗ ", "red") if each["level"] == "must" else ("! ", "yellow")
        line = Text(*sign)
        line.append(f"{each['requirement']} {printable(each['summary'])}", "default")
        line.append(f"  {each['count']} times, {each['level']}", "dim")
        console.print(line, soft_wrap=True)
        for name in ("expected", "observed"):
            console.print(f"    {name}  {printable(each[name])}", markup=False, soft_wrap=True)
    broken = sum(each["count"] for each in report["violations"] if each["level"] == "must")
    verdict = f"{broken} violations" if broken else "no violation"
    console.print(f"{verdict}; all of it is in {file}", markup=False, style="bold")


def _measured(entries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what", overflow="fold")
    for name in ("count", "failed", "per s", "p50 ms", "p95", "p99", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in entries:
        numbers = (each[n] for n in ("per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms"))
        table.add_row(
            f"{each['kind']} {each['name']}",
            str(each["count"]),
            str(each["failures"]),
            *(f"{number:g}" for number in numbers),
        )
    return table
