"""Where Hypothesis, which makes data up from the documents' schemas, keeps its tables."""

import os
from pathlib import Path

STORAGE = "HYPOTHESIS_STORAGE_DIRECTORY"


def keep_tables() -> None:
    """Lets Hypothesis keep its tables of characters in the user's cache, where they last from run
    to run. Without a place of its own it leaves a folder wherever the command was started; without
    any it makes them anew each time, which takes two seconds. A place
    that the environment names stays.
    """
    os.environ.setdefault(STORAGE, str(_cache() / "r2c-contract" / "hypothesis"))


def _cache() -> Path:
    """The user's cache (XDG Base Directory Specification); one that cannot be made does no harm."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a home, as in some containers
        return Path(os.devnull)
