"""The contract as TypeScript, in files of a frontend."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contract import Contract
from contract.typescript import event_types, rest_types, socket_types
from reference_server.errors import StartError

_MARK = "// Written by `r2c-server types`"


def write(contract: Contract, folder: Path) -> Sequence[Path]:
    """Write `rest.ts`, `events.ts` and `socket.ts`; returns the files.

    A file that says the same already is left alone, so that nothing is built anew for it. Raises
    StartError, one sentence, where a file cannot be written or is somebody else's.
    """
    mark = f"{_MARK} from contract {contract.version}; do not edit it.\n\n"
    texts = {
        folder / "rest.ts": rest_types(contract),
        folder / "events.ts": event_types(contract),
        folder / "socket.ts": socket_types(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = {file: file.read_text("utf-8") if file.exists() else None for file in texts}
        for file, text in before.items():
            if text is not None and not text.startswith(_MARK):
                raise StartError(
                    f"{file} was not written by this command, and is left alone; choose another"
                    " folder for --out, or move it away."
                )
        for file, text in texts.items():
            if before[file] != mark + text:
                _replace(file, mark + text)
    except UnicodeDecodeError:
        raise StartError(f"A file in {folder} is no text, and is left alone.") from None
    except OSError as error:
        raise StartError(f"Cannot write to {folder}: {error.strerror}.") from error
    return list(texts)


def _replace(file: Path, text: str) -> None:
    """Put a whole text in a file's place at once, so that no build reads half of it."""
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as opened:
        opened.write(text)
    Path(draft).chmod(0o644)
    Path(draft).replace(file)
