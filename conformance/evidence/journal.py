"""The one stream of what happens in a run; every report is written from it or from its end."""

import json
import reprlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

Note = Mapping[str, Any]
"""One line of `events.ndjson`: `at` (RFC 3339), `kind`, and what belongs to the kind."""

LONGEST_BODY = 2_000
"""Characters of a body that the stream keeps; the finding itself holds what matters."""


class Journal:
    """Passes every note to its listeners, redacted and in order, from any thread."""

    def __init__(self, redact: Callable[[Any], Any]) -> None:
        self._redact = redact
        self._listeners: list[Callable[[Note], None]] = []
        self._lock = threading.RLock()

    def listen(self, listener: Callable[[Note], None]) -> None:
        """Adds a listener. It is called in the thread that writes the note."""
        self._listeners.append(listener)

    def note(self, kind: str, **data: Any) -> None:
        """Writes one note; nothing secret reaches a listener."""
        note = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "kind": kind,
            **self._redact(data),
        }
        self.pass_on(note)

    def pass_on(self, note: Note) -> None:
        """Takes a note of another journal, redacted there."""
        with self._lock:
            for listener in self._listeners:
                listener(note)


@dataclass(slots=True)
class NdjsonFile:
    """Writes each note as one line of JSON, at once, so that a killed run has lost nothing."""

    file: TextIO
    failure: OSError | None = None
    """Why the file lacks what came last; a disk that is full must not end the run."""

    @classmethod
    def create(cls, path: Path) -> "NdjsonFile":
        """Opens the file anew. Raises OSError."""
        return cls(path.open("w", encoding="ascii", buffering=1))

    def __call__(self, note: Note) -> None:
        """Writes a note; one that comes after the end, from a thread that did not hear, is lost.
        So is all that comes after a `failure`.
        """
        if self.file.closed:
            return
        try:
            self.file.write(_line(note) + "\n")
        except OSError as error:
            self.failure = error
            self.close()

    def close(self) -> None:
        """Closes the file."""
        try:
            self.file.close()
        except OSError as error:  # what was still to be written does not fit either
            self.failure = self.failure or error


def _line(note: Note) -> str:
    try:
        return _json(note, allow_nan=False)
    except (ValueError, RecursionError):
        return _json({name: _spelt_out(value) for name, value in note.items()})


def _json(value: Any, *, allow_nan: bool = True) -> str:
    # ASCII, since readers disagree on what ends a line, and nothing encodes a lone surrogate.
    return json.dumps(value, allow_nan=allow_nan, default=repr)


def _spelt_out(value: Any) -> str | None:
    """A value in words, for what JSON cannot hold: NaN, or more levels than can be written."""
    if value is None or isinstance(value, str):
        return value
    try:
        return _json(value)
    except (ValueError, RecursionError):
        return reprlib.repr(value)


def body_text(body: bytes | None) -> str | None:
    """A body for the stream: as text, cut when it is long."""
    if body is None:
        return None
    text = body[: LONGEST_BODY * 4].decode("utf-8", "replace")
    return text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]}… ({len(body)} bytes)"
