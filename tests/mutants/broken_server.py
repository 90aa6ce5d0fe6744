"""A mutated reference server in a process of its own."""

import asyncio
import contextlib
import logging
import multiprocessing
import secrets
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import Contract
from reference_server import users as fixture
from reference_server.server import Server
from reference_server.store import Store
from reference_server.tokens import Tokens
from tests.mutants.patching import Defect, Patch
from tests.mutants.registry import Mutant

START_PATIENCE = 20.0
"""Seconds a server may take to listen."""

Announcement = dict[str, Any]
_fork = multiprocessing.get_context("fork")


class NotStarted(Exception):
    """The server did not come up; `str` says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    target: Announcement
    """The content of a target file."""
    faults: Path
    """A line for each failure in the server that is not the mutant's defect."""


@contextlib.contextmanager
def running(mutant: Mutant | None, contract: Contract, folder: Path) -> Iterator[Running]:
    """Run a mutated server, or the unmutated one, while the context lasts.

    The server is forked from this process, which must have no other thread. Raises NotStarted.
    """
    faults = folder / "faults"
    here, there = _fork.Pipe(duplex=False)
    process = _fork.Process(target=_serve, args=(mutant, contract, faults, there), daemon=True)
    process.start()
    there.close()
    try:
        yield Running(_announced(here, faults), faults)
    finally:
        process.kill()
        process.join()


def _announced(pipe: Any, faults: Path) -> Announcement:
    try:
        if pipe.poll(START_PATIENCE):
            announcement: Announcement = pipe.recv()
            return announcement
    except EOFError:
        why = faults.read_text().strip() if faults.exists() else "it ended"
        raise NotStarted(why) from None
    raise NotStarted(f"it did not listen within {START_PATIENCE:g} s")


def _serve(mutant: Mutant | None, contract: Contract, faults: Path, pipe: Any) -> None:
    """The life of the process: patch, listen, announce, serve until killed."""
    expected = (Defect, *(mutant.fails_with if mutant else ()))
    logging.basicConfig(handlers=[_Faults(faults, expected)], force=True)
    try:
        with Patch() as patch:
            if mutant is not None:
                mutant.apply(patch)
            asyncio.run(_listen(contract, pipe))
    except BaseException as error:
        faults.write_text(f"{type(error).__name__}: {error}")
        raise


async def _listen(contract: Contract, pipe: Any) -> None:
    directory = fixture.load()
    tokens = Tokens(secrets.token_hex(32), directory)
    server = Server(contract, directory, tokens, Store.embedded())
    await server.start()
    pipe.send(
        {
            "target": {"url": server.url},
            "auth": {"secret": tokens.secret},
            "users": [
                {"_id": user.id, "userId": user.public_id, "name": user.name} for user in directory
            ],
            "friends": {
                "pairs": [
                    [one.public_id, other.public_id] for one, other in directory.friendships()
                ]
            },
        }
    )
    pipe.close()
    await asyncio.Event().wait()


class _Faults(logging.Handler):
    """Writes down what fails in the server and is not the defect."""

    def __init__(self, file: Path, expected: tuple[type[BaseException], ...]) -> None:
        super().__init__(logging.ERROR)
        self._file = file
        self._expected = expected

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, self._expected):
            return
        place = traceback.extract_tb(error.__traceback__)[-1] if error else None
        with self._file.open("a") as file:
            where = f" at {Path(place.filename).name}:{place.lineno}" if place else ""
            file.write(
                f"{type(error).__name__ if error else record.getMessage()}: {error}{where}\n"
            )
