"""What becomes of a run's report: its files, the terminal, and what GitHub Actions takes."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.cli.checks import checks_of
from conformance.cli.usage import Wrong
from conformance.reports import github
from conformance.reports.files import Unwritten, write_reports
from conformance.reports.report import Report
from conformance.reports.terminal import Terminal, print_report
from contract import Contract


@dataclass(frozen=True, slots=True)
class Reporting:
    """Where a report goes."""

    console: Terminal
    folder: Path
    annotate: bool
    """Whether GitHub's annotations are printed."""
    summary: Path | None
    """The file that GitHub shows on the page of the job."""

    @classmethod
    def of(cls, folder: Path, annotations: str, environment: Mapping[str, str]) -> "Reporting":
        """`annotations` is the argument of that name."""
        summary = environment.get("GITHUB_STEP_SUMMARY")
        return cls(
            Terminal(),
            folder,
            github.wanted(annotations, environment),
            Path(summary) if summary else None,
        )

    def untrusted(self) -> AbstractContextManager[None]:
        """While a backend's words are printed: none of them is a command to GitHub Actions."""
        return github.untrusted(self._out) if self.annotate else nullcontext()

    def publish(self, report: Report, contract: Contract) -> tuple[Unwritten, ...]:
        """Writes the files and prints the report; returns what could not be written."""
        checks = {id: tuple(it.sentences()) for id, it in checks_of(contract).items()}
        report = replace(report, checks=checks)
        unwritten = (*write_reports(report, self.folder), *self._append_summary(report))
        # Whatever happened to the files: what was found is said.
        print_report(report, self.console, str(self.folder))
        return unwritten

    def annotations(self, report: Report) -> None:
        """Prints the annotations, where they are wanted."""
        if self.annotate:
            for annotation in github.annotations(report):
                self._out(annotation.command())

    def _append_summary(self, report: Report) -> Iterator[Unwritten]:
        if self.summary is not None:
            try:
                github.append_summary(report, self.summary)
            except OSError as error:
                yield Unwritten(self.summary, error)

    def _out(self, line: str) -> None:
        """Prints a line as it is: one that is wrapped is no command."""
        self.console.out(line, highlight=False)


def complain(unwritten: tuple[Unwritten, ...]) -> None:
    """Raises how a writer itself failed, and Wrong where files cannot be written."""
    for failure in unwritten:
        if not isinstance(failure.error, OSError):
            raise failure.error
    if unwritten:
        files = ", ".join(str(failure.file) for failure in unwritten)
        error = unwritten[0].error
        reason = error.strerror if isinstance(error, OSError) else None
        raise Wrong(f"{files} cannot be written: {reason or error}.")
