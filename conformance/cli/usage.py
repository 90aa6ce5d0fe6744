"""Wrong usage, said in one sentence."""

import argparse
from pathlib import Path
from typing import NoReturn


class Wrong(Exception):
    """Wrong usage; `str` is the sentence that the user sees."""


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, by raising Wrong."""

    def error(self, message: str) -> NoReturn:
        raise Wrong(f"{message}. `r2c-verify --help` lists what there is.")

    def add_overlays(self) -> None:
        """Takes `--overlay`, any number of times, as the list `overlay`."""
        self.add_argument(
            "--overlay",
            type=Path,
            metavar="FILE",
            action="append",
            default=[],
            help="overlay to apply to the documents; may be repeated",
        )


def whole_number(text: str, longest: int = 18) -> int:
    """A number of at most so many digits, for argparse. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or len(text) > longest:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)
