"""What can be wrong with the documents."""

from pathlib import Path


class DocumentError(Exception):
    """A document or overlay that cannot be used.

    `str(error)` is one line: the file, the place in it, what is wrong there. The place is a line
    and column where the text could not be read, and a JSON pointer where its content is wrong.
    """

    def __init__(self, file: Path, place: str, problem: str) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        where = f"{file}, {place}" if place else str(file)
        super().__init__(f"{where}: {problem}")
