"""What a person sees: progress while the run goes on, then what fails, first things first."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.evidence.journal import Note
from conformance.evidence.printable import printable
from conformance.judging.findings import Finding, Outcome, Status, Verdict
from conformance.reports.files import script_name
from conformance.reports.report import SIGNS, Report
from contract import GROUPS

_STYLES = {
    "passed": "green",
    "failed": "red",
    "warning": "yellow",
    "known": "yellow",
    "untestable": "yellow",
    "error": "magenta",
    "not-applicable": "dim",
}
"""Style of each state of a requirement."""
_VERDICTS = {
    Verdict.CONFORMANT: "bold green",
    Verdict.NON_CONFORMANT: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
}
_LEVELS = {"must": "bold red", "should": "yellow", "may": "dim"}


MOST_SHOWN = 3
"""Findings of one requirement that the terminal shows; the page has them all."""


class Terminal(Console):
    """A console that falls silent when nobody reads it any more; the run goes on to its reports."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Called when the reader is gone, as after `| head -1`."""
        self.quiet = True


class LiveProgress:
    """Follows the journal on a terminal; elsewhere it prints a line for each finding only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = ExitStack()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[phase]}", style="bold", markup=False),
            BarColumn(20),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", phase="", total=None)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __call__(self, note: Note) -> None:
        """Takes a note of the journal."""
        show = self._progress.update
        match note["kind"]:
            case "scenarios-collected":
                show(self._task, total=note["total"], completed=0, phase="scenarios")
            case "scenario-started":
                show(self._task, description=printable(note["name"])[:60])
            case "scenario-ended":
                self._progress.advance(self._task)
            case "fuzzing-started":
                show(self._task, total=None, phase="fuzzing", description=printable(note["what"]))
            case "finding":
                line = Text(" ✗ ", style=_LEVELS[note["level"]])
                line.append(f"{note['requirement']} ", style="bold")
                line.append(printable(note["summary"]), style="default")
                self._progress.console.print(line, soft_wrap=True)


def print_report(report: Report, console: Console, folder: str) -> None:
    """Prints failures, warnings, what could not be tested, the groups and the verdict."""
    console.print()
    _section(
        console,
        f"Broken ({'must or should' if report.strict else 'must'})",
        report.failures,
        folder,
    )
    _section(console, "Warnings (should)", report.warnings, folder)
    _reasons(console, "Could not be judged", report, Status.UNTESTABLE)
    _reasons(console, "Errors of this suite; please report them", report, Status.ERROR)
    _reasons(console, "Switched off", report, Status.NOT_APPLICABLE)
    for sentence in report.stale:
        console.print(Text(f"Stale baseline: {printable(sentence)}", style="yellow"))
    if report.stale:
        console.print()
    _groups(console, report)
    if report.undocumented_events:
        events = ", ".join(printable(event) for event in report.undocumented_events)
        console.print(Text(f"Undocumented events (allowed): {events}", style="dim"))
    console.print(
        Text(
            f"{printable(report.target)} · contract {report.contract} · profile {report.profile} · "
            f"seed {report.seed} · {report.duration_s:.1f} s · reports in {printable(folder)}",
            style="dim",
        )
    )
    if not report.fuzzed_all:
        # Nothing was found in what was sent; that less was sent than meant has to be said.
        words = f"Fuzzing ended after {report.fuzzed} requests and payloads, before all were sent."
        console.print(Text(words, style="yellow"))
    if report.stopped:
        console.print(Text(f"The run ended early: {printable(report.stopped)}", style="yellow"))
    line = Text(report.verdict.value.upper(), style=_VERDICTS[report.verdict])
    console.print(line.append(f"  {report.in_words}", style="default"), soft_wrap=True)


def _section(
    console: Console, title: str, findings: Sequence[tuple[Outcome, Finding]], folder: str
) -> None:
    if not findings:
        return
    console.print(Text(title, style="bold underline"))
    shown: Counter[str] = Counter()
    for outcome, finding in findings:
        shown[finding.requirement] += 1
        if shown[finding.requirement] > MOST_SHOWN:
            continue
        heading = Text(f"{finding.requirement} ", style=_LEVELS[finding.level])
        heading.append(printable(finding.summary), style="bold")
        heading.append(f"  {outcome.requirement.notes}", style="dim")
        console.print(heading)
        for name, value in (("expected", finding.expected), ("observed", finding.observed)):
            line = Text(f"{name}  ", style="dim")
            line.append(printable(value), style="default")
            console.print(Padding(line, (0, 0, 0, 2), expand=False))
        commands = finding.reproduce
        if finding.script is not None:
            needs = finding.script.splitlines()[0].removeprefix("// ")
            commands = (f"node {folder}/{script_name(finding)}  # {needs}",)
        for command in commands:
            # Never wrapped: what is shown here is copied and pasted.
            console.print(Text(f"  {printable(command)}", style="cyan"), soft_wrap=True)
        console.print()
    for requirement, count in shown.items():
        if count > MOST_SHOWN:
            more = f"{requirement}: {count - MOST_SHOWN} more in {folder}/report.html"
            console.print(Text(more, style="dim"), soft_wrap=True)
    if max(shown.values()) > MOST_SHOWN:
        console.print()


def _reasons(console: Console, title: str, report: Report, status: Status) -> None:
    by_reason = report.reasons(status)
    if not by_reason:
        return
    console.print(Text(title, style="bold underline"))
    for reason, ids in by_reason.items():
        line = Text(", ".join(ids), style=_STYLES[status.label])
        line.append(f"  {printable(reason)}", style="default")
        console.print(Padding(line, (0, 0, 0, 2), expand=False))
    console.print()


def _groups(console: Console, report: Report) -> None:
    width = max(len(title) for title in GROUPS.values())
    for group, title, outcomes in report.groups():
        line = Text(f"{group:<5}{title:<{width}} ")
        for outcome in outcomes:
            state = report.state(outcome)
            line.append(SIGNS[state], style=_STYLES[state])
        console.print(line)
