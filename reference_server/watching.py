"""Goes by the documents anew when their files have changed, with all connections open."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from contract import Contract, DocumentError
from reference_server.errors import StartError
from reference_server.server import Server

log = logging.getLogger("reference_server.watching")

PERIOD = 0.2
"""Seconds between two looks at the files. A file is read once it has been the same at two of them,
so that none is read while an editor writes it.
"""

Sight = tuple[tuple[int, int, int] | None, ...]


async def watch(
    server: Server,
    load: Callable[[], Contract],
    say: Callable[[str], None],
    complain: Callable[[str], None],
) -> None:
    """Let the server adopt what `load` gives whenever the files of its contract have changed.

    Each change is one line for `say`, or for `complain` where the new documents cannot be used and
    those from before stay. Runs until it is cancelled.
    """
    files = server.contract.files
    latest = adopted = _sight(files)
    while True:
        await asyncio.sleep(PERIOD)
        before, latest = latest, _sight(files)
        if latest != before or latest == adopted:
            continue
        changed = " and ".join(
            str(file) for file, was, now in zip(files, adopted, latest, strict=True) if was != now
        )
        adopted = latest
        try:
            await server.adopt(await asyncio.to_thread(load))
        except (DocumentError, StartError) as error:
            complain(f"{str(error).removesuffix('.')}; the documents from before stay in force.")
        except Exception:
            log.exception("the documents could not be adopted")
            complain(f"{changed} cannot be used; the documents from before stay in force.")
        else:
            say(f"{changed} changed and in force.")
            for mock in server.mocks:
                say(f"  Mock    {mock}")


def _sight(files: Sequence[Path]) -> Sight:
    """What tells whether a file has changed: time, size and identity; None where it is absent."""
    seen: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            seen.append(None)
        else:
            seen.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(seen)
