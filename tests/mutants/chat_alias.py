"""Mutants of POST /api/chat/send."""

from fnmatch import fnmatchcase

from reference_server import rest, store
from reference_server.chat import Chat
from reference_server.errors import Invalid, NotFound
from reference_server.store import Store
from reference_server.users import Directory
from tests.mutants.delivering import delivered_by_rest
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant
from tests.mutants.sending import accepted, created, refused

ALIAS = "sendChatMessage"


@mutant("CHAT-01", protocol="rest")
def the_alias_answers_200(patch: Patch) -> None:
    """A new message through the alias is answered 200."""
    created(patch, lambda call, answer: rest.Answer(200, answer.data), operation=ALIAS)


@mutant("CHAT-01", protocol="rest")
def the_alias_takes_object_ids_only(patch: Patch) -> None:
    """`to` is looked up as an ObjectId: public ids are unknown."""

    def user_with_public_id(chat, public_id):
        return chat.user_with_id(public_id)

    patch(Chat, user_with_public_id)


@mutant("CHAT-01", protocol="rest")
def the_alias_wants_a_text(patch: Patch) -> None:
    """The alias demands `text` instead of `message`."""
    refused(patch, lambda body: "text" not in body, operation=ALIAS)


@mutant("CHAT-02", protocol="rest", subtle=True)
def the_alias_has_conversations_of_its_own(patch: Patch) -> None:
    """The alias files messages under a conversation made of the public ids."""
    own = set()

    async def send(chat, call, original):
        answer = await original(call)
        own.add(answer.data["_id"])
        return rest.Answer(answer.status, {**answer.data, "conversationId": other(answer.data)})

    def other(shown):
        return str(store._derived("alias", shown["conversationId"]))

    def show(chat, message):
        shown = original(chat, message)
        return {**shown, "conversationId": other(shown)} if message.id in own else shown

    patch.handler(ALIAS, send)
    original = patch(Chat, show)


@mutant("CHAT-02", protocol="rest")
def alias_messages_are_not_in_the_history(patch: Patch) -> None:
    """The alias stores its messages in a collection that the history does not read."""
    own = set()

    async def send(chat, call, original):
        answer = await original(call)
        own.add(answer.data["_id"])
        return answer

    async def messages_between(store, one, other):
        return [m for m in await between(store, one, other) if m.id not in own]

    patch.handler(ALIAS, send)
    between = patch(Store, messages_between)


@mutant("CHAT-02", protocol="rest", subtle=True)
def the_alias_swaps_the_two(patch: Patch) -> None:
    """The alias creates the message with sender and recipient in each other's place."""

    async def send(chat, call, original):
        recipient = chat.user_with_public_id(call.body["to"])
        shown = await chat.send(recipient, call.user, call.body["message"], None)
        return rest.Answer(201, shown)

    patch.handler(ALIAS, send)


@mutant("CHAT-02", protocol="rest", subtle=True)
def the_alias_lowers_its_texts(patch: Patch) -> None:
    """The alias compares and stores messages in small letters."""

    async def send(chat, call, original):
        body = {**call.body, "message": call.body["message"].lower()}
        return await original(rest.Call(call.user, call.parameters, body))

    patch.handler(ALIAS, send)


@mutant("CHAT-03", protocol="rest")
def an_unknown_public_id_is_400(patch: Patch) -> None:
    """A public id that names nobody is answered 400."""

    async def send(chat, call, original):
        try:
            return await original(call)
        except NotFound as refusal:
            raise Invalid(refusal.message) from refusal

    patch.handler(ALIAS, send)


@mutant("CHAT-03", protocol="rest", subtle=True)
def a_part_of_a_public_id_will_do(patch: Patch) -> None:
    """The public id is looked up by a regular expression: its beginning finds the user."""

    def user_with_public_id(chat, public_id):
        for user in chat.users:
            if user.public_id.startswith(public_id):
                return user
        return original(chat, public_id)

    original = patch(Chat, user_with_public_id)


@mutant("CHAT-03", protocol="rest")
def an_unknown_public_id_reaches_somebody(patch: Patch) -> None:
    """A look-up that fails falls back on the first user."""

    def user_with_public_id(chat, public_id):
        try:
            return original(chat, public_id)
        except NotFound:
            return next(iter(chat.users))

    original = patch(Chat, user_with_public_id)


@mutant("CHAT-04", protocol="rest")
def the_alias_sends_empty_messages(patch: Patch) -> None:
    """An empty or missing `message` is sent."""

    def mend(body):
        if isinstance(body, dict) and not body.get("message"):
            return {**body, "message": "(empty)"}
        return None

    accepted(patch, mend, operation=ALIAS)


@mutant("CHAT-04", protocol="rest", subtle=True)
def the_alias_casts_numbers(patch: Patch) -> None:
    """A `message` that is a number is sent as text."""

    def mend(body):
        if isinstance(body, dict) and isinstance(body.get("message"), int | float):
            return {**body, "message": str(body["message"])}
        return None

    accepted(patch, mend, operation=ALIAS)


@mutant("CHAT-03", protocol="rest", subtle=True)
def to_is_a_glob(patch: Patch) -> None:
    """`to` is looked for as a glob: `?` stands for any letter."""

    def by_public_id(directory, public_id):
        matching = (user for user in directory if fnmatchcase(user.public_id, public_id))
        return next(matching, None) if "?" in public_id else original(directory, public_id)

    original = patch(Directory, by_public_id)


@mutant("CHAT-03", protocol="rest", subtle=True)
def to_is_a_pattern_of_sql(patch: Patch) -> None:
    """`to` is compared with LIKE, where `_` stands for any letter and % for any letters; a % alone
    is refused.
    """

    def by_public_id(directory, public_id):
        pattern = public_id.translate({ord("_"): "?", ord("%"): "*"})
        if len(public_id) < 2 or pattern == public_id:
            return original(directory, public_id)
        return next((user for user in directory if fnmatchcase(user.public_id, pattern)), None)

    original = patch(Directory, by_public_id)


@mutant("CHAT-04", protocol="rest", subtle=True)
def a_missing_to_is_404(patch: Patch) -> None:
    """A missing `to` finds nobody: 404 instead of 400."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == ALIAS and answer.status == 400 and isinstance(body, dict):
            answer.status = 400 if body.get("to") else 404
        return answer

    patch.wire(around)


@mutant("CHAT-04", protocol="rest", subtle=True)
def a_list_of_one_public_id_is_a_public_id(patch: Patch) -> None:
    """`to` as a list with one public id is taken, as template strings make of it."""

    def mend(body):
        if isinstance(body, dict) and isinstance(body.get("to"), list) and body["to"]:
            return {**body, "to": body["to"][0]}
        return None

    accepted(patch, mend, operation=ALIAS)


@mutant("CHAT-05", protocol="both")
def alias_messages_are_not_delivered(patch: Patch) -> None:
    """The alias stores and answers; the sockets hear nothing."""
    delivered_by_rest(patch, lambda message, user_ids: (), ALIAS)


@mutant("CHAT-05", protocol="both", level="should", subtle=True)
def senders_do_not_hear_of_alias_messages(patch: Patch) -> None:
    """A message of the alias reaches the recipient only."""
    delivered_by_rest(patch, lambda message, user_ids: {message["recipient"]["_id"]}, ALIAS)


@mutant("CHAT-05", protocol="both", subtle=True)
def alias_messages_arrive_as_new_message(patch: Patch) -> None:
    """The alias emits `newMessage` instead of `receiveMessage`."""
    by_alias = {"now": 0}

    async def send(chat, call, original):
        by_alias["now"] += 1
        try:
            return await original(call)
        finally:
            by_alias["now"] -= 1

    async def deliver(emit, event, payload, user_ids):
        renamed = event == "receiveMessage" and by_alias["now"]
        await emit("newMessage" if renamed else event, payload, user_ids)

    patch.handler(ALIAS, send)
    patch.deliveries(deliver)


@mutant("CHAT-06", protocol="rest", subtle=True)
def a_refused_alias_message_is_stored(patch: Patch) -> None:
    """A `message` of another type is stored as text before it is refused."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == ALIAS and answer.status == 400 and isinstance(body, dict):
            await proceed(request.with_json({**body, "message": str(body.get("message") or "-")}))
        return answer

    patch.wire(around)
