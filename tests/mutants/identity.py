"""Mutants of who a token names, and of what a refused request leaves behind."""

from reference_server import rest, tokens
from reference_server.errors import NotFound, Unauthorized
from reference_server.tokens import Tokens
from reference_server.users import User
from tests.mutants.authentication import claims_of, token_for_anybody
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import mutant


@mutant("AUTH-07", protocol="rest")
def a_token_of_nobody_makes_a_user(patch: Patch) -> None:
    """Who a valid token names is never looked up."""

    def user_of(tokens, token):
        try:
            return original(tokens, token)
        except Unauthorized:
            claims = tokens._verify(token)
            if tokens._users.by_id(str(claims.get("id"))) is None:
                return User(str(claims.get("id")).lower(), "R2C0", "Unknown")
            raise

    original = patch(Tokens, user_of)


@mutant("AUTH-07", protocol="rest")
def a_token_of_nobody_is_404(patch: Patch) -> None:
    """`User.findById` of the middleware finds nobody, and the answer is 404 instead of 401."""

    def user_of(tokens, token):
        try:
            return original(tokens, token)
        except Unauthorized as refusal:
            if "does not exist" in refusal.message:
                raise NotFound("User not found") from refusal
            raise

    original = patch(Tokens, user_of)


def _effect_despite_401(patch, operation):
    """One operation does its work before the answer 401."""
    made = patch.the(Tokens)

    async def around(request, proceed):
        answer = await proceed(request)
        claims = claims_of(token_for_anybody(request)) or {}
        user = made[0]._users.by_id(str(claims.get("id")))
        if answer.status == 401 and request.operation == operation and user is not None:
            await proceed(request.with_header("authorization", f"Bearer {made[0].mint(user)}"))
        return answer

    patch.wire(around)


@mutant("AUTH-08", protocol="rest", subtle=True)
def a_message_is_stored_before_the_401(patch: Patch) -> None:
    """The message of a refused token is stored and delivered; only the answer says 401."""
    _effect_despite_401(patch, "sendMessage")


@mutant("AUTH-08", protocol="rest", subtle=True)
def an_alias_message_is_stored_before_the_401(patch: Patch) -> None:
    """The same through POST /api/chat/send."""
    _effect_despite_401(patch, "sendChatMessage")


@mutant("AUTH-08", protocol="rest", subtle=True)
def settings_are_changed_before_the_401(patch: Patch) -> None:
    """The settings of a refused token are stored; only the answer says 401."""
    _effect_despite_401(patch, "updateConversationMetadata")


@mutant("AUTH-08", protocol="rest", level="should")
def bodies_are_judged_before_credentials(patch: Patch) -> None:
    """Validation runs before authentication: a bad body with a bad token is answered 400."""
    contracts = []

    def build(contract, *arguments, **options):
        contracts.append(contract)
        return original(contract, *arguments, **options)

    original = patch(rest, build)

    async def around(request, proceed):
        answer = await proceed(request)
        operation = contracts[0].operations.get(request.operation)
        body = operation and operation.request
        if answer.status == 401 and body and not body.validator.accepts(request.json):
            return Answer.of(400, {"success": False, "message": "The body is not valid."})
        return answer

    patch.wire(around)


@mutant("AUTH-09", protocol="rest")
def the_sender_in_the_body_wins(patch: Patch) -> None:
    """`sender`, `senderId`, `userId` or `from` of the body say who sends."""
    names = ("sender", "senderId", "userId", "from")

    async def send(chat, call, original):
        for name in names:
            named = call.body.get(name)
            user = chat.users.by_id(named) if isinstance(named, str) else None
            if user is not None:
                call = rest.Call(user, call.parameters, call.body)
        return await original(call)

    patch.handler("sendMessage", send)


def _field_of_the_body_wins(patch, field):
    """The new message is built from the whole body, so one of its fields is the client's."""

    async def send(chat, call, original):
        answer = await original(call)
        if isinstance(given := call.body.get(field), str):
            return rest.Answer(answer.status, {**answer.data, field: given})
        return answer

    patch.handler("sendMessage", send)


@mutant("AUTH-09", protocol="rest", subtle=True)
def the_time_in_the_body_wins(patch: Patch) -> None:
    """`new Message({...body})`: a createdAt of the body is kept."""
    _field_of_the_body_wins(patch, "createdAt")


@mutant("AUTH-09", protocol="rest", subtle=True)
def the_status_in_the_body_wins(patch: Patch) -> None:
    """`new Message({...body})`: a status of the body is kept."""
    _field_of_the_body_wins(patch, "status")


@mutant("AUTH-09", protocol="rest", subtle=True)
def the_id_in_the_body_wins(patch: Patch) -> None:
    """`new Message({...body})`: an _id of the body is kept."""
    _field_of_the_body_wins(patch, "_id")


@mutant("AUTH-09", protocol="rest", subtle=True)
def the_sender_in_an_alias_body_wins(patch: Patch) -> None:
    """`from` or `sender` in the body of the alias say who sends; the other route is right."""

    async def send(chat, call, original):
        for name in ("from", "sender", "senderId", "userId"):
            named = call.body.get(name)
            user = (
                chat.users.by_id(named) or chat.users.by_public_id(named)
                if isinstance(named, str)
                else None
            )
            if user is not None:
                call = rest.Call(user, call.parameters, call.body)
        return await original(call)

    patch.handler("sendChatMessage", send)


@mutant("AUTH-09", protocol="rest", subtle=True)
def the_owner_in_the_body_wins(patch: Patch) -> None:
    """`userId` in the body says whose settings are changed."""

    async def update(chat, call, original):
        named = call.body.get("userId")
        user = chat.users.by_id(named) if isinstance(named, str) else None
        return await original(rest.Call(user or call.user, call.parameters, call.body))

    patch.handler("updateConversationMetadata", update)


@mutant("AUTH-10", protocol="rest")
def nbf_is_ignored(patch: Patch) -> None:
    """A token whose time has not come is taken."""

    def _time(claims, claim, default):
        return default if claim == "nbf" else original(claims, claim, default)

    original = patch(tokens, _time)
