"""Tokens: the valid ones of the target's users, and every kind of broken one."""

import base64
import hmac
import json
import shlex
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt

from conformance.backend import commands
from conformance.backend.commands import CommandError
from conformance.backend.target import SYMMETRIC, Target, TargetError, User, checked_token

LIFETIME = 6 * 3600.0
"""Seconds that a minted token is valid; longer than any run."""
CLOCK_SKEW = 60.0
"""Seconds by which a token's `iat` lies back, so that a backend whose clock is behind takes it."""
SOON = 3600.0
"""Seconds until a token that is not yet valid becomes valid."""
EXPIRED = 600.0
"""Seconds since an expired token ran out; the contract asks for five minutes at least (AUTH-04)."""
COMMAND_TIMEOUT = 30.0
"""Seconds a token command may take."""
HUGE = 12_000
"""Characters of a token that is too long: more than most servers take in all headers together."""


class NoToken(Exception):
    """A kind of token cannot be made for this target; `str(error)` says what to add."""


class TokenMint:
    """Makes tokens in the way the target file says."""

    def __init__(self, target: Target) -> None:
        self.target = target
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
        if not self.target.auth.secret and not self.target.auth.token_command:
            raise NoToken("a token of an unknown user needs [auth] secret or token_command")
        return self._made(user)

    def expired(self, user: User) -> str:
        """A token that ran out ten minutes ago. Raises NoToken."""
        now = time.time()
        return self._signed(user, iat=now - LIFETIME - EXPIRED, exp=now - EXPIRED)

    def not_yet_valid(self, user: User) -> str:
        """A token whose time begins in an hour. Raises NoToken."""
        now = time.time()
        return self._signed(user, iat=now - CLOCK_SKEW, nbf=now + SOON, exp=now + LIFETIME)

    def wrong_key(self, user: User) -> str:
        """A token with the right claims, signed with a key that is not the backend's."""
        claims = self._claims(user)
        return jwt.encode(
            dict(claims),
            "this-is-not-the-key-of-the-backend-under-test-" * 2,
            algorithm=self._symmetric(user),
        )

    def empty_key(self, user: User) -> str:
        """A token with the right claims, signed with a key of no bytes: what a variable that is not
        set, or the key of an unknown `kid`, makes of a key. PyJWT signs with none.
        """
        claims, algorithm = self._claims(user), self._symmetric(user)
        said = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}"
        signature = hmac.digest(b"", said.encode(), f"sha{algorithm[2:]}")
        return f"{said}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def _symmetric(self, user: User) -> str:
        """The algorithm of this user's tokens, or another one where that takes a key pair."""
        algorithm = jwt.get_unverified_header(self.valid(user)).get("alg")
        return algorithm if algorithm in SYMMETRIC else "HS256"

    def unsigned(self, user: User, algorithm: str, signature: str = "") -> str:
        """A token with the right claims, `algorithm` (a spelling of none), and no signature or one
        that means nothing.
        """
        header = _part({"alg": algorithm, "typ": "JWT"})
        return f"{header}.{_part(self._claims(user))}.{signature}"

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
        if self.target.auth.token_command:
            return _run(self.target.auth.token_command, user, self.target.folder)
        now = time.time()
        return self._signed(user, iat=now - CLOCK_SKEW, exp=now + LIFETIME)

    def _signed(self, user: User, **times: float) -> str:
        auth = self.target.auth
        if not auth.secret:
            raise NoToken("a token with times of its own needs [auth] secret")
        claims = {name: _filled(user, value) for name, value in auth.claims.items()}
        claims |= {name: int(value) for name, value in times.items()}
        with warnings.catch_warnings():
            # A short secret is the backend's affair, not something to tell on every run.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            try:
                return jwt.encode(claims, auth.secret, algorithm=auth.algorithm)
            except UnicodeEncodeError:
                raise TargetError("[auth] secret or claims are no UTF-8 text.") from None
            except jwt.InvalidKeyError:
                raise TargetError(
                    f"[auth] secret is a public key or a certificate, which signs no "
                    f"{auth.algorithm}; use token_command."
                ) from None

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
    if isinstance(value, list):
        return [_filled(user, item) for item in value]
    return value


def _run(command: str, user: User, folder: Path | None) -> str:
    """The last line that a token command prints for a user. Raises TargetError."""
    place = f"[auth] token_command {command!r}"
    try:
        # First the words, then the values: a name may hold spaces and quotes.
        words = [user.fill(word) for word in shlex.split(command)]
        lines = commands.run(words, COMMAND_TIMEOUT, folder).lines
    except ValueError as error:
        raise TargetError(f"{place} cannot be read: {error}.") from None
    except CommandError as error:
        raise TargetError(f"{place} {error}.") from None
    if not lines:
        raise TargetError(f"{place} printed nothing; its last line has to be the token.")
    try:
        return checked_token(lines[-1])
    except ValueError as error:
        raise TargetError(f"{place} printed a last line that {error}.") from None
