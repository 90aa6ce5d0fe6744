"""Wrong usage, said in one sentence."""

import argparse
from typing import NoReturn


class Wrong(Exception):
    """Wrong usage; `str` is the sentence that the user sees."""


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, by raising Wrong."""

    def error(self, message: str) -> NoReturn:
        raise Wrong(f"{message}. `r2c-verify --help` lists what there is.")
