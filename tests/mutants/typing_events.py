"""Mutants of typing, stopTyping and typingStatus."""

import os

from reference_server.chat import Chat
from reference_server.events import EventRouter
from tests.mutants.message_payloads import after_a_bad_payload, by_glob
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant

STATUS = "typingStatus"
TYPING = ("typing", "stopTyping")


def told(patch, audience):
    """Let `audience(chat, status, user_ids)` say who gets each typingStatus; None: everybody."""
    chats = patch.the(Chat)

    async def deliver(emit, event, payload, user_ids):
        if event == STATUS:
            user_ids = audience(chats[0], payload, user_ids)
        await emit(event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("TYPE-01", protocol="events")
def typing_reaches_nobody(patch: Patch) -> None:
    """typingStatus is never emitted."""
    told(patch, lambda chat, status, user_ids: ())


@mutant("TYPE-01", protocol="events")
def stop_typing_says_true(patch: Patch) -> None:
    """Both handlers emit `isTyping: true`."""
    patch.changed_deliveries(STATUS, lambda status: {**status, "isTyping": True})


@mutant("TYPE-01", protocol="events", subtle=True)
def stop_typing_is_not_handled(patch: Patch) -> None:
    """stopTyping has no handler: whoever began goes on for ever."""

    async def stop(chat, user, payload, original):
        return {"success": True}

    patch.receiver("onStopTyping", stop)


@mutant("TYPE-01", protocol="events", subtle=True)
def the_typist_is_the_recipient(patch: Patch) -> None:
    """`senderId` carries the id of who is told, not of who types."""

    async def deliver(emit, event, payload, user_ids):
        if event == STATUS:
            payload = {**payload, "senderId": next(iter(user_ids))}
        await emit(event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("TYPE-01", protocol="events", subtle=True)
def typing_needs_a_conversation(patch: Patch) -> None:
    """Typing is passed on only where the two have written to each other before."""

    async def typing(chat, typist, recipient, is_typing):
        if await chat.store.messages_between(typist.id, recipient.id):
            await original(chat, typist, recipient, is_typing)

    original = patch(Chat, typing)


@mutant("TYPE-01", protocol="events", subtle=True)
def typing_is_told_once(patch: Patch) -> None:
    """A second typing of the same pair is taken for a repetition, even after stopTyping."""
    known = set()

    async def on_typing(chat, user, payload, original):
        pair = user.id, payload["recipientId"].lower()
        if pair in known:
            return {"success": True}
        known.add(pair)
        return await original(user, payload)

    patch.receiver("onTyping", on_typing)


@mutant("TYPE-01", protocol="events", subtle=True)
def typing_wants_small_letters(patch: Patch) -> None:
    """`io.to(recipientId)`: a room is found only where the id is spelt as the backend does."""

    async def on_typing(chat, user, payload, original):
        if payload["recipientId"] != payload["recipientId"].lower():
            return {"success": True}
        return await original(user, payload)

    patch.receiver("onTyping", on_typing)


@mutant("TYPE-02", protocol="events")
def everybody_sees_typing(patch: Patch) -> None:
    """`socket.broadcast.emit`: everybody is told."""
    told(patch, lambda chat, status, user_ids: None)


@mutant("TYPE-02", protocol="events", subtle=True)
def friends_see_typing(patch: Patch) -> None:
    """The typist's friends are told as well."""

    def audience(chat, status, user_ids):
        return {*user_ids, *chat.users.by_id(status["senderId"]).friends}

    told(patch, audience)


@mutant("TYPE-02", protocol="events", subtle=True)
def typists_hear_themselves(patch: Patch) -> None:
    """The typist's own sockets get the status too."""
    told(patch, lambda chat, status, user_ids: {*user_ids, status["senderId"]})


@mutant("TYPE-02", protocol="events", subtle=True)
def earlier_partners_see_typing(patch: Patch) -> None:
    """Whoever the typist wrote to before still stands in the room."""
    earlier = {}

    def audience(chat, status, user_ids):
        known = earlier.setdefault(status["senderId"], set())
        known.update(user_ids)
        return known

    told(patch, audience)


@mutant("TYPE-01", protocol="events", subtle=True)
def who_is_typed_to_last_is_told_of_the_end(patch: Patch) -> None:
    """One partner is kept per typist: stopTyping is told to whoever was typed to last."""
    last = {}

    async def typing(chat, typist, recipient, is_typing):
        if is_typing:
            last[typist.id] = recipient
        await original(chat, typist, last.get(typist.id, recipient), is_typing)

    original = patch(Chat, typing)


@mutant("TYPE-01", protocol="events", subtle=True)
def typing_takes_no_id_in_capitals(patch: Patch) -> None:
    """`io.to(recipientId)` takes the id as it is spelt: in capitals it is a room of nobody's."""

    async def handle(chat, user, payload, original):
        if payload["recipientId"] == payload["recipientId"].lower():
            await original(user, payload)
        return {"success": True}

    patch.receiver("onTyping", handle)
    patch.receiver("onStopTyping", handle)


@mutant("TYPE-02", protocol="events", subtle=True)
def who_is_typed_to_last_is_told_of_every_end(patch: Patch) -> None:
    """stopTyping ends all that a user types: whoever was typed to last is told as well."""
    last = {}

    def audience(chat, status, user_ids):
        if status["isTyping"]:
            last[status["senderId"]] = set(user_ids)
            return user_ids
        return {*user_ids, *last.pop(status["senderId"], ())}

    told(patch, audience)


@mutant("TYPE-02", protocol="events", subtle=True)
def stop_typing_goes_to_everybody(patch: Patch) -> None:
    """typing is right; stopTyping is broadcast."""
    told(patch, lambda chat, status, user_ids: user_ids if status["isTyping"] else None)


@mutant("TYPE-03", protocol="events", subtle=True)
def typing_without_payload_ends_the_process(patch: Patch) -> None:
    """`data.recipientId` of undefined: the exception ends the process."""

    def change(event, arguments):
        if event in TYPING and (not arguments or arguments[0] is None):
            os._exit(1)
        return arguments

    patch.payloads(change)


@mutant("TYPE-03", protocol="events", subtle=True)
def typing_to_undefined_goes_to_everybody(patch: Patch) -> None:
    """`io.to(undefined).emit` is everybody: typing without a recipient reaches all."""

    def _receiver(router, event, handler):
        receive = original(router, event, handler)

        async def watched(sid, *arguments):
            payload = arguments[0] if arguments else None
            nowhere = isinstance(payload, dict) and payload.get("recipientId") is None
            if event.name in TYPING and nowhere:
                status = {"senderId": router._users[sid].id, "isTyping": event.name == "typing"}
                await router._sockets.emit(STATUS, status, namespace="/")
            return await receive(sid, *arguments)

        return watched

    original = patch(EventRouter, _receiver)


@mutant("TYPE-03", protocol="events", subtle=True)
def typing_takes_a_list_of_ids(patch: Patch) -> None:
    """recipientId may be a list: each id in it is told."""

    def change(event, arguments):
        payload = arguments[0] if arguments else None
        if event in TYPING and isinstance(payload, dict):
            id = payload.get("recipientId")
            if isinstance(id, list) and id:
                return ({**payload, "recipientId": id[0]},)
        return arguments

    patch.payloads(change)


@mutant("TYPE-03", protocol="events", subtle=True)
def typing_takes_a_wildcard(patch: Patch) -> None:
    """recipientId is looked for as a glob: `?` stands for any digit."""
    by_glob(patch, *TYPING)


@mutant("TYPE-03", protocol="events", subtle=True)
def typing_takes_a_bare_id(patch: Patch) -> None:
    """The payload may be the recipient's id itself."""

    def change(event, arguments):
        if event in TYPING and arguments and isinstance(arguments[0], str):
            return ({"recipientId": arguments[0]},)
        return arguments

    patch.payloads(change)


@mutant("TYPE-03", protocol="events", subtle=True)
def bad_typing_silences_the_typist(patch: Patch) -> None:
    """After an invalid payload the typist's events of typing are ignored for good."""
    silenced = set()

    def silence(user, event):
        if event in TYPING and user is not None:
            silenced.add(user.id)

    async def typing(chat, typist, recipient, is_typing):
        if typist.id not in silenced:
            await original(chat, typist, recipient, is_typing)

    original = patch(Chat, typing)
    after_a_bad_payload(patch, silence)


@mutant("TYPE-04", protocol="events")
def the_typist_in_a_payload_wins(patch: Patch) -> None:
    """`senderId` or `userId` of the payload say who types."""

    async def handle(chat, user, payload, original):
        for name in ("senderId", "userId", "sender", "from"):
            named = payload.get(name)
            user = (chat.users.by_id(named) if isinstance(named, str) else None) or user
        return await original(user, payload)

    patch.receiver("onTyping", handle)
    patch.receiver("onStopTyping", handle)


@mutant("TYPE-04", protocol="events", subtle=True)
def the_one_who_stops_in_a_payload_wins(patch: Patch) -> None:
    """typing takes the user of the connection; stopTyping believes `senderId`."""

    async def handle(chat, user, payload, original):
        named = payload.get("senderId")
        user = (chat.users.by_id(named) if isinstance(named, str) else None) or user
        return await original(user, payload)

    patch.receiver("onStopTyping", handle)


@mutant("TYPE-05", protocol="both")
def typing_stores_a_message(patch: Patch) -> None:
    """Typing creates the message as a draft, and the history shows it."""

    async def typing(chat, typist, recipient, is_typing):
        await original(chat, typist, recipient, is_typing)
        if is_typing:
            await chat.store.add_message(typist.id, recipient.id, "…", None, "sent")

    original = patch(Chat, typing)


@mutant("TYPE-05", protocol="both", subtle=True)
def stop_typing_stores_the_draft(patch: Patch) -> None:
    """stopTyping stores the `text` of its payload as a message."""

    async def stop(chat, user, payload, original):
        answer = await original(user, payload)
        recipient = chat.user_with_id(payload["recipientId"])
        text = payload.get("text")
        draft = text if isinstance(text, str) and text else "(draft)"
        await chat.store.add_message(user.id, recipient.id, draft, None, "sent")
        return answer

    patch.receiver("onStopTyping", stop)
