"""Mutants of settings: what has to be refused, blocking, repetition (META-06 to META-11)."""

from bson import ObjectId

from reference_server import rest
from reference_server.chat import Chat, show_settings
from reference_server.errors import Invalid, NotFound
from reference_server.store import Settings, Store
from tests.mutants.metadata import FLAGS, UPDATE, changes, mended
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import mutant


def _bad_path_ids(patch, answer_to):
    async def around(request, proceed):
        answer = await proceed(request)
        id = request.scope["path"].split("/")[-2] if request.operation == UPDATE else ""
        if answer.status == 400 and request.operation == UPDATE:
            return answer_to(id, answer)
        return answer

    patch.wire(around)


def _is_object_id(text):
    return ObjectId.is_valid(text)


@mutant("META-06", protocol="rest")
def settings_of_a_bad_id_are_404(patch: Patch) -> None:
    """An id that is none is answered as an unknown user."""

    def unknown(id, answer):
        return answer if _is_object_id(id) else Answer.of(404, answer.json)

    _bad_path_ids(patch, unknown)


@mutant("META-06", protocol="rest", subtle=True)
def settings_of_twelve_characters_are_404(patch: Patch) -> None:
    """`isValidObjectId` takes any twelve characters: they name an unknown user, 404."""

    def unknown(id, answer):
        return Answer.of(404, answer.json) if len(id.encode()) == 12 else answer

    _bad_path_ids(patch, unknown)


@mutant("META-06", protocol="rest")
def settings_are_kept_for_any_id(patch: Patch) -> None:
    """The id in the path is a key like any other: settings are stored for what is no id."""

    def stored(id, answer):
        if _is_object_id(id):
            return answer
        flags = {"isPinned": True, "isBlocked": False, "isFavorite": False}
        entry = {"_id": str(ObjectId()), "userId": str(ObjectId()), "otherUserId": id, **flags}
        return Answer.of(200, {"success": True, "data": entry})

    _bad_path_ids(patch, stored)


@mutant("META-06", protocol="rest", level="should")
def settings_are_kept_for_unknown_users(patch: Patch) -> None:
    """Whether the other user exists is not looked up."""

    async def update(chat, call, original):
        try:
            return await original(call)
        except NotFound:
            other = call.parameters["otherUserId"]
            found = Settings(str(ObjectId()), call.user.id, other)
            return rest.Answer(200, {**show_settings(found), **call.body})

    patch.handler(UPDATE, update)


@mutant("META-07", protocol="rest")
def strings_are_flags(patch: Patch) -> None:
    """`"true"` and `"false"` are cast to booleans."""

    def cast(body):
        if not isinstance(body, dict):
            return None
        words = {"true": True, "false": False}
        return {k: words.get(v, v) if isinstance(v, str) else v for k, v in body.items()}

    mended(patch, cast)


@mutant("META-07", protocol="rest", subtle=True)
def one_and_zero_are_flags(patch: Patch) -> None:
    """1 and 0 are cast to booleans; strings are refused."""

    def cast(body):
        if not isinstance(body, dict):
            return None
        return {
            k: bool(v) if k in FLAGS and isinstance(v, int) and v in (0, 1) else v
            for k, v in body.items()
        }

    mended(patch, cast)


@mutant("META-07", protocol="rest", subtle=True)
def null_is_false(patch: Patch) -> None:
    """A flag of null is taken for false."""

    def cast(body):
        if not isinstance(body, dict):
            return None
        return {k: False if k in FLAGS and v is None else v for k, v in body.items()}

    mended(patch, cast)


@mutant("META-07", protocol="rest", subtle=True)
def a_number_is_a_ringtone(patch: Patch) -> None:
    """A ringtone that is a number is stored as text."""

    def cast(body):
        if isinstance(body, dict) and isinstance(body.get("customRingtone"), int | float):
            return {**body, "customRingtone": str(body["customRingtone"])}
        return None

    mended(patch, cast)


@mutant("META-07", protocol="rest", subtle=True)
def a_list_is_a_body_without_fields(patch: Patch) -> None:
    """A body that is an array has none of the fields, so nothing is changed: 200."""
    mended(patch, lambda body: {} if isinstance(body, list) else None)


@mutant("META-08", protocol="rest", subtle=True)
def right_fields_of_a_wrong_body_are_stored(patch: Patch) -> None:
    """Fields are judged and stored one by one: those before the wrong one stay."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == UPDATE and answer.status == 400 and isinstance(body, dict):
            right = {k: v for k, v in body.items() if k in FLAGS and isinstance(v, bool)}
            if right:
                await proceed(request.with_json(right))
        return answer

    patch.wire(around)


@mutant("META-08", protocol="rest", subtle=True)
def a_refused_update_resets_the_entry(patch: Patch) -> None:
    """The entry is deleted before the new one is judged."""

    async def around(request, proceed):
        answer = await proceed(request)
        if request.operation == UPDATE and answer.status == 400:
            reset = dict.fromkeys(FLAGS, False)
            await proceed(request.with_json({**reset, "customRingtone": None}))
        return answer

    patch.wire(around)


@mutant("META-09", protocol="rest", subtle=True)
def a_ringtone_cannot_be_cleared(patch: Patch) -> None:
    """A ringtone of null is taken for absent."""
    changes(
        patch,
        lambda fields: {
            k: v for k, v in fields.items() if not (k == "customRingtone" and v is None)
        },
    )


@mutant("META-10", protocol="both")
def blocking_does_nothing(patch: Patch) -> None:
    """isBlocked is stored and looked at nowhere."""

    async def require_not_blocked(chat, sender, recipient):
        return None

    patch(Chat, require_not_blocked)


@mutant("META-10", protocol="both", subtle=True)
def blocked_users_are_seen_typing(patch: Patch) -> None:
    """Only messages are held back; typingStatus still comes."""

    async def typing(chat, typist, recipient, is_typing):
        status = {"senderId": typist.id, "isTyping": is_typing}
        await chat.announcer.announce("typingStatus", status, {recipient.id})

    patch(Chat, typing)


@mutant("META-10", protocol="both", subtle=True)
def unblocking_changes_nothing(patch: Patch) -> None:
    """Blocks are remembered in memory and never forgotten."""
    blocked = set()

    async def require_not_blocked(chat, sender, recipient):
        try:
            await original(chat, sender, recipient)
        except Exception:
            blocked.add((sender.id, recipient.id))
            raise
        if (sender.id, recipient.id) in blocked:
            raise Invalid("You cannot write to this user.")

    original = patch(Chat, require_not_blocked)


@mutant("META-10", protocol="both", subtle=True)
def unblocking_one_lets_all_through(patch: Patch) -> None:
    """Who unblocks anybody is written to by all until the next block; what is stored is right."""
    open_to_all = set()

    async def change_settings(store, owner, other, changes):
        if "isBlocked" in changes:
            (open_to_all.discard if changes["isBlocked"] else open_to_all.add)(owner)
        return await change(store, owner, other, changes)

    async def require_not_blocked(chat, sender, recipient):
        if recipient.id not in open_to_all:
            await require(chat, sender, recipient)

    change = patch(Store, change_settings)
    require = patch(Chat, require_not_blocked)


@mutant("META-10", protocol="events", subtle=True)
def events_pass_a_block(patch: Patch) -> None:
    """The block holds for REST; sendMessage passes it."""
    by_event = {"now": 0}

    async def on_send(chat, user, payload, original):
        by_event["now"] += 1
        try:
            return await original(user, payload)
        finally:
            by_event["now"] -= 1

    async def require_not_blocked(chat, sender, recipient):
        if not by_event["now"]:
            await original(chat, sender, recipient)

    patch.receiver("onSendMessage", on_send)
    original = patch(Chat, require_not_blocked)


@mutant("META-11", protocol="rest")
def true_toggles(patch: Patch) -> None:
    """A flag of true turns the stored one around: the same body twice undoes itself."""

    async def change_settings(store, owner, other, changes):
        before = await store.settings(owner, other)
        toggled = dict(changes)
        if changes.get("isPinned") is True:
            toggled["isPinned"] = not before.is_pinned
        return await original(store, owner, other, toggled)

    original = patch(Store, change_settings)
