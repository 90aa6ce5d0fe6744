"""Users that a backend is seeded with, from the fixture in its folder."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.backend.target import FEWEST_USERS

FIXTURES = ("users.json", "*/users.json", "*/*/users.json", "*/users.*.json", "*/*users*.json")
"""Where backends keep the users they are seeded with, the likeliest first."""
LARGEST_FIXTURE = 1_000_000
"""Bytes beyond which a file is no list of test users."""
MOST_USERS = 20
"""Users that are taken from a fixture; more make no run faster."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "userId": ("userId", "user_id", "publicId", "public_id", "uid"),
    "name": ("name", "displayName", "fullName", "username", "userName"),
}
"""What the fields of a user are called in fixtures."""
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A user of a fixture."""

    id: str
    public_id: str
    name: str
    friends: tuple[str, ...] = ()
    """Public ids of others of the same fixture."""


def fixture(folder: Path) -> tuple[str | None, tuple[Somebody, ...]]:
    """The name of a file with users in the folder of a backend, and the users; None and nobody
    where there is none with as many as a run needs.
    """
    for file in _fixtures(folder):
        try:
            if file.stat().st_size > LARGEST_FIXTURE:
                continue
            content = json.loads(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            continue
        users = tuple(_people(content))
        if len(users) >= FEWEST_USERS:
            return file.relative_to(folder).as_posix(), users
    return None, ()


def _fixtures(folder: Path) -> Iterator[Path]:
    for pattern in FIXTURES:
        for file in sorted(folder.glob(pattern)):
            parts = file.relative_to(folder).parts
            if "node_modules" not in parts and not any(part.startswith(".") for part in parts):
                yield file


def _people(content: Any) -> list[Somebody]:
    """The users of a fixture, in its order, those left out who lack an id or a name."""
    if isinstance(content, dict):
        content = content.get("users", content.get("data"))
    known: dict[str, tuple[str, str, str, Any]] = {}
    for entry in content if isinstance(content, list) else ():
        if not isinstance(entry, dict) or (id := _object_id(entry.get("_id"))) is None:
            continue
        public_id, name = (_first(entry, names) for names in NAMES.values())
        taken = [text for user in known.values() for text in user[1:3]]
        if public_id and name and id not in known and not {public_id, name} & set(taken):
            known[id] = (id, public_id, name, entry.get("friends"))
        if len(known) == MOST_USERS:
            break
    public = {id: user[1] for id, user in known.items()} | {u[1]: u[1] for u in known.values()}
    return [
        Somebody(id, own, name, tuple(_friends(friends, public, own)))
        for id, own, name, friends in known.values()
    ]


def _friends(friends: Any, public: Mapping[str, str], own: str) -> Iterator[str]:
    for friend in friends if isinstance(friends, list) else ():
        keys: Iterable[Any] = [friend]
        if isinstance(friend, dict):
            keys = [
                _object_id(friend),
                _object_id(friend.get("_id")),
                _first(friend, NAMES["userId"]),
            ]
        for key in keys:
            named = public.get(key) or public.get(key.lower()) if isinstance(key, str) else None
            if named is not None and named != own:
                yield named
                break


def _object_id(value: Any) -> str | None:
    """An ObjectId in lower case, also as MongoDB's extended JSON spells it."""
    if isinstance(value, dict):
        value = value.get("$oid")
    return value.lower() if isinstance(value, str) and _OBJECT_ID.fullmatch(value) else None


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> str | None:
    values = (entry.get(name) for name in names)
    return next((it for it in values if isinstance(it, str) and it.strip()), None)
