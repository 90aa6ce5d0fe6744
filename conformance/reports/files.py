"""Writes the files of a report, each by its own writer and whatever becomes of the others."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conformance.judging.findings import Finding
from conformance.reports.html import write_html
from conformance.reports.json import write_json
from conformance.reports.junit import write_junit
from conformance.reports.markdown import write_markdown
from conformance.reports.report import Report
from conformance.reports.sarif import write_sarif

Writer = Callable[[Report], bytes]

WRITERS: Mapping[str, Writer] = {
    "report.json": write_json,
    "junit.xml": write_junit,
    "report.html": write_html,
    "report.sarif": write_sarif,
    "summary.md": write_markdown,
}
FILES = tuple(WRITERS)
"""What `write_reports` writes, beside the scripts that repeat findings."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A file that is not there, and why."""

    file: Path
    error: Exception
    """An OSError, or how the writer itself failed."""


def write_reports(report: Report, folder: Path) -> tuple[Unwritten, ...]:
    """Writes all files into the folder and returns what could not be written. None is half there:
    what is cut off must not pass for a report.
    """
    failures = []
    for name, write in _contents(report):
        file = folder / name
        try:
            content = write(report)
            file.write_bytes(content)
        except Exception as error:
            failures.append(Unwritten(file, error))
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return tuple(failures)


def script_name(finding: Finding) -> str:
    """The file that holds the script which repeats a finding: CommonJS by its name, whatever the
    package around it is.
    """
    return f"repeat-{finding.requirement}-{finding.fingerprint}.cjs"


def _contents(report: Report) -> Iterator[tuple[str, Writer]]:
    yield from WRITERS.items()
    for _, finding in (*report.failures, *report.warnings, *report.known):
        if finding.script is not None:
            script = finding.script.encode("utf-8", "replace") + b"\n"
            yield script_name(finding), lambda _, script=script: script  # type: ignore[misc]
