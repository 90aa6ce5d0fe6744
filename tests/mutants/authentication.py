"""Mutants of authentication over HTTP."""

import base64
import hmac
import time
from contextlib import suppress

import jwt

from reference_server import rest, tokens
from reference_server.errors import Unauthorized
from reference_server.tokens import Tokens
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import mutant

Bearer = rest._BearerTokens


def claims_of(token):
    """The claims of a token that nobody has verified, None where it cannot be read."""
    try:
        return jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
    except jwt.PyJWTError:
        return None


def token_for_anybody(request):
    """The token of a request as its sender wrote it."""
    return request.header("authorization").rpartition(" ")[2]


def let_pass(patch, believes):
    """Take the claims of every token that `believes` says yes to, without verifying it."""

    def _verify(tokens, token):
        claims = claims_of(token)
        if claims is not None and believes(token):
            return claims
        return original(tokens, token)

    original = patch(Tokens, _verify)


@mutant("AUTH-01", protocol="rest")
def a_request_without_header_is_the_first_user(patch: Patch) -> None:
    """Without an Authorization header the first user of the directory acts."""

    def _identify(bearer, request):
        if not request.headers.get("authorization"):
            user = next(iter(bearer._tokens._users))
            return {"sub": user.id, "user": user}
        return original(bearer, request)

    original = patch(Bearer, _identify)


def _without_middleware(patch, operation):
    """One route acts for a guest where the header is absent."""
    made = patch.the(Tokens)

    async def around(request, proceed):
        if request.operation == operation and not request.header("authorization"):
            guest = next(iter(made[0]._users))
            request = request.with_header("authorization", f"Bearer {made[0].mint(guest)}")
        return await proceed(request)

    patch.wire(around)


@mutant("AUTH-01", protocol="rest", subtle=True)
def the_alias_route_lacks_the_middleware(patch: Patch) -> None:
    """POST /api/chat/send was added without the authentication that the other routes have."""
    _without_middleware(patch, "sendChatMessage")


@mutant("AUTH-01", protocol="rest", subtle=True)
def the_settings_route_lacks_the_middleware(patch: Patch) -> None:
    """PUT metadata was added without the authentication that the other routes have."""
    _without_middleware(patch, "updateConversationMetadata")


@mutant("AUTH-01", protocol="rest", subtle=True)
def a_connection_remembers_its_user(patch: Patch) -> None:
    """Who has shown a token once need not do so again over the same connection."""
    shown = {}

    async def around(request, proceed):
        connection, token = request.scope["client"], request.header("authorization")
        if not token and connection in shown:
            request = request.with_header("authorization", shown[connection])
        answer = await proceed(request)
        if token and answer.status != 401:
            shown[connection] = token
        return answer

    patch.wire(around)


@mutant("AUTH-01", protocol="rest")
def a_missing_header_is_403(patch: Patch) -> None:
    """A missing header is answered 403, as some frameworks do by default."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 401 and not request.header("authorization"):
            answer.status = 403
        return answer

    patch.wire(around)


@mutant("AUTH-02", protocol="rest")
def a_malformed_token_is_a_500(patch: Patch) -> None:
    """The exception of the JWT library is caught nowhere: `jwt malformed` is answered 500."""

    async def around(request, proceed):
        answer = await proceed(request)
        token = token_for_anybody(request)
        if answer.status == 401 and request.header("authorization") and not claims_of(token):
            return Answer.of(500, {"success": False, "message": "Something failed."})
        return answer

    patch.wire(around)


@mutant("AUTH-02", protocol="rest", subtle=True)
def a_token_of_two_parts_is_believed(patch: Patch) -> None:
    """Claims are read from the second part; that the third is missing is never seen."""

    def _verify(tokens, token):
        if token.count(".") == 1:
            return claims_of(f"{token}.") or original(tokens, token)
        return original(tokens, token)

    original = patch(Tokens, _verify)


@mutant("AUTH-02", protocol="rest", subtle=True)
def a_signature_is_compared_as_far_as_it_goes(patch: Patch) -> None:
    """The signature is compared over the length of the one given: a shortened one is right."""

    def _verify(tokens, token):
        signed, _, given = token.rpartition(".")
        digest = hmac.digest(tokens.secret.encode(), signed.encode(), "sha256")
        right = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if given and right.startswith(given):
            return claims_of(token) or claims_of(f"{signed}.{right}") or original(tokens, token)
        return original(tokens, token)

    original = patch(Tokens, _verify)


@mutant("AUTH-03", protocol="both", subtle=True)
def the_key_may_be_empty(patch: Patch) -> None:
    """A key id that nobody knows stands for no key, and what is signed with none is believed."""

    def believes(token):
        said, _, signature = token.rpartition(".")
        return (
            signature
            == jwt.utils.base64url_encode(hmac.digest(b"", said.encode(), "sha256")).decode()
        )

    let_pass(patch, believes)


@mutant("AUTH-03", protocol="rest")
def signatures_are_never_verified(patch: Patch) -> None:
    """Tokens are decoded, not verified."""
    let_pass(patch, lambda token: token.rpartition(".")[2] != "")


@mutant("AUTH-03", protocol="rest", subtle=True)
def histories_are_read_with_any_signature(patch: Patch) -> None:
    """Only the routes that write verify the signature."""
    made = patch.the(Tokens)

    async def around(request, proceed):
        if request.operation == "listMessages":
            claims = claims_of(token_for_anybody(request)) or {}
            user = made[0]._users.by_id(str(claims.get("id")))
            if user is not None:
                request = request.with_header("authorization", f"Bearer {made[0].mint(user)}")
        return await proceed(request)

    patch.wire(around)


@mutant("AUTH-04", protocol="rest")
def expiry_is_ignored(patch: Patch) -> None:
    """`exp` is not looked at."""

    def _time(claims, claim, default):
        return default if claim == "exp" else original(claims, claim, default)

    original = patch(tokens, _time)


@mutant("AUTH-04", protocol="rest", subtle=True)
def expired_tokens_live_another_hour(patch: Patch) -> None:
    """A leeway of an hour, meant for clocks that differ, lets expired tokens pass."""

    def _time(claims, claim, default):
        value = original(claims, claim, default)
        return value + 3600 if claim == "exp" and "exp" in claims else value

    original = patch(tokens, _time)


@mutant("AUTH-04", protocol="rest")
def an_expired_token_is_403(patch: Patch) -> None:
    """An expired token is answered 403, as `jwt.verify` callbacks often do."""

    async def around(request, proceed):
        answer = await proceed(request)
        claims = claims_of(token_for_anybody(request)) or {}
        if answer.status == 401 and claims.get("exp", time.time() + 1) < time.time():
            answer.status = 403
        return answer

    patch.wire(around)


@mutant("AUTH-04", protocol="rest", subtle=True)
def expired_tokens_still_change_settings(patch: Patch) -> None:
    """Only the metadata route forgets to look at `exp`."""
    made = patch.the(Tokens)

    async def around(request, proceed):
        answer = await proceed(request)
        token = token_for_anybody(request)
        claims = claims_of(token) or {}
        expired = claims.get("exp", time.time()) < time.time()
        if answer.status == 401 and request.operation == "updateConversationMetadata" and expired:
            with suppress(Unauthorized):
                user = made[0]._users.by_id(made[0]._verify(token)["id"])
                fresh = f"Bearer {made[0].mint(user)}"
                return await proceed(request.with_header("authorization", fresh))
        return answer

    patch.wire(around)


def _algorithm(token):
    try:
        return str(jwt.get_unverified_header(token).get("alg"))
    except jwt.PyJWTError:
        return ""


@mutant("AUTH-05", protocol="rest")
def unsigned_tokens_are_believed(patch: Patch) -> None:
    """The library takes the algorithm from the token, `none` included."""
    let_pass(patch, lambda token: _algorithm(token) == "none")


@mutant("AUTH-05", protocol="rest", subtle=True)
def unsigned_tokens_in_capitals_are_believed(patch: Patch) -> None:
    """`none` is forbidden by a comparison that minds letter case; `NONE` and `nOnE` pass."""
    let_pass(
        patch, lambda token: _algorithm(token) != "none" and _algorithm(token).lower() == "none"
    )


@mutant("AUTH-05", protocol="rest", subtle=True)
def a_signature_seen_once_is_good_for_any_claims(patch: Patch) -> None:
    """Verified signatures are cached without the claims that they sign."""
    verified = set()

    def _verify(tokens, token):
        signature = token.rpartition(".")[2]
        if signature in verified and (claims := claims_of(token)) is not None:
            return claims
        claims = original(tokens, token)
        verified.add(signature)
        return claims

    original = patch(Tokens, _verify)


@mutant("AUTH-06", protocol="rest")
def any_scheme_will_do(patch: Patch) -> None:
    """The last word of the header is the token, whatever stands before it."""

    async def around(request, proceed):
        _, _, token = request.header("authorization").partition(" ")
        if token:
            request = request.with_header("authorization", f"Bearer {token}")
        return await proceed(request)

    patch.wire(around)


@mutant("AUTH-06", protocol="rest", level="should")
def a_bare_token_will_do(patch: Patch) -> None:
    """The scheme may be left out: `header.replace("Bearer ", "")`."""

    async def around(request, proceed):
        header = request.header("authorization")
        if header and " " not in header:
            request = request.with_header("authorization", f"Bearer {header}")
        return await proceed(request)

    patch.wire(around)
