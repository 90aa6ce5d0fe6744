"""What a person sees while a run goes on: nothing else happens on the terminal meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest

from conformance.evidence.journal import Note
from conformance.evidence.printable import printable


class Progress:
    """Shows the notes of a run on pytest's terminal: where it is a screen, how far the run is;
    everywhere its beginning and its findings. Silent in workers of pytest-xdist and with --quiet.
    """

    def __init__(self, node: pytest.Item) -> None:
        """`node` is the item for whose sake there is a run."""
        config, self._nodeid = node.config, node.nodeid
        manager = config.pluginmanager
        self._reporter: Any = manager.get_plugin("terminalreporter")
        self._capture: Any = manager.get_plugin("capturemanager")
        if hasattr(config, "workerinput") or config.get_verbosity() < 0:
            self._reporter = None
        self._total = self._played = self._found = 0
        self._has_begun = self._is_count = False
        """Whether there is a line of ours, and whether the last one says how far the run is."""

    def __call__(self, note: Note) -> None:
        """Takes a note of the journal."""
        if self._reporter is None:
            return
        match note["kind"]:
            case "run-started":
                self._line(
                    f"r2c: {printable(note['target'])} is verified, profile {note['profile']}, "
                    f"seed {note['seed']}"
                )
            case "scenarios-collected":
                self._total = note["total"]
            case "scenario-ended":
                self._played += 1
                self._count(f"scenario {self._played} of {self._total}")
            case "fuzzing-started":
                self._count("fuzzing")
            case "finding":
                self._found += 1
                self._line(f"r2c: {note['requirement']} {printable(note['summary'])}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Takes pytest back to where it was."""
        if self._has_begun:
            with self._shown():
                self._begin()
                if self._reporter.verbosity == 0:
                    self._reporter.write_fspath_result(self._nodeid, "")

    def _line(self, line: str) -> None:
        with self._shown():
            self._begin()
            self._reporter.line(line)

    def _count(self, where: str) -> None:
        if not self._reporter.isatty:
            return
        with self._shown():
            self._begin()
            self._reporter.write(f"r2c: {where}, {self._found} findings", flush=True)
            self._is_count = True

    def _begin(self) -> None:
        """Goes to where a line can begin."""
        if not self._has_begun:
            self._reporter.ensure_newline()
        elif self._is_count:
            self._reporter.rewrite("", erase=True)
            self._reporter.rewrite("")
        self._has_begun, self._is_count = True, False

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """Output goes to the terminal, not to what pytest keeps of a test's."""
        if self._capture is None:
            yield
        else:
            with self._capture.global_and_fixture_disabled():
                yield
