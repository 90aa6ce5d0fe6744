"""Tokens: the valid ones of the target's users, and every kind of broken one."""

import base64
import json
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from conformance.target import Target, TargetError, User

LIFETIME = 3600.0
"""Seconds that a minted token is valid; longer than any run."""
CLOCK_SKEW = 60.0
"""Seconds by which a token's `iat` lies back, so that a backend whose clock is behind takes it."""
EXPIRED = 600.0
"""Seconds since an expired token ran out; the contract asks for five minutes at least (AUTH-04)."""
COMMAND_TIMEOUT = 30.0
"""Seconds a token command may take."""
HUGE = 12_000
"""Characters of a token that is too long: more than most servers take in all headers together."""


class NoToken(Exception):
    """A kind of token cannot be made for this target; `str(error)` says what to add."""


@dataclass(frozen=True, slots=True)
class BrokenToken:
    """A token that a backend has to refuse."""

    requirement: str
    """The requirement it breaks over HTTP."""
    name: str
    """For reports, such as `expired`."""
    value: str = field(repr=False)


class TokenMint:
    """Makes tokens in the way the target file says."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._valid: dict[str, str] = {}

    def valid(self, user: User) -> str:
        """The user's token, the same one throughout a run.

        Raises TargetError when the token command fails.
        """
        if user.id not in self._valid:
            self._valid[user.id] = user.token or self._made(user)
        return self._valid[user.id]

    def nobody(self, user: User) -> str:
        """A valid token for a user like this one who does not exist. Raises NoToken."""
        if not self._target.auth.secret and not self._target.auth.token_command:
            raise NoToken("a token of an unknown user needs [auth] secret or token_command")
        return self._made(user)

    def expired(self, user: User) -> str:
        """A token that ran out ten minutes ago. Raises NoToken."""
        now = time.time()
        return self._signed(user, iat=now - LIFETIME - EXPIRED, exp=now - EXPIRED)

    def not_yet_valid(self, user: User) -> str:
        """A token whose time comes in an hour. Raises NoToken."""
        return self._signed(user, nbf=time.time() + LIFETIME)

    def wrong_key(self, user: User) -> str:
        """A token with the right claims, signed with a key that is not the backend's."""
        key = "this-is-not-the-key-of-the-backend-under-test"
        return jwt.encode(dict(self._claims(user)), key, algorithm="HS256")

    def unsigned(self, user: User, algorithm: str) -> str:
        """A token with the right claims, no signature, and `algorithm` (a spelling of none)."""
        header = _part({"alg": algorithm, "typ": "JWT"})
        return f"{header}.{_part(self._claims(user))}."

    def altered(self, user: User, other: User) -> str:
        """A valid token of `user` whose claims were replaced by `other`'s after signing."""
        header, _, signature = self._parts(user)
        return f"{header}.{_part(self._claims(other))}.{signature}"

    def truncated(self, user: User) -> str:
        """A valid token whose signature lost its second half."""
        header, claims, signature = self._parts(user)
        return f"{header}.{claims}.{signature[: len(signature) // 2]}"

    def two_parts(self, user: User) -> str:
        """A valid token without its third part."""
        return ".".join(self._parts(user)[:2])

    def _made(self, user: User) -> str:
        if self._target.auth.token_command:
            return _run(user.fill(self._target.auth.token_command))
        now = time.time()
        return self._signed(user, iat=now - CLOCK_SKEW, exp=now + LIFETIME)

    def _signed(self, user: User, **times: float) -> str:
        auth = self._target.auth
        if not auth.secret:
            raise NoToken("a token with times of its own needs [auth] secret")
        claims = {name: _filled(user, value) for name, value in auth.claims.items()}
        claims |= {"exp": int(time.time() + LIFETIME)}
        claims |= {name: int(value) for name, value in times.items()}
        return jwt.encode(claims, auth.secret, algorithm=auth.algorithm)

    def _parts(self, user: User) -> list[str]:
        parts = self.valid(user).split(".")
        if len(parts) != 3:
            raise NoToken("the token given for this user is no JWT of three parts")
        return parts

    def _claims(self, user: User) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                self.valid(user), options={"verify_signature": False}
            )
        except jwt.PyJWTError:
            raise NoToken("the token given for this user cannot be read as a JWT") from None
        return claims


def _part(claims: Mapping[str, Any]) -> str:
    content = json.dumps(dict(claims), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _filled(user: User, value: Any) -> Any:
    if isinstance(value, str):
        return user.fill(value)
    if isinstance(value, dict):
        return {key: _filled(user, item) for key, item in value.items()}
    return value


def _run(command: str) -> str:
    """The last line that a token command prints. Raises TargetError."""
    try:
        done = subprocess.run(  # noqa: S603  the command is the user's own, from the target file
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_TIMEOUT
        )
    except (OSError, ValueError) as error:
        raise TargetError(f"[auth] token_command {command!r} cannot be run: {error}.") from None
    except subprocess.TimeoutExpired:
        raise TargetError(
            f"[auth] token_command {command!r} did not end within {COMMAND_TIMEOUT:.0f} s."
        ) from None
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise TargetError(
            f"[auth] token_command {command!r} ended with status {done.returncode}: {last}"
        )
    return lines[-1].strip()
