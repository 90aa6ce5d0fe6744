"""Mutants of PUT /api/conversations/{otherUserId}/metadata."""

import asyncio
from dataclasses import replace

from bson import ObjectId

from reference_server import rest, store
from reference_server.errors import Invalid
from reference_server.store import Store
from tests.mutants.delivering import ROUND_TRIP
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant

UPDATE = "updateConversationMetadata"
FLAGS = ("isPinned", "isBlocked", "isFavorite")


def shown(patch, change):
    """Let `change(call, data)` see the settings that are answered."""

    async def update(chat, call, original):
        answer = await original(call)
        return rest.Answer(answer.status, change(call, dict(answer.data)))

    patch.handler(UPDATE, update)


def changes(patch, change):
    """Let `change(fields)` see what is stored."""

    async def change_settings(store, owner, other, changes):
        return await original(store, owner, other, change(dict(changes)))

    original = patch(Store, change_settings)


def mended(patch, mend):
    """Take refused bodies: `mend(body)` gives the body that is handled instead, or None."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 400 and request.operation == UPDATE:
            body = mend(request.json)
            if body is not None:
                return await proceed(request.with_json(body))
        return answer

    patch.wire(around)


@mutant("META-01", protocol="rest")
def an_update_is_201(patch: Patch) -> None:
    """An update is answered 201."""

    async def update(chat, call, original):
        return rest.Answer(201, (await original(call)).data)

    patch.handler(UPDATE, update)


@mutant("META-01", protocol="rest")
def owner_and_other_are_swapped(patch: Patch) -> None:
    """`userId` is the other user, `otherUserId` the caller."""

    def swap(call, data):
        return {**data, "userId": data["otherUserId"], "otherUserId": data["userId"]}

    shown(patch, swap)


@mutant("META-02", protocol="rest", subtle=True)
def a_block_is_for_ever(patch: Patch) -> None:
    """`if body.isBlocked` lets false pass for absent: who is blocked stays so."""
    changes(patch, lambda fields: {k: v for k, v in fields.items() if k != "isBlocked" or v})


@mutant("META-03", protocol="rest", subtle=True)
def only_flags_that_were_sent_are_answered(patch: Patch) -> None:
    """The answer holds the flags of the body only; those of earlier updates are missing."""

    def sent(call, data):
        return {k: v for k, v in data.items() if k not in FLAGS or k in call.body}

    shown(patch, sent)


@mutant("META-01", protocol="rest")
def an_update_answers_a_count(patch: Patch) -> None:
    """The answer is the driver's result, `{acknowledged, modifiedCount}`."""
    shown(patch, lambda call, data: {"acknowledged": True, "modifiedCount": 1})


@mutant("META-02", protocol="rest", subtle=True)
def a_flag_cannot_be_taken_back(patch: Patch) -> None:
    """`if (body.isPinned)`: false is taken for absent."""
    changes(patch, lambda fields: {k: v for k, v in fields.items() if v is not False})


@mutant("META-02", protocol="rest")
def favourites_are_not_stored(patch: Patch) -> None:
    """`isFavorite` is missing in the list of fields that may change."""
    changes(patch, lambda fields: {k: v for k, v in fields.items() if k != "isFavorite"})


@mutant("META-03", protocol="rest")
def ringtones_are_not_stored(patch: Patch) -> None:
    """`customRingtone` is answered as sent, and not stored."""

    async def change_settings(store, owner, other, changes):
        kept = {k: v for k, v in changes.items() if k != "customRingtone"}
        found = await original(store, owner, other, kept)
        return replace(found, custom_ringtone=changes.get("customRingtone"))

    original = patch(Store, change_settings)


@mutant("META-03", protocol="rest", subtle=True)
def the_answer_is_the_body(patch: Patch) -> None:
    """The answer echoes the body; of a second update nothing is stored."""
    first = {}

    async def change_settings(self, owner, other, changes):
        if (owner, other) in first:
            stored = await original(self, owner, other, {})
            return replace(stored, **{store._SETTING_FIELDS[k]: v for k, v in changes.items()})
        first[owner, other] = True
        return await original(self, owner, other, changes)

    original = patch(Store, change_settings)


@mutant("META-02", protocol="rest", subtle=True)
def ringtones_are_lowered(patch: Patch) -> None:
    """The address of a ringtone is stored in small letters."""

    def lowered(fields):
        return {k: v.lower() if isinstance(v, str) else v for k, v in fields.items()}

    changes(patch, lowered)


@mutant("META-02", protocol="rest", subtle=True)
def pinning_makes_a_favourite(patch: Patch) -> None:
    """One column holds both: isFavorite follows isPinned."""

    def joined(fields):
        return {**fields, "isFavorite": fields["isPinned"]} if "isPinned" in fields else fields

    changes(patch, joined)


@mutant("META-03", protocol="rest")
def absent_fields_are_reset(patch: Patch) -> None:
    """PUT replaces: what the body does not name goes back to its default."""

    def whole(fields):
        return {**dict.fromkeys(FLAGS, False), "customRingtone": None, **fields}

    changes(patch, whole)


@mutant("META-03", protocol="rest")
def a_partial_body_is_400(patch: Patch) -> None:
    """All three flags are required."""

    async def update(chat, call, original):
        if not all(flag in call.body for flag in FLAGS):
            raise Invalid("isPinned, isBlocked and isFavorite are required.")
        return await original(call)

    patch.handler(UPDATE, update)


@mutant("META-03", protocol="rest", subtle=True)
def an_absent_ringtone_is_cleared(patch: Patch) -> None:
    """`customRingtone: body.customRingtone || null`: a body without it clears it."""
    changes(patch, lambda fields: {"customRingtone": None, **fields})


@mutant("META-04", protocol="rest")
def each_update_is_a_new_entry(patch: Patch) -> None:
    """Every update inserts: `_id` changes each time."""
    shown(patch, lambda call, data: {**data, "_id": str(ObjectId())})


@mutant("META-04", protocol="rest", subtle=True)
def parallel_first_updates_make_two_entries(patch: Patch) -> None:
    """The entry is looked for and then inserted: two first updates insert two."""
    entries = {}

    async def change_settings(store, owner, other, changes):
        entry = entries.get((owner, other))
        await asyncio.sleep(ROUND_TRIP)
        if entry is None:
            entry = entries[owner, other] = str(ObjectId())
        return replace(await original(store, owner, other, changes), id=entry)

    original = patch(Store, change_settings)


@mutant("META-03", protocol="rest", subtle=True)
def parallel_updates_are_lost(patch: Patch) -> None:
    """The entry is read, changed and written back: of two updates at once one is lost."""

    async def change_settings(store, owner, other, changes):
        before = await store.settings(owner, other)
        await asyncio.sleep(ROUND_TRIP)
        fields = {theirs: getattr(before, ours) for theirs, ours in names.items()}
        return await original(store, owner, other, {**fields, **changes})

    names = store._SETTING_FIELDS
    original = patch(Store, change_settings)


@mutant("META-05", protocol="rest")
def settings_belong_to_the_pair(patch: Patch) -> None:
    """One entry for both users: what one sets, the other has."""

    def settings_id(owner, other):
        return original(*sorted((owner, other)))

    original = patch(store, settings_id)


@mutant("META-05", protocol="rest")
def settings_belong_to_the_owner_alone(patch: Patch) -> None:
    """One entry per user: what is set for one conversation holds for all."""

    def settings_id(owner, other):
        return original(owner, owner)

    original = patch(store, settings_id)


@mutant("META-05", protocol="rest", subtle=True)
def unblocking_one_unblocks_all(patch: Patch) -> None:
    """The update that takes a block back names the owner only: all of the owner's blocks go."""
    blocked = {}

    async def change_settings(store, owner, other, changes):
        theirs = blocked.setdefault(owner, set())
        if changes.get("isBlocked"):
            theirs.add(other)
        elif changes.get("isBlocked") is False:
            for each in theirs - {other}:
                await original(store, owner, each, {"isBlocked": False})
            theirs.clear()
        return await original(store, owner, other, changes)

    original = patch(Store, change_settings)


@mutant("META-02", protocol="rest", subtle=True)
def ringtones_are_latin(patch: Patch) -> None:
    """The column of ringtones is in Latin-1; all other letters become question marks."""

    async def change_settings(store, owner, other, changes):
        tone = changes.get("customRingtone")
        if tone:
            changes = {
                **changes,
                "customRingtone": tone.encode("latin-1", "replace").decode("latin-1"),
            }
        return await original(store, owner, other, changes)

    original = patch(Store, change_settings)


@mutant("META-05", protocol="rest", subtle=True)
def a_favourite_makes_the_other_one_too(patch: Patch) -> None:
    """Whoever is made a favourite gets the other as one; taking it back is right."""

    async def change_settings(store, owner, other, changes):
        if changes.get("isFavorite"):
            await original(store, other, owner, {"isFavorite": True})
        return await original(store, owner, other, changes)

    original = patch(Store, change_settings)


@mutant("META-05", protocol="rest", subtle=True)
def pins_show_on_both_sides(patch: Patch) -> None:
    """Only isPinned is kept per conversation; the other fields are right."""
    pins = {}

    async def change_settings(store, owner, other, changes):
        found = await original(store, owner, other, changes)
        pair = frozenset((owner, other))
        if "isPinned" in changes:
            pins[pair] = changes["isPinned"]
        return replace(found, is_pinned=pins.get(pair, found.is_pinned))

    original = patch(Store, change_settings)
