"""The commands `requirements` and `explain`: what a backend has to keep, in words."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

from conformance.cli.checks import LEGEND, checks_of
from conformance.cli.usage import Parser, Wrong
from contract import GROUPS, Contract, Requirement, load

NARROWEST = 20
"""Columns that a text needs to be put into several lines."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs `requirements` or `explain ID` and returns the exit status. Raises Wrong."""
    parser = Parser(prog="r2c-verify")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("requirements", help="list what a backend has to keep")
    explain = commands.add_parser("explain", help="tell what one requirement means")
    explain.add_argument("id", metavar="ID", type=str.upper, help="such as SEND-09, or SEND")
    chosen = parser.parse_args(arguments)
    contract = load()
    if chosen.command == "requirements":
        print(listing(contract, _columns()))  # noqa: T201
        return 0
    if chosen.id in GROUPS:
        print(listing(contract, _columns(), (chosen.id,)))  # noqa: T201
        return 0
    if chosen.id not in contract.requirements:
        raise Wrong(
            f"{chosen.id!r} is neither a requirement nor a group; `r2c-verify requirements` lists "
            "them."
        )
    print(explanation(contract, contract.requirements[chosen.id]))  # noqa: T201
    return 0


def _columns() -> int | None:
    """The width of the terminal; None where a program reads, which wants a line for each."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def listing(contract: Contract, columns: int | None = None, groups: Iterable[str] = GROUPS) -> str:
    """The requirements of these groups, with the checks that stand behind them; a line each, or in
    so many columns.
    """
    checks = checks_of(contract)
    lines: list[str] = []
    for group in groups:
        title = GROUPS[group]
        lines += [f"{group}  {title}"] if not lines else ["", f"{group}  {title}"]
        for requirement in contract.requirements.values():
            if requirement.group == group:
                head = (
                    f"  {requirement.id:<8} {requirement.level:<7} {requirement.notes:<11} "
                    f"{checks[requirement.id].short:<7} "
                )
                lines += _row(head, requirement.text, columns)
                for clause in requirement.clauses:
                    lines += _row(f"  {'':<8} {clause.level:<7} {'':<19} ", clause.text, columns)
    legend = f"Judged by: {LEGEND}"
    return "\n".join([*lines, "", *_row("", legend, columns)])


def _row(head: str, text: str, columns: int | None) -> list[str]:
    """A line, or several where it is wider than the terminal, the text under itself."""
    if columns is None or columns < len(head) + NARROWEST:
        return [head + text]
    lines = textwrap.wrap(text, columns - len(head), break_on_hyphens=False)
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]


def explanation(contract: Contract, requirement: Requirement) -> str:
    """One requirement with its clauses, what is accepted, and which checks stand behind it."""
    paragraphs = [f"{requirement.id} ({requirement.level}, {requirement.notes})", requirement.text]
    paragraphs += [f"{clause.level}: {clause.text}" for clause in requirement.clauses]
    if requirement.accepts:
        paragraphs.append(f"Accepted: {requirement.accepts}")
    if requirement.decisions:
        paragraphs.append(f"Settled by {', '.join(requirement.decisions)} in docs/decisions.md.")
    if requirement.binds:
        paragraphs.append(f"Binds {', '.join(requirement.binds)}.")
    paragraphs += checks_of(contract)[requirement.id].sentences()
    return "\n\n".join(textwrap.fill(paragraph, 88) for paragraph in paragraphs)
