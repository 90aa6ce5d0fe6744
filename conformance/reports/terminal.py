"""What a person sees: progress while the run goes on, then what fails, first things first."""

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from textwrap import dedent
from types import TracebackType
from typing import Self

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.evidence.journal import Note
from conformance.evidence.printable import one_line, printable
from conformance.judging.findings import DEATH, Status, Verdict, counted
from conformance.reports.cases import alike, cases, gathered
from conformance.reports.files import script_name
from conformance.reports.report import SIGNS, Pair, Report
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
MOST_OF_A_CAUSE = 8
"""Further findings of one cause that it names."""
MOST_KINDS = 12
"""Kinds of stimuli that it names where findings are told as cases of one."""
MOST_LINES = 8
"""Lines that it shows of what a backend printed before it died."""
MOST_FRAMES = 4
"""Of these, the lines below that which names the error."""
_ERROR = re.compile(r"(?:Uncaught )?[\w.]*(?:Error|Exception)\b.*")
_PIECE = re.compile(r"[^ ,]*[ ,]+|[^ ,]+")
"""What stays on one line where it can: a word, or a part of JSON up to a comma."""
NARROW = 60
"""Columns below which continued lines are not put under the first one's words."""


class Terminal(Console):
    """A console that falls silent when nobody reads it any more; the run goes on to its reports."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Called when the reader is gone, as after `| head -1`."""
        self.quiet = True


class LiveProgress:
    """Follows the journal on a terminal; elsewhere it prints a line for each finding only."""

    def __init__(self, console: Console, strict: bool = False) -> None:
        self._levels = counted(strict)
        self._causes: set[str] = set()
        self._told: list[Note] = []
        self._early: list[Note] | None = []
        """Findings that came before the run could say what it verifies; None from then on."""
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
        self._show_early()
        self._stack.close()

    def __call__(self, note: Note) -> None:
        """Takes a note of the journal."""
        show = self._progress.update
        match note["kind"]:
            case "run-started":
                line = Text("Verifying ", style="dim")
                line.append(printable(note["target"]), style="default")
                file = note["target_file"] or "no target file"
                line.append(
                    printable(f", {note['backend']} · {file} · profile {note['profile']}"),
                    style="dim",
                )
                self._progress.console.print(line, soft_wrap=True)
                self._show_early()
            case "scenarios-collected":
                show(self._task, total=note["total"], completed=0, phase="scenarios")
            case "scenario-started":
                show(self._task, description=printable(note["name"])[:60])
            case "scenario-ended":
                self._progress.advance(self._task)
            case "fuzzing-started":
                show(self._task, total=None, phase="fuzzing", description=printable(note["what"]))
            case "finding":
                if self._early is not None:
                    self._early.append(note)
                else:
                    self._show_finding(note)

    def _show_early(self) -> None:
        early, self._early = self._early or [], None
        for note in early:
            self._show_finding(note)

    def _show_finding(self, note: Note) -> None:
        cause = note.get("cause")
        if cause in self._causes or any(_repeats(note, told) for told in self._told):
            return  # told at the end, beside the one that was shown
        if cause is not None:
            self._causes.add(cause)
        self._told.append(note)
        state = "failed" if note["level"] in self._levels else "warning"
        line = Text(f" {SIGNS[state]} ", style=_LEVELS[note["level"]])
        line.append(f"{note['requirement']} ", style="bold")
        line.append(printable(note["summary"]), style="default")
        self._progress.console.print(line, soft_wrap=True)


def _repeats(note: Note, told: Note) -> bool:
    """Whether a finding says of another stimulus what was told already."""
    return (
        (note["requirement"], note["level"]) == (told["requirement"], told["level"])
        and note["summary"] != told["summary"]
        and alike(note["summary"], told["summary"])
    )


def print_report(report: Report, console: Console, folder: str) -> None:
    """Prints failures, warnings, what could not be tested, the groups and the verdict."""
    console.print()
    broken = f"Broken ({'must or should' if report.strict else 'must'})"
    failing = [group for group in report.causes if report.counts_against(group[0][1])]
    warning = [group for group in report.causes if not report.counts_against(group[0][1])]
    _section(console, broken, report, failing, folder)
    _section(console, "Warnings (should)", report, warning, folder)
    if report.exporting is not None:
        console.print(Text("The commands read tokens from the environment:", style="dim"))
        console.print(Text(f"  {printable(report.exporting)}", style="cyan"), soft_wrap=True)
        console.print()
    _reasons(console, "Could not be judged", report, Status.UNTESTABLE)
    _reasons(console, "Errors of this suite; please report them", report, Status.ERROR)
    _reasons(console, "Switched off", report, Status.NOT_APPLICABLE)
    for sentence in report.stale:
        console.print(Text(f"Stale baseline: {printable(sentence)}", style="yellow"))
    if report.stale:
        console.print()
    _groups(console, report)
    if report.undocumented_events:
        events = ", ".join(one_line(event) for event in report.undocumented_events)
        console.print(Text(f"Undocumented events (allowed): {events}", style="dim"))
    console.print(
        Text(
            f"{_backend(report)} · contract {report.contract} · profile {report.profile} · "
            f"seed {report.seed} · {report.duration_s:.1f} s · reports in {printable(folder)}",
            style="dim",
        )
    )
    if report.fuzzing_in_words is not None:
        console.print(Text(report.fuzzing_in_words, style="dim"))
    if report.stopped:
        console.print(Text(f"The run ended early: {printable(report.stopped)}", style="yellow"))
    spoilt = report.verdict is Verdict.CONFORMANT and report.exit_status != 0
    style = _VERDICTS[Verdict.NON_CONFORMANT if spoilt else report.verdict]
    line = Text(report.headline.upper(), style=style)
    console.print(line.append(f"  {report.in_words}", style="default"), soft_wrap=True)


def _backend(report: Report) -> str:
    return printable(f"{report.target}, {report.backend}" if report.backend else report.target)


def _section(
    console: Console, title: str, report: Report, groups: Sequence[Sequence[Pair]], folder: str
) -> None:
    if not groups:
        return
    console.print(Text(title, style="bold underline"))
    shown: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    entries = gathered(groups, lambda group: group[0][1].summary, _alone)
    for entry in entries:
        (outcome, finding), *others = entry[0]
        shown[finding.requirement] += 1
        if shown[finding.requirement] > MOST_SHOWN:
            left_out[finding.requirement] += len(entry)
            continue
        told = cases([group[0][1].summary for group in entry])
        heading = Text(f"{finding.requirement} ", style=_LEVELS[finding.level])
        heading.append(printable(told.title), style="bold")
        heading.append(f"  {outcome.requirement.notes}", style="dim")
        _heading(console, heading, len(outcome.requirement.notes))
        for name, value in (("expected", finding.expected), ("observed", finding.observed)):
            if finding.requirement == DEATH:
                value, _, last_words = value.partition("\n")
                _hanging(console, f"{name}  ", "dim", value)
                _last_words(console, last_words)
            else:
                _hanging(console, f"{name}  ", "dim", value)
        if told.kinds:
            _hanging(console, "cases     ", "dim", _listed(told.kinds))
        commands = finding.reproduce
        if finding.script is not None:
            needs = finding.script.splitlines()[0].removeprefix("// ")
            commands = (f"node {folder}/{script_name(finding)}  # {needs}",)
        for command in commands:
            # Never wrapped: what is shown here is copied and pasted.
            console.print(Text(f"  {printable(command)}", style="cyan"), soft_wrap=True)
        _same_cause(console, report, finding.cause, others)
        console.print()
    for requirement, count in left_out.items():
        more = f"{requirement}: {count} more in {folder}/report.html"
        console.print(Text(more, style="dim"), soft_wrap=True)
    if left_out:
        console.print()


def _heading(console: Console, heading: Text, reference: int) -> None:
    """A heading on as many lines as it takes; the reference at its end, so many characters long,
    stays beside the last word.
    """
    words, _, last = heading.plain[: -reference - 2].rpartition(" ")
    pieces = [*re.findall(r"\S+\s*", f"{words} "), f"{last}{heading.plain[-reference - 2 :]}"]
    breaks, filled, place = [], 0, 0
    for piece in pieces:
        if filled and filled + cell_len(piece.rstrip()) > console.width:
            breaks.append(place)
            filled = 0
        filled += cell_len(piece)
        place += len(piece)
    for line in heading.divide(breaks):
        line.rstrip()
        console.print(line)


def _last_words(console: Console, text: str) -> None:
    """What a backend printed before it died, a line each: those around the error first of all."""
    how, _, printed = printable(text.expandtabs(4)).partition("\n")
    if how:
        _hanging(console, "", "dim", how, hang=4)
    said = [line for line in dedent(printed).splitlines() if line.strip()]
    errors = [number for number, line in enumerate(said) if _ERROR.match(line)]
    error = errors[-1] if errors else len(said) - 1
    end = max(error + 1 + MOST_FRAMES, min(len(said), MOST_LINES))
    for line in said[max(min(end, len(said)) - MOST_LINES, 0) : end]:
        shown = Text(f"    {line.rstrip()}", style="dim")
        shown.truncate(console.width, overflow="ellipsis")
        console.print(shown, soft_wrap=True)


def _alone(group: Sequence[Pair]) -> object:
    """What findings have to have in common to be cases of one; nothing where a cause tells more."""
    finding = group[0][1]
    return (finding.requirement, finding.level) if finding.cause is None else id(group)


def _listed(kinds: Sequence[str]) -> str:
    more = len(kinds) - MOST_KINDS
    return "; ".join(kinds[:MOST_KINDS]) + (f"; and {more} more kinds" if more > 0 else "")


def _same_cause(
    console: Console, report: Report, cause: str | None, others: Sequence[Pair]
) -> None:
    if not others:
        return
    console.print(Text(f"  the same cause, {printable(cause or '')}:", style="dim"))
    for _, finding in others[:MOST_OF_A_CAUSE]:
        state = "failed" if report.counts_against(finding) else "warning"
        sign = f"{SIGNS[state]} {finding.requirement} "
        _hanging(console, sign, _LEVELS[finding.level], finding.summary)
    if len(others) > MOST_OF_A_CAUSE:
        more = f"  and {len(others) - MOST_OF_A_CAUSE} more in report.html"
        console.print(Text(more, style="dim"), soft_wrap=True)


def _hanging(console: Console, name: str, style: str, value: str, hang: int | None = None) -> None:
    """Words under each other behind their name. Not left to rich, which would put a long word, as
    JSON without spaces is one, on a line of its own, and fill each line with spaces.
    """
    if hang is None:
        hang = len(name) + 2 if console.width >= NARROW else 4
    lines, indents = ["  "], [2]
    for piece in _PIECE.findall(f"{name}{one_line(value)}"):
        for part in chop_cells(piece, max(console.width - hang, 8)):
            if cell_len(lines[-1]) + cell_len(part.rstrip()) > console.width:
                lines.append(" " * hang)
                indents.append(hang)
            lines[-1] += part
    named = len(name)
    for line, indent in zip(lines, indents, strict=True):
        text = Text(line.rstrip())
        text.stylize(style, indent, indent + max(named, 0))
        named -= len(line) - indent
        console.print(text, soft_wrap=True)


def _reasons(console: Console, title: str, report: Report, status: Status) -> None:
    by_reason = report.reasons(status)
    if not by_reason:
        return
    console.print(Text(title, style="bold underline"))
    for reason, ids in by_reason.items():
        _hanging(console, f"{', '.join(ids)}  ", _STYLES[status.label], reason, hang=4)
    console.print()


def _groups(console: Console, report: Report) -> None:
    width = max(len(title) for title in GROUPS.values())
    for group, title, outcomes in report.groups():
        line = Text(f"{group:<5}{title:<{width}} ")
        for outcome in outcomes:
            state = report.state(outcome)
            line.append(SIGNS[state], style=_STYLES[state])
        console.print(line)
