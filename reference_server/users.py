"""The users a server knows, and who is whose friend."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import DocumentError, read_file
from reference_server.errors import StartError

SEEDED = Path(__file__).with_name("users.yaml")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")


@dataclass(frozen=True, slots=True)
class User:
    """A person: `id` is the ObjectId in lower case, `public_id` the id that people see."""

    id: str
    public_id: str
    name: str
    friends: frozenset[str] = frozenset()  # ids, not public ids


class Directory:
    """All users, found by either id. It does not change while the server runs."""

    def __init__(self, users: Iterable[User]) -> None:
        self._by_id = {user.id: user for user in users}
        self._by_public_id = {user.public_id: user for user in self._by_id.values()}

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, object_id: str) -> User | None:
        """The user with this ObjectId, in whatever letter case it is written."""
        return self._by_id.get(object_id.lower())

    def by_public_id(self, public_id: str) -> User | None:
        """The user with this public id."""
        return self._by_public_id.get(public_id)

    def friendships(self) -> list[tuple[User, User]]:
        """Each pair of friends once."""
        return [
            (user, self._by_id[friend])
            for user in self
            for friend in sorted(user.friends)
            if user.id < friend
        ]


def load(path: Path = SEEDED) -> Directory:
    """Read a file of users: a list `users` of `{_id, userId, name, friends}`.

    `friends` holds public ids and is optional; a friendship named on one side holds on both.
    Raises StartError, one sentence with the place, where the file is not like that.
    """
    try:
        content = read_file(path)
    except DocumentError as error:
        raise StartError(f"The users file {error}.") from None
    entries = content.get("users") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise StartError(f"The users file {path} needs a list `users` with at least one user.")
    return Directory(_befriend(path, [_read(path, n, e) for n, e in enumerate(entries, start=1)]))


def _read(path: Path, number: int, entry: Any) -> tuple[User, list[str]]:
    """One entry of the file as a user without friends, and the public ids of its friends."""
    place = f"The users file {path}, user {number}"
    if not isinstance(entry, dict):
        raise StartError(f"{place}: a user is a mapping with _id, userId and name.")
    for field in ("_id", "userId", "name"):
        if not isinstance(entry.get(field), str) or not entry[field]:
            raise StartError(f"{place}: {field} must be text; put it in quotes.")
        if any("\ud800" <= character <= "\udfff" for character in entry[field]):
            raise StartError(f"{place}: {field} holds half of a surrogate pair.")
    if not _OBJECT_ID.fullmatch(entry["_id"]):
        raise StartError(f"{place}: _id must be 24 hexadecimal digits, not {entry['_id']!r}.")
    friends = entry.get("friends", [])
    if not isinstance(friends, list) or not all(isinstance(each, str) for each in friends):
        raise StartError(f"{place}: friends must be a list of public user ids.")
    return User(entry["_id"].lower(), entry["userId"], entry["name"]), friends


def _befriend(path: Path, entries: list[tuple[User, list[str]]]) -> Iterator[User]:
    """The users with their friends, each friendship on both sides."""
    by_public_id: dict[str, User] = {}
    ids: set[str] = set()
    for number, (user, _) in enumerate(entries, start=1):
        for field, value, seen in (("_id", user.id, ids), ("userId", user.public_id, by_public_id)):
            if value in seen:
                raise StartError(
                    f"The users file {path}, user {number}: {field} {value} is taken already."
                )
        ids.add(user.id)
        by_public_id[user.public_id] = user
    friends: dict[str, set[str]] = {user.id: set() for user, _ in entries}
    for number, (user, named) in enumerate(entries, start=1):
        for public_id in named:
            friend = by_public_id.get(public_id)
            if friend is None or friend is user:
                raise StartError(
                    f"The users file {path}, user {number}: friend {public_id!r} is no other user"
                    " of the file."
                )
            friends[user.id].add(friend.id)
            friends[friend.id].add(user.id)
    for user, _ in entries:
        yield User(user.id, user.public_id, user.name, frozenset(friends[user.id]))
