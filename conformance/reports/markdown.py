"""summary.md: the report for the page of a CI job, in GitHub's Markdown.

Nothing that came from outside can become markup: as text, each ASCII punctuation character is
written as a character reference, which CommonMark never reads as structure; as code, it stands in a
fence longer than any in it. GitHub looks for @names and #issues in what is rendered: a joiner of no
width behind the sign is in their way.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.evidence.printable import abridged, one_line, printable
from conformance.evidence.reproduction import parts
from conformance.judging.findings import Finding, Status, Verdict
from conformance.reports.report import SIGNS, Pair, Report

LARGEST = 1024 * 1024
"""Bytes that GitHub takes as the summary of a step."""

MOST_ROWS = 100
"""Findings in one table."""
LONGEST_VALUE = 600
"""Characters of what was expected, observed, or given as a reason."""
LONGEST_CODE = 8_000
"""Characters of a reproducer."""

_VERDICTS = {
    Verdict.CONFORMANT: SIGNS["passed"],
    Verdict.NON_CONFORMANT: SIGNS["failed"],
    Verdict.INCOMPLETE: SIGNS["untestable"],
}
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def write_markdown(report: Report) -> bytes:
    """The content of summary.md, not larger than a job page takes."""
    return as_markdown(report).encode("utf-8", "replace")


def as_markdown(report: Report, largest: int = LARGEST) -> str:
    """The report as Markdown, of at most so many bytes: where room is short, the findings that
    come last are left to report.html.
    """
    head, tail = _head(report), [*_open(report), *_rest(report), _groups(report)]
    kept = [*head]
    room = largest - _size([*head, *tail]) - 200  # for the sentence that says what is left out
    left_out = 0
    for block in _findings(report):
        size = _size([block])
        if left_out or size > room:
            left_out += 1
            continue
        room -= size
        kept.append(block)
    if left_out:
        kept.append(f"_There is no room here for {left_out} further parts; see report.html._")
    text = "\n\n".join([*kept, *tail]) + "\n"
    return text.encode("utf-8", "replace")[:largest].decode("utf-8", "ignore")


def _size(blocks: Iterable[str]) -> int:
    return sum(len(block.encode("utf-8", "replace")) + 2 for block in blocks)


def _head(report: Report) -> list[str]:
    spoilt = report.verdict is Verdict.CONFORMANT and report.exit_status != 0
    sign = _VERDICTS[Verdict.NON_CONFORMANT if spoilt else report.verdict]
    blocks = [
        f"## {sign} {report.headline.capitalize()}",
        f"**{report.in_words}.** {_code(report.target)}{_origin(report)} · "
        f"contract {_plain(report.contract)} · "
        f"profile {report.profile}{', strict' if report.strict else ''} · seed {report.seed} · "
        f"{report.duration_s:.1f} s",
    ]
    if report.stopped is not None:
        blocks.append(f"**The run ended early:** {_plain(report.stopped)}")
    if report.fuzzing_in_words is not None:
        blocks.append(f"{report.fuzzing_in_words}.")
    return blocks


def _origin(report: Report) -> str:
    return f", {_plain(report.backend)}" if report.backend else ""


def _findings(report: Report) -> Iterator[str]:
    """Tables first, then how to repeat each finding."""
    sections = [("Broken", report.failures), ("Warnings", report.warnings)]
    first = {finding.cause: finding.requirement for (_, finding), *_ in reversed(report.causes)}
    for title, pairs in sections:
        if pairs:
            yield _table_of_findings(title, pairs, first)
    if report.known:
        yield _table_of_known(report)
    framed = False
    for title, pairs in sections:
        if pairs:
            yield f"### How to repeat: {title.lower()}"
            if report.exporting is not None:
                yield "The commands read tokens from the environment:"
                yield _fenced(report.exporting, "sh")
            script = next((finding.script for _, finding in pairs if finding.script), None)
            if script is not None and not framed:
                framed = True
                yield _frame(script)
            yield from (_details(finding) for _, finding in pairs)


def _table_of_findings(title: str, pairs: Sequence[Pair], first: Mapping[str | None, str]) -> str:
    """`first` is the requirement under which each cause is told first."""
    rows = [
        (
            finding.requirement,
            finding.level,
            _plain(outcome.requirement.notes),
            _plain(finding.summary) + _cause(finding, first),
        )
        for outcome, finding in pairs[:MOST_ROWS]
    ]
    table = _table(("Requirement", "Level", "Notes", "What the backend does"), rows)
    more = len(pairs) - MOST_ROWS
    return f"### {title}\n\n{table}" + (f"\n\n_And {more} more; see report.html._" * (more > 0))


def _cause(finding: Finding, first: Mapping[str | None, str]) -> str:
    if finding.cause is None:
        return ""
    requirement = first.get(finding.cause, finding.requirement)
    other = "" if requirement == finding.requirement else f", as {requirement}"
    return f" (cause: {_plain(finding.cause)}{other})"


def _table_of_known(report: Report) -> str:
    rows = []
    for _, finding in report.known[:MOST_ROWS]:
        entry = report.accepted(finding)
        until = entry.expires.isoformat() if entry and entry.expires else ""
        reason = _plain(entry.reason) if entry else ""
        rows.append((finding.requirement, finding.level, _plain(finding.summary), reason, until))
    head = ("Requirement", "Level", "What the backend does", "Accepted because", "Until")
    return f"### Known to the baseline\n\n{_table(head, rows)}"


def _frame(script: str) -> str:
    """What is around the lines of every script, once."""
    _, begin, _, end = parts(script)
    return (
        "<details><summary>What begins and ends each script below</summary>\n\n"
        f"Each is whole as repeat-….cjs among the reports.\n\n{_fenced(begin, 'js')}\n\n…\n\n"
        f"{_fenced(end, 'js')}\n\n</details>"
        if end
        else _fenced(script, "js")
    )


def _details(finding: Finding) -> str:
    lines = [
        f"<details><summary>{finding.requirement} {_plain(finding.summary)}</summary>",
        f"Expected {_code(finding.expected)}",
        f"Observed {_code(finding.observed)}",
    ]
    for command in finding.reproduce:
        if len(command) > LONGEST_CODE:
            lines.append("_What repeats it is too long for here; see report.html._")
        else:
            needs, _, own, end = parts(command)
            script = f"{needs}\n{own}" if end else command
            lines.append(_fenced(script, "js" if "\n" in command else "sh"))
    return "\n\n".join([*lines, f"Fingerprint `{finding.fingerprint}`", "</details>"])


def _open(report: Report) -> Iterator[str]:
    for title, status in (
        ("Could not be judged", Status.UNTESTABLE),
        ("Errors of the suite; please report them", Status.ERROR),
        ("Switched off", Status.NOT_APPLICABLE),
    ):
        reasons = report.reasons(status).items()
        if reasons:
            rows = [(", ".join(ids), _plain(reason)) for reason, ids in reasons]
            yield f"### {title}\n\n{_table(('Requirements', 'Why, and what to add'), rows)}"


def _rest(report: Report) -> Iterator[str]:
    if report.stale:
        entries = "\n".join(f"- {_plain(sentence)}" for sentence in report.stale[:MOST_ROWS])
        yield f"### Stale entries of the baseline\n\n{entries}"
    if report.undocumented_events:
        events = ", ".join(map(_code, report.undocumented_events[:MOST_ROWS]))
        yield f"Undocumented events, which are allowed: {events}"


def _groups(report: Report) -> str:
    rows = [
        (
            f"{group} {title}",
            f"{sum(report.state(it) == 'passed' for it in outcomes)} of {len(outcomes)}",
            "".join(SIGNS[report.state(outcome)] for outcome in outcomes),
        )
        for group, title, outcomes in report.groups()
    ]
    table = _table(("Group", "Kept", "Each"), rows)
    return f"<details><summary>All groups</summary>\n\n{table}\n\n</details>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _code(text: str) -> str:
    """What a backend or a command said, as code."""
    return f"<code>{_plain(text)}</code>" if text else ""


def _plain(text: str) -> str:
    """Text in which nothing is markup, as one line, abridged where it is long."""
    return _PUNCTUATION.sub(_reference, abridged(one_line(text), LONGEST_VALUE))


def _reference(mark: re.Match[str]) -> str:
    return f"&#{ord(mark[0])};" + ("&#8288;" if mark[0] in "@#" else "")


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(code)}\n{fence}"
