"""Mutants of what only comes about when many users do many things in some order (ALL-06)."""

from reference_server.chat import Chat
from reference_server.events import EventRouter
from reference_server.store import Store
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant

MESSAGE = "receiveMessage"


@mutant("ALL-06", protocol="both", subtle=True)
def an_answer_after_reading_is_not_delivered(patch: Patch) -> None:
    """Whoever has just read the history is taken to be up to date: the next event is left out."""
    fresh = set()

    async def history(chat, reader, other):
        fresh.add((reader.id, other.id))
        return await original(chat, reader, other)

    def audience(chat, message):
        told = audiences(chat, message)
        for reader, other in list(fresh):
            if (message.recipient_id, message.sender_id) == (reader, other):
                fresh.discard((reader, other))
                told = told - {reader}
        return told

    original = patch(Chat, history)
    audiences = patch(Chat, audience)


@mutant("ALL-06", protocol="both", subtle=True)
def leaving_deletes_what_is_unread(patch: Patch) -> None:
    """When a user goes offline, the messages nobody has read yet are thrown away."""
    unread = {}
    deleted = set()

    async def left(chat, user, connection):
        await original(chat, user, connection)
        deleted.update(unread.pop(user.id, ()))

    async def add_message(store, sender, recipient, text, attachment, status):
        message = await add(store, sender, recipient, text, attachment, status)
        unread.setdefault(recipient, set()).add(message.id)
        return message

    async def messages_between(store, one, other):
        found = [m for m in await between(store, one, other) if m.id not in deleted]
        unread.get(one, set()).difference_update(m.id for m in found)
        return found

    original = patch(Chat, left)
    add = patch(Store, add_message)
    between = patch(Store, messages_between)


@mutant("ALL-06", protocol="both", subtle=True)
def a_sender_remembers_an_old_socket(patch: Patch) -> None:
    """Where a recipient was is kept for each sender, and found out anew only when that has failed:
    the first message after the recipient came again, with the other device gone, is lost.
    """
    here = {}  # sids of each user
    known = {}

    async def _opened(router, sid):
        here.setdefault(router._users[sid].id, set()).add(sid)
        await opened(router, sid)

    async def _disconnect(router, sid, reason):
        if sid in router._users:
            here[router._users[sid].id].discard(sid)
        await disconnect(router, sid, reason)

    def audience(chat, message):
        told = audiences(chat, message)
        pair = message.sender_id, message.recipient_id
        now = set(here.get(message.recipient_id, ()))
        before, known[pair] = known.get(pair) or now, now
        return told if before & now else told - {message.recipient_id}

    opened = patch(EventRouter, _opened)
    disconnect = patch(EventRouter, _disconnect)
    audiences = patch(Chat, audience)


@mutant("ALL-06", protocol="both", subtle=True)
def an_unblock_loses_the_last_message(patch: Patch) -> None:
    """When a block is taken back, the last message of the conversation is gone."""
    dropped = set()
    last = {}

    async def add_message(store, *message):
        added = await add(store, *message)
        last[frozenset((added.sender_id, added.recipient_id))] = added.id
        return added

    async def change_settings(store, owner, other, changes):
        was = (await store.settings(owner, other)).is_blocked
        settings = await change(store, owner, other, changes)
        if was and not settings.is_blocked:
            dropped.add(last.get(frozenset((owner, other))))
        return settings

    async def messages_between(store, one, other):
        return [m for m in await between(store, one, other) if m.id not in dropped]

    add = patch(Store, add_message)
    change = patch(Store, change_settings)
    between = patch(Store, messages_between)


@mutant("ALL-06", protocol="events", subtle=True)
def the_second_goodbye_silences_those_who_stay(patch: Patch) -> None:
    """When a second device of a user leaves, none that is still there gets anything any more."""
    goodbyes = {}
    silent = set()

    async def left(chat, user, connection):
        await leaves(chat, user, connection)
        goodbyes[user.id] = goodbyes.get(user.id, 0) + 1
        if goodbyes[user.id] == 2:
            silent.add(user.id)
        if not chat.presence.is_online(user.id):
            goodbyes[user.id] = 0
            silent.discard(user.id)

    async def joined(chat, user, connection):
        await joins(chat, user, connection)
        goodbyes[user.id] = 0
        silent.discard(user.id)

    def audience(chat, message):
        return audiences(chat, message) - silent

    leaves = patch(Chat, left)
    joins = patch(Chat, joined)
    audiences = patch(Chat, audience)


@mutant("TYPE-01", protocol="events", subtle=True)
def typing_sticks_after_a_reconnect(patch: Patch) -> None:
    """Who types is kept by user, and told only when it changes; leaving does not change it."""
    typists = set()

    async def typing(chat, typist, recipient, is_typing):
        pair = typist.id, recipient.id
        if is_typing == (pair in typists):
            return
        (typists.add if is_typing else typists.discard)(pair)
        await original(chat, typist, recipient, is_typing)

    original = patch(Chat, typing)


@mutant("ALL-06", protocol="events", subtle=True)
def who_comes_next_hears_for_who_left_last(patch: Patch) -> None:
    """A socket takes the place of the one that closed before it, and its subscriptions too."""
    vacant = []

    async def _disconnect(router, sid, reason):
        user = router._users.get(sid)
        await disconnect(router, sid, reason)
        if user is not None and not any(user == other for other in router._users.values()):
            vacant[:] = [user]

    async def _opened(router, sid):
        if vacant:
            user = vacant.pop()
            if user != router._users[sid]:
                await router._sockets.enter_room(sid, f"user:{user.id}")
        await opened(router, sid)

    disconnect = patch(EventRouter, _disconnect)
    opened = patch(EventRouter, _opened)


@mutant("ALL-06", protocol="events", subtle=True)
def coming_back_brings_the_last_message_again(patch: Patch) -> None:
    """Who opens a second device gets the last message again that was not read, on all devices."""
    last = {}

    async def send(chat, sender, recipient, text, attachment):
        shown = await sends(chat, sender, recipient, text, attachment)
        last[recipient.id] = shown
        return shown

    async def history(chat, reader, other):
        last.pop(reader.id, None)
        return await reads(chat, reader, other)

    async def joined(chat, user, connection):
        was_there = chat.presence.is_online(user.id)
        await joins(chat, user, connection)
        if was_there and (shown := last.pop(user.id, None)) is not None:
            await chat.announcer.announce(MESSAGE, shown, {user.id})

    sends = patch(Chat, send)
    reads = patch(Chat, history)
    joins = patch(Chat, joined)


@mutant("ALL-06", protocol="events", subtle=True)
def who_types_gets_no_confirmation(patch: Patch) -> None:
    """While somebody types to a user, what goes to that user is not confirmed."""
    typists = set()

    async def typing(chat, typist, recipient, is_typing):
        (typists.add if is_typing else typists.discard)((typist.id, recipient.id))
        await types(chat, typist, recipient, is_typing)

    def audience(chat, message):
        told = audiences(chat, message)
        typed = (message.sender_id, message.recipient_id) in typists
        return told - {message.sender_id} if typed else told

    types = patch(Chat, typing)
    audiences = patch(Chat, audience)


@mutant("ALL-06", protocol="events", subtle=True)
def the_third_device_is_told_twice(patch: Patch) -> None:
    """Who opens a third device beside two others is subscribed with it twice."""
    here = {}  # sids of each user, in the order in which they came

    async def _opened(router, sid):
        here.setdefault(router._users[sid].id, []).append(sid)
        await opened(router, sid)

    async def _disconnect(router, sid, reason):
        if sid in router._users:
            here[router._users[sid].id].remove(sid)
        await disconnect(router, sid, reason)

    async def announce(router, event, payload, user_ids):
        await announces(router, event, payload, user_ids)
        for user_id in user_ids if event == MESSAGE else ():
            for sid in here.get(user_id, ())[2:]:
                await router._sockets.emit(event, payload, room=sid, namespace="/")

    opened = patch(EventRouter, _opened)
    disconnect = patch(EventRouter, _disconnect)
    announces = patch(EventRouter, announce)
