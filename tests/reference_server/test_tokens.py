import time
from typing import Any

import jwt
import pytest

from reference_server.errors import StartError, Unauthorized
from reference_server.tokens import Tokens
from reference_server.users import load

SECRET = "a secret for tests, as long as the longest hash that is tried on it"
USERS = load()
ASHA = next(iter(USERS))
TOKENS = Tokens(SECRET, USERS)


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_a_minted_token_names_its_user() -> None:
    assert TOKENS.user_of(TOKENS.mint(ASHA)) is ASHA


@pytest.mark.parametrize(
    "claims",
    [
        {"id": ASHA.id},
        {"_id": ASHA.id.upper()},
        {"userId": ASHA.public_id},
        {"sub": ASHA.id},
        {"id": ASHA.id, "nbf": time.time() - 5, "exp": time.time() + 3600},
        {"id": ASHA.id, "iat": time.time() + 60},  # a machine whose clock is ahead
    ],
)
def test_claims_that_name_a_user_are_understood(claims: dict[str, Any]) -> None:
    assert TOKENS.user_of(signed(claims)) is ASHA


@pytest.mark.parametrize(
    "token",
    [
        "",
        "random",
        "a.b",
        "ünïcode",
        signed({"id": ASHA.id}, secret="another secret that is long enough to sign"),
        signed({"id": ASHA.id}, algorithm="HS512"),
        signed({"id": ASHA.id}, secret="", algorithm="none"),
        signed({"id": ASHA.id})[:-4],
        signed({"id": ASHA.id, "exp": time.time() - 1}),
        signed({"id": ASHA.id, "exp": True}),
        signed({"id": ASHA.id, "nbf": time.time() + 3600}),
        signed({"id": "60d0fe4f5311236168a10999"}),
        signed({"id": {"$ne": None}}),
        signed({"id": 7}),
        signed({}),
    ],
)
def test_what_is_no_valid_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        TOKENS.user_of(token)


def test_a_token_seen_before_still_expires() -> None:
    token = TOKENS.mint(ASHA, lifetime=1)
    assert TOKENS.user_of(token) is ASHA
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: expires + 0.01)
        with pytest.raises(Unauthorized, match="expired"):
            TOKENS.user_of(token)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(StartError, match="32 bytes"):
        Tokens("short", USERS)
