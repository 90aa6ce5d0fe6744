"""The target file: which backend is verified, and with which users."""

import difflib
import ipaddress
import itertools
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from contract import read_text

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_KEYS = {
    "": {"target", "auth", "users", "friends", "process", "requirements"},
    "target": {"url"},
    "auth": {"secret", "algorithm", "claims", "token_command"},
    "users": {"_id", "userId", "name", "token"},
    "friends": {"pairs"},
    "process": {"reset", "start"},
    "requirements": {"off"},
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"[!-~]+")
_TIMES = {"exp", "iat", "nbf"}
"""Claims that the suite sets itself."""
SYMMETRIC = ("HS256", "HS384", "HS512")
"""Algorithms whose tokens can be made by anyone who knows the secret."""
FEWEST_USERS = 3


class TargetError(Exception):
    """A target file that cannot be used; `str(error)` is one sentence with file and place."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the backend under test."""

    id: str
    """The ObjectId."""
    public_id: str
    """The public user id, such as `R2C20251109001`."""
    name: str
    token: str | None = field(default=None, repr=False)
    """A token given in the target file; None when tokens are minted."""

    def fill(self, template: str) -> str:
        """The template with `{_id}`, `{userId}` and `{name}` replaced."""
        values = {"_id": self.id, "userId": self.public_id, "name": self.name}
        return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


@dataclass(frozen=True, slots=True)
class Auth:
    """Where tokens come from: a secret, a command, or neither when every user has a token."""

    secret: str | None = field(default=None, repr=False)
    algorithm: str = "HS256"
    claims: Mapping[str, Any] = field(default_factory=lambda: {"id": "{_id}"})
    """A JSON object; placeholders may stand in any string of it."""
    token_command: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A backend and what the suite has to know about it."""

    url: str
    """Scheme, host, port and path prefix, without a slash at the end."""
    auth: Auth
    users: tuple[User, ...]
    friends: frozenset[frozenset[str]] | None
    """Pairs of ObjectIds that are friends; None when the file does not say."""
    reset: str | None = None
    start: str | None = None
    file: Path | None = None
    """The target file; None where there is none."""
    off: frozenset[str] = frozenset()

    @property
    def folder(self) -> Path | None:
        """Where the commands run: the folder of the target file; None where there is no file."""
        return self.file.parent if self.file is not None else None

    def are_friends(self, one: User, other: User) -> bool:
        """Whether the file names the two as friends."""
        return self.friends is not None and frozenset({one.id, other.id}) in self.friends

    def pairs(self) -> tuple[tuple[User, User], ...]:
        """Every pair of users once."""
        return tuple(itertools.combinations(self.users, 2))

    @classmethod
    def read(cls, file: Path | str, url: str | None = None) -> Self:
        """Reads a target file; a given URL goes before the file's.

        Raises TargetError.
        """
        file = Path(file)
        try:
            # Editors on Windows begin a file with a byte order mark.
            content = tomllib.loads(read_text(file))
        except OSError as error:
            raise TargetError(f"{file}: {error.strerror or 'cannot be read'}.") from None
        except UnicodeDecodeError as error:
            raise TargetError(f"{file}: byte {error.start} is not UTF-8.") from None
        except (ValueError, RecursionError) as error:
            raise TargetError(f"{file} is no TOML: {error}.") from None
        try:
            return replace(cls.of(content, url), file=file)
        except TargetError as error:
            raise TargetError(f"{file}: {error}") from None

    @classmethod
    def of(cls, content: Mapping[str, Any], url: str | None = None) -> Self:
        """Builds a target from the decoded content of a target file. Raises TargetError."""
        _check_keys("", content)
        sections = {name: _table(content, name) for name in _KEYS if name and name != "users"}
        users = _users(content.get("users"))
        auth = _auth(sections["auth"], users)
        return cls(
            url=checked_url(url or _url(sections["target"])),
            auth=auth,
            users=users,
            friends=_friends(sections["friends"], users)
            if "pairs" in sections["friends"]
            else None,
            reset=_command(sections["process"], "reset", "[process] reset"),
            start=_command(sections["process"], "start", "[process] start"),
            off=_off(sections["requirements"]),
        )


def checked_url(url: str) -> str:
    """The URL without a slash at its end. Raises TargetError when it is no http(s) URL."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if "[" in parts.netloc:
            ipaddress.IPv6Address(parts.hostname or "")  # RFC 3986 has more; nothing connects to it
        (parts.hostname or "").encode("idna")
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in url):
        raise TargetError(
            f"{url!r} is no URL of a backend; it has to look like http://localhost:5000."
        )
    if "?" in url or "#" in url or "@" in parts.netloc:
        raise TargetError(f"the URL {url!r} may hold scheme, host, port and path, nothing else.")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _check_keys(section: str, table: Mapping[str, Any]) -> None:
    for key in table:
        if key not in _KEYS[section]:
            close = difflib.get_close_matches(key, _KEYS[section], 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {_known(section)}."
            raise TargetError(f"{_name(section, key)} is not known; {hint}")


def _known(section: str) -> str:
    return ", ".join(sorted(_KEYS[section]))


def _name(section: str, key: str) -> str:
    return f"[{section}] {key}" if section else f"[{key}]"


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise TargetError(f"[{name}] has to be a table.")
    _check_keys(name, table)
    return table


def _optional_text(table: Mapping[str, Any], key: str, place: str) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise TargetError(f"{place} has to be a text that is not empty.")
    return value


def _command(table: Mapping[str, Any], key: str, place: str) -> str | None:
    command = _optional_text(table, key, place)
    if command is not None and "\0" in command:
        raise TargetError(f"{place} holds a NUL character, which no command line can.")
    return command


def _url(table: Mapping[str, Any]) -> str:
    value = _optional_text(table, "url", "[target] url")
    if value is None:
        raise TargetError("[target] url is missing; set it, or give the URL as an argument.")
    return value


def _secret(value: str | None, place: str) -> str | None:
    """A literal, or with `env:NAME` the content of an environment variable."""
    if value is None or not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if not name:
        raise TargetError(f"{place} has to name an environment variable after env:.")
    if not os.environ.get(name):
        raise TargetError(
            f"{place} names the environment variable {name}, which is not set; set it in the "
            f"shell, as by `export {name}=…`: no .env file is read."
        )
    return os.environ[name]


def checked_token(token: str) -> str:
    """The token, if it can stand in a header. Raises ValueError; the message is half a sentence."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("is no token: it has to be visible ASCII characters without white space")
    return token


def _users(entries: object) -> tuple[User, ...]:
    if not isinstance(entries, list) or len(entries) < FEWEST_USERS:
        count = len(entries) if isinstance(entries, list) else 0
        raise TargetError(
            f"[[users]] names {count}; {FEWEST_USERS} users that exist in the backend are needed."
        )
    users = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise TargetError(f"[[users]] number {number} has to be a table.")
        _check_keys("users", entry)
        for key in ("_id", "userId", "name"):
            if not isinstance(entry.get(key), str) or not entry[key]:
                raise TargetError(f"[[users]] number {number} needs {key}, a text.")
        if not _OBJECT_ID.fullmatch(entry["_id"]):
            raise TargetError(
                f"[[users]] number {number}: _id {entry['_id']!r} is no ObjectId of 24 hex digits."
            )
        place = f"[[users]] number {number} token"
        token = _secret(_optional_text(entry, "token", place), place)
        try:
            token = checked_token(token) if token is not None else None
        except ValueError as error:
            raise TargetError(f"{place} {error}.") from None
        users.append(User(entry["_id"].lower(), entry["userId"], entry["name"], token))
    for what, values in (
        ("_id", [user.id for user in users]),
        ("userId", [user.public_id for user in users]),
        ("name", [user.name for user in users]),  # by which reports and reproducers tell them
    ):
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise TargetError(f"[[users]] has the {what} {twice} twice.")
    return tuple(users)


def _auth(table: Mapping[str, Any], users: tuple[User, ...]) -> Auth:
    secret = _secret(_optional_text(table, "secret", "[auth] secret"), "[auth] secret")
    command = _optional_text(table, "token_command", "[auth] token_command")
    claims = table.get("claims", {"id": "{_id}"})
    if not isinstance(claims, dict):
        raise TargetError('[auth] claims has to be a table such as { id = "{_id}" }.')
    for name, value in claims.items():
        _check_claim(name, value)
    if secret and command:
        raise TargetError("[auth] has both secret and token_command; keep one of them.")
    without_token = [user.name for user in users if user.token is None]
    if not secret and not command and without_token:
        raise TargetError(
            f"there is no token for {', '.join(without_token)}; set [auth] secret or "
            "token_command, or a token for each user."
        )
    algorithm = table.get("algorithm", "HS256")
    if algorithm not in SYMMETRIC:
        raise TargetError(
            f"[auth] algorithm {algorithm!r} cannot be minted from a secret; use HS256, HS384 or "
            "HS512, or token_command."
        )
    return Auth(secret, algorithm, claims, command)


def _check_claim(name: str, claim: Any) -> None:
    if name in _TIMES:
        raise TargetError(f"[auth] claims: {name} is set by the suite; leave it out.")
    if name == "iss" and not isinstance(claim, str):
        raise TargetError("[auth] claims: iss has to be a text.")
    for value in _leaves(claim):
        if isinstance(value, date | time) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise TargetError(f"[auth] claims: {name} holds {value}, which JSON cannot.")
        for placeholder in _PLACEHOLDER.findall(value) if isinstance(value, str) else ():
            if placeholder not in ("_id", "userId", "name"):
                raise TargetError(
                    f"[auth] claims: {name} uses {{{placeholder}}}; known are {{_id}}, {{userId}} "
                    "and {name}."
                )


def _leaves(value: Any) -> Iterator[Any]:
    """Everything in a TOML value that is neither a table nor an array."""
    match value:
        case dict():
            for item in value.values():
                yield from _leaves(item)
        case list():
            for item in value:
                yield from _leaves(item)
        case _:
            yield value


def _friends(table: Mapping[str, Any], users: tuple[User, ...]) -> frozenset[frozenset[str]]:
    pairs = table["pairs"]
    by_id = {user.id: user.id for user in users}
    by_public_id = {user.public_id: user.id for user in users}
    friends = set()
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not isinstance(pair, list) or not all(isinstance(name, str) for name in pair):
            raise TargetError("[friends] pairs has to be a list of pairs of two users' userIds.")
        ids = {by_public_id.get(name) or by_id.get(name.lower()) for name in pair}
        if None in ids:
            unknown = next(n for n in pair if n not in by_public_id and n.lower() not in by_id)
            raise TargetError(f"[friends] pairs names {unknown!r}, who is not in [[users]].")
        if len(pair) != 2 or len(ids) != 2:
            raise TargetError(f"[friends] pairs holds {pair!r}, which is no pair of two users.")
        friends.add(frozenset(id for id in ids if id is not None))
    return frozenset(friends)


def _off(table: Mapping[str, Any]) -> frozenset[str]:
    off = table.get("off", [])
    if not isinstance(off, list) or not all(isinstance(id, str) for id in off):
        raise TargetError("[requirements] off has to be a list of requirement ids.")
    return frozenset(off)
