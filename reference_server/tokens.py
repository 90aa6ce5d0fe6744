"""JSON Web Tokens: HS256 and nothing else."""

import functools
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

from reference_server.clock import Clock
from reference_server.errors import StartError, Unauthorized
from reference_server.users import Directory, User

ALGORITHM = "HS256"
SHORTEST_SECRET = 32  # bytes; RFC 7518, section 3.2: as long as the hash
DAY = 24 * 60 * 60  # seconds
_NAMING_CLAIMS = ("id", "_id", "userId", "sub")
_SIGNATURE_ONLY: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


class Tokens:
    """Mints tokens and says whose a token is."""

    def __init__(self, secret: str, users: Directory, clock: Clock | None = None) -> None:
        """`secret` is shared with whoever else mints tokens. Raises StartError when it is too
        short, or no key at all.
        """
        try:
            key = secret.encode()
            HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(key)
        except UnicodeEncodeError:
            raise StartError("The secret must be UTF-8 text.") from None
        except jwt.InvalidKeyError:
            raise StartError("The secret must not be a public key or a certificate.") from None
        if len(key) < SHORTEST_SECRET:
            raise StartError(
                f"The secret must be at least {SHORTEST_SECRET} bytes long; make one with"
                " `openssl rand -hex 32`."
            )
        self.secret = secret
        self.clock = clock or Clock()
        self._users = users
        # Most requests carry a token seen before. Only the signature is remembered; whether its
        # time has come or gone is looked at again on each use.
        self._verified = functools.lru_cache(maxsize=10_000)(self._verify)

    def mint(self, user: User, *, lifetime: float = 30 * DAY) -> str:
        """A token for `user` that is valid for `lifetime` seconds."""
        now = int(self.clock.time())
        claims = {"id": user.id, "userId": user.public_id, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self.secret, algorithm=ALGORITHM)

    def user_of(self, token: str) -> User:
        """Whose the token is. Raises Unauthorized with the reason when it is not valid.

        `exp` and `nbf` are honoured where they stand. The first of the claims `id`, `_id`,
        `userId` and `sub` that is there names the user, by ObjectId or public id.
        """
        claims = self._verified(token)
        now = self.clock.time()
        if _time(claims, "exp", now + 1) <= now:
            raise Unauthorized("The token has expired.")
        if _time(claims, "nbf", now) > now:
            raise Unauthorized("The token is not valid yet.")
        name = next((claims[claim] for claim in _NAMING_CLAIMS if claim in claims), None)
        if not isinstance(name, str):
            raise Unauthorized("The token names no user.")
        user = self._users.by_id(name) or self._users.by_public_id(name)
        if user is None:
            raise Unauthorized("The token names a user who does not exist.")
        return user

    def _verify(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self.secret, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise Unauthorized("The token is not valid.") from error


def _time(claims: dict[str, Any], claim: str, default: float) -> float:
    """A NumericDate claim (RFC 7519, section 2) in seconds, or `default` where it is absent."""
    value = claims.get(claim, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unauthorized(f"The token's {claim} is no time.")
    return value
