"""A file in which an embedded store lives between two runs of the server.

It is one JSON object with a document per line, in MongoDB's extended JSON: `{"format": 1,
"messages": [...], "conversations": [...], "settings": [...]}`. It is written as a whole and put in
its place at once, so that it is never there by half. A change stands in it after SAVE_AFTER
seconds, or once the write before has ended; that much a process that is killed may lose.
"""

import asyncio
import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import ObjectId, json_util
from bson.errors import BSONError

from reference_server.embedded import EmbeddedDatabase
from reference_server.errors import StartError

SAVE_AFTER = 0.5
"""Seconds from the first change that the file lacks to the next write."""
FORMAT = 1
_JSON = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=False)
_Fields = Mapping[str, tuple[type, ...]]
_COLLECTIONS: Mapping[str, _Fields] = {
    "messages": {
        **dict.fromkeys(("_id", "conversationId", "sender", "recipient"), (ObjectId,)),
        **dict.fromkeys(("text", "status"), (str,)),
        "attachment": (dict, type(None)),
        **dict.fromkeys(("createdAt", "updatedAt"), (datetime,)),
    },
    "conversations": {"_id": (ObjectId,), "pair": (str,)},
    "settings": dict.fromkeys(("_id", "userId", "otherUserId"), (ObjectId,)),
}
"""What is kept, and the fields without which the store could not read it."""

Sight = tuple[int, int, int] | None


class _Changed(Exception):
    """The file is not the one that was written last."""


class StateFile:
    """Keeps a database and a file the same. Use it within one running event loop."""

    def __init__(
        self, path: Path, database: EmbeddedDatabase, complain: Callable[[str], None]
    ) -> None:
        """`complain` is called with a sentence when the file cannot be written later on."""
        self._path = path.resolve()
        self._database = database
        self._complain = complain
        self._lines: dict[str, dict[Any, str]] = {name: {} for name in _COLLECTIONS}
        self._stale: dict[str, dict[Any, None] | None] = {name: {} for name in _COLLECTIONS}
        """The ids of documents that have changed since their lines were made; None: any may."""
        self._behind = False
        self._sight: Sight = None
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._complained = False

    async def open(self) -> None:
        """Fill the database from the file, and keep the file up to date from now on.

        Raises StartError, one sentence, for a file that cannot be read, written or understood.
        """
        self._sight = _sight(self._path)
        for name, documents in _read(self._path).items():
            self._lines[name] = {each["_id"]: _dumps(each) for each in documents}
            self._database[name].put(documents)
        for name in _COLLECTIONS:
            self._database[name].changed = self._listener(name)
        try:
            await asyncio.to_thread(self._write, self._text())
        except (OSError, _Changed) as error:
            why = getattr(error, "strerror", None) or "another program writes to it"
            if isinstance(error, FileNotFoundError):
                why = "its folder does not exist; make it first"
            raise StartError(f"Cannot write the state file {self._path}: {why}.") from error

    async def close(self) -> None:
        """Write what the file lacks."""
        self._hurry.set()
        if self._task is not None:
            await self._task
        if self._behind:
            await self._save()

    def _listener(self, name: str) -> Callable[[Sequence[Any] | None], None]:
        def changed(ids: Sequence[Any] | None) -> None:
            stale = self._stale[name]
            if ids is None or stale is None:
                self._stale[name] = None
            else:
                stale.update(dict.fromkeys(ids))
            self._behind = True
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._follow())

        return changed

    async def _follow(self) -> None:
        """Write after a while, and again as long as more has changed by then."""
        while self._behind:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), SAVE_AFTER)
            if not await self._save():
                return  # the next change, or the end, tries again

    async def _save(self) -> bool:
        """Write the file; whether that was possible."""
        self._behind = False
        try:
            await asyncio.to_thread(self._write, self._text())
        except _Changed:
            why = f"{self._path} was changed by another program and is left alone"
        except OSError as error:
            why = f"the state file {self._path} cannot be written: {error.strerror}"
        else:
            self._complained = False
            return True
        self._behind = True
        if not self._complained:
            self._complained = True
            self._complain(f"{why}; what happens from now on is not kept.")
        return False

    def _text(self) -> str:
        """The content of the file, with the lines of changed documents made anew."""
        for name, stale in self._stale.items():
            collection, lines = self._database[name], self._lines[name]
            if stale is None:
                lines.clear()
                lines.update((each["_id"], _dumps(each)) for each in collection.documents())
            for id in stale or ():
                document = collection.document(id)
                if document is None:
                    lines.pop(id, None)
                else:
                    lines[id] = _dumps(document)
            self._stale[name] = {}
        parts = (
            f'"{name}": [\n' + ",\n".join(lines.values()) + "\n]"
            for name, lines in self._lines.items()
        )
        return f'{{"format": {FORMAT},\n' + ",\n".join(parts) + "}\n"

    def _write(self, text: str) -> None:
        """Put the text in the file's place, safe from a loss of power once it is there."""
        if _sight(self._path) not in (self._sight, None):
            raise _Changed
        handle, draft = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self._path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._sight = _sight(self._path)


def _dumps(document: Mapping[str, Any]) -> str:
    return json_util.dumps(document, json_options=_JSON, ensure_ascii=False)


def _sight(path: Path) -> Sight:
    """What tells one version of a file from another; None where it is absent."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The documents in a file, by collection; none where there is no file. Raises StartError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StartError(f"The state file {path} exists and is no regular file.")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StartError(f"Cannot read the state file {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise _unusable(path, f"byte {error.start} is not UTF-8") from None
    try:
        json.loads(text)  # which knows the place of what is no JSON
        content = json_util.loads(text, json_options=_JSON)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _unusable(path, f"{place} is not JSON: {error.msg}") from None
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, BSONError) as error:
        raise _unusable(path, f"a value in it is none: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _unusable(path, f'it is no object with "format": {FORMAT}')
    return {name: _documents(path, name, content.get(name)) for name in _COLLECTIONS}


def _documents(path: Path, name: str, found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list):
        raise _unusable(path, f'"{name}" is no list')
    ids = set()
    for number, document in enumerate(found, start=1):
        place = f"{name}, entry {number}"
        if not isinstance(document, dict):
            raise _unusable(path, f"{place} is no object")
        for field, types in _COLLECTIONS[name].items():
            if not isinstance(document.get(field), types):
                raise _unusable(path, f"{place}: {field} is missing or of another type")
        if document["_id"] in ids:
            raise _unusable(path, f"{place}: its _id stands twice")
        ids.add(document["_id"])
    return found


def _unusable(path: Path, problem: str) -> StartError:
    problem = " ".join(problem.split())
    return StartError(
        f"The state file {path} cannot be used: {problem}; mend it, or move it away to begin anew."
    )
