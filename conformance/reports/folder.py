"""The folder that the reports of a run go to."""

import errno
from pathlib import Path

from conformance.reports.files import FILES

LOGS = ("events.ndjson", "backend.log", "reference-server.log")
"""What stands in the folder beside the reports."""


def cleared(folder: Path) -> Path:
    """The folder, made where it is not there, without the reports of an earlier run: they must not
    pass for this one's if it is killed. Raises OSError where they could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*LOGS, *FILES):
        check_writable(folder / name)
        (folder / name).unlink(missing_ok=True)
    for script in folder.glob("repeat-*.*js"):  # .js in earlier versions
        script.unlink()
    return folder


def check_writable(file: Path) -> None:
    """Raises OSError where a file cannot be written; leaves it as it was."""
    fresh = not file.exists()
    if not fresh and not file.is_file() and not file.is_dir():
        raise OSError(errno.EINVAL, "Not a regular file", str(file))  # a FIFO would be waited for
    with file.open("ab"):
        pass
    if fresh:
        file.unlink()
