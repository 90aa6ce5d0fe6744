"""Whom a stimulus names: generated ids are replaced, so that most requests reach a real user."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from conformance.backend.target import User
from conformance.fuzzing.stimulus import Stimulus

OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{24}")


class Naming(Enum):
    """The two kinds of ids a user has."""

    OBJECT_ID = "_id"
    PUBLIC_ID = "userId"


FIELDS: Final[Mapping[str, Naming]] = {
    "recipientId": Naming.OBJECT_ID,
    "otherUserId": Naming.OBJECT_ID,
    "to": Naming.PUBLIC_ID,
}
"""The fields and path parameters of the contract that name a user."""


class Named(Enum):
    """What a value in such a place stands for."""

    OTHER = "another user of the target"
    SELF = "the caller"
    NOBODY = "no user"
    EITHER_WAY = "a user, by the id of the other kind"
    MALFORMED = "nothing that could be an id"


@dataclass(frozen=True, slots=True)
class People:
    """Who sends, and whom the target knows besides."""

    me: User
    others: tuple[User, ...]

    def named(self, naming: Naming, value: object) -> Named:
        """What `value` stands for where the contract asks for an id of this kind."""
        if not isinstance(value, str) or not value:
            return Named.MALFORMED
        own = (self.me.id, self.me.public_id)
        known = [(user.id, user.public_id) for user in self.others]
        which = 0 if naming is Naming.OBJECT_ID else 1
        if _same(value, own[which]):
            return Named.SELF
        if any(_same(value, ids[which]) for ids in known):
            return Named.OTHER
        if any(_same(value, ids[1 - which]) for ids in (own, *known)):
            return Named.EITHER_WAY
        if naming is Naming.OBJECT_ID and not OBJECT_ID.fullmatch(value):
            return Named.MALFORMED
        return Named.NOBODY


def addressed(stimulus: Stimulus, people: People, turn: int) -> Stimulus:
    """`stimulus` with well-formed ids replaced by those of real users, and of nobody now and then.

    The choice follows from `turn`, the number of the stimulus. Malformed ids stay as they are. A
    generated id is never left standing: one of all zeros may well belong to somebody.
    """
    path = {
        name: _replaced(name, value, people, turn) if name in FIELDS else value
        for name, value in stimulus.path.items()
    }
    body = stimulus.body
    if isinstance(body, dict):
        body = {
            name: _replaced(name, value, people, turn) if name in FIELDS else value
            for name, value in body.items()
        }
    return replace(stimulus, path=path, body=body)


def to_somebody(stimulus: Stimulus, people: People) -> Stimulus:
    """`stimulus` with a real user in the place of everybody it names."""
    return addressed(stimulus, people, 0)


def nobody(naming: Naming, people: People, turn: int) -> str:
    """A well-formed id that no user of the target has, and hardly any other user of the backend."""
    for attempt in range(100):
        digest = hashlib.sha256(f"{naming.value}/{turn}/{attempt}".encode()).hexdigest()
        # An ObjectId begins with the time of its creation; that of this one has not come yet.
        value = (
            f"e{digest[:23]}" if naming is Naming.OBJECT_ID else f"NOBODY{int(digest, 16) % 10**11}"
        )
        if people.named(naming, value) is Named.NOBODY:
            return value
    raise AssertionError("a hundred random ids cannot all be taken")


def _replaced(name: str, value: str, people: People, turn: int) -> str:
    naming = FIELDS[name]
    if people.named(naming, value) is Named.MALFORMED:
        return value
    if turn % 8 == 7:
        return nobody(naming, people, turn)
    user = people.others[turn % len(people.others)]
    if naming is Naming.PUBLIC_ID:
        return user.public_id
    # Ids are equal whatever the case of their digits.
    return user.id.upper() if turn % 8 == 3 else user.id


def _same(value: str, known: str) -> bool:
    # Public ids too: that a backend reads them in any letter case is its own choice, so one that
    # differs in nothing else is never taken for nobody's.
    return value.casefold() == known.casefold()
