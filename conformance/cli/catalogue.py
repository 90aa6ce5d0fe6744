"""The commands `requirements` and `explain`: what a backend has to keep, in words."""

import ast
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from conformance.cli.usage import Parser, Wrong
from conformance.scenarios import FOLDER
from contract import GROUPS, Contract, Requirement, load


def run_command(arguments: Sequence[str]) -> int:
    """Runs `requirements` or `explain ID` and returns the exit status. Raises Wrong."""
    parser = Parser(prog="r2c-verify")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("requirements", help="list what a backend has to keep")
    explain = commands.add_parser("explain", help="tell what one requirement means")
    explain.add_argument("id", metavar="ID", type=str.upper)
    chosen = parser.parse_args(arguments)
    contract = load()
    if chosen.command == "requirements":
        print(listing(contract))  # noqa: T201
        return 0
    if chosen.id not in contract.requirements:
        raise Wrong(f"{chosen.id!r} is no requirement; `r2c-verify requirements` lists them.")
    print(explanation(contract, contract.requirements[chosen.id]))  # noqa: T201
    return 0


def listing(contract: Contract) -> str:
    """All requirements, a line each, by group."""
    lines: list[str] = []
    for group, title in GROUPS.items():
        lines += [f"{group}  {title}"] if not lines else ["", f"{group}  {title}"]
        for requirement in contract.requirements.values():
            if requirement.group == group:
                lines += [
                    f"  {requirement.id:<8} {requirement.level:<7} {requirement.notes:<11} "
                    f"{requirement.text}"
                ]
                lines += [
                    f"  {'':<8} {clause.level:<7} {'':<11} {clause.text}"
                    for clause in requirement.clauses
                ]
    return "\n".join(lines)


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
    checks = scenarios_by_requirement().get(requirement.id, ())
    if checks:
        paragraphs.append("Judged by the scenarios: " + "; ".join(checks) + ".")
    return "\n\n".join(textwrap.fill(paragraph, 88) for paragraph in paragraphs)


@cache
def scenarios_by_requirement(folder: Path = FOLDER) -> Mapping[str, tuple[str, ...]]:
    """The names of the scenarios that judge each requirement, read from their source."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for id in _declared(node):
                    found.setdefault(id, []).append(
                        node.name.removeprefix("test_").replace("_", " ")
                    )
    return {id: tuple(names) for id, names in found.items()}


def _declared(function: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(
        argument.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Name)
        and decorator.func.id == "requirement"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )
