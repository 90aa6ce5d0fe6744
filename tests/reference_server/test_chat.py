"""The rules of the chat, without a network: what is kept, and who hears of it."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reference_server.chat import Chat, Json, show_time
from reference_server.errors import Forbidden, Invalid, NotFound
from reference_server.presence import Presence
from reference_server.store import Store
from reference_server.users import load

USERS = load()
ASHA, BEN, CHITRA, DIEGO, *_ = USERS


@dataclass
class Told:
    """Takes the place of sockets: remembers who was told what."""

    events: list[tuple[str, Json, set[str]]] = field(default_factory=list)

    async def announce(self, event: str, payload: Json, user_ids: Collection[str]) -> None:
        self.events.append((event, payload, set(user_ids)))

    def take(self) -> list[tuple[str, Json, set[str]]]:
        taken, self.events = self.events, []
        return taken


def play(scenario: Callable[[Chat, Told], Coroutine[Any, Any, None]]) -> None:
    told = Told()
    asyncio.run(scenario(Chat(USERS, Store.embedded(), told, Presence()), told))


def test_a_message_is_kept_shown_and_told_to_both() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        sent = await chat.send(ASHA, BEN, "hello", {"type": "image", "url": "u", "size": 3})
        assert sent["sender"] == {"_id": ASHA.id, "name": "Asha"}
        assert sent["recipient"] == {"_id": BEN.id, "name": "Ben"}
        assert (sent["text"], sent["status"]) == ("hello", "sent")
        assert sent["attachment"] == {"type": "image", "url": "u"}
        assert told.take() == [("receiveMessage", sent, {ASHA.id, BEN.id})]
        assert await chat.history(ASHA, BEN) == [sent]

    play(scenario)


def test_a_message_to_someone_who_is_there_is_delivered_and_reading_makes_it_read() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.joined(BEN, "phone")
        assert (await chat.send(ASHA, BEN, "hello", None))["status"] == "delivered"
        assert [each["status"] for each in await chat.history(ASHA, BEN)] == ["delivered"]
        assert [each["status"] for each in await chat.history(BEN, ASHA)] == ["read"]
        assert [each["status"] for each in await chat.history(ASHA, BEN)] == ["read"]

    play(scenario)


def test_reading_twice_shows_the_same() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.send(ASHA, BEN, "hello", None)
        assert await chat.history(BEN, ASHA) == await chat.history(BEN, ASHA)

    play(scenario)


def test_a_message_to_oneself_is_told_to_nobody_else() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.send(ASHA, BEN, "hello", None)
        told.take()
        note = await chat.send(ASHA, ASHA, "milk", None)
        assert [users for _, _, users in told.take()] == [{ASHA.id}]
        assert [each["_id"] for each in await chat.history(ASHA, ASHA)] == [note["_id"]]

    play(scenario)


def test_a_blocked_sender_is_refused_and_nothing_is_kept_or_told() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.change_settings(BEN, ASHA, {"isBlocked": True})
        with pytest.raises(Forbidden):
            await chat.send(ASHA, BEN, "hello", None)
        with pytest.raises(Forbidden):
            await chat.typing(ASHA, BEN, True)
        assert told.take() == []
        assert await chat.history(ASHA, BEN) == []
        await chat.send(BEN, ASHA, "the blocker may write", None)
        await chat.change_settings(BEN, ASHA, {"isBlocked": False})
        await chat.send(ASHA, BEN, "and so may I again", None)
        assert len(await chat.history(ASHA, BEN)) == 2

    play(scenario)


def test_typing_is_told_to_the_recipient_alone() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.typing(ASHA, BEN, True)
        await chat.typing(ASHA, BEN, False)
        assert told.take() == [
            ("typingStatus", {"senderId": ASHA.id, "isTyping": True}, {BEN.id}),
            ("typingStatus", {"senderId": ASHA.id, "isTyping": False}, {BEN.id}),
        ]

    play(scenario)


def test_friends_hear_of_a_users_first_and_last_connection_only() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        await chat.joined(ASHA, "phone")
        await chat.joined(ASHA, "laptop")
        await chat.left(ASHA, "phone")
        await chat.left(ASHA, "laptop")
        (came, online, first), (went, offline, last) = told.take()
        assert came == went == "userStatus"
        assert first == last == set(ASHA.friends)
        assert online == {"userId": ASHA.id, "isOnline": True, "lastSeen": None}
        assert offline["isOnline"] is False
        seen = datetime.fromisoformat(offline["lastSeen"])
        assert abs(datetime.now(UTC) - seen) < timedelta(seconds=5)

    play(scenario)


def test_settings_ignore_what_the_contract_does_not_name() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        shown = await chat.change_settings(ASHA, BEN, {"isPinned": True, "userId": DIEGO.id})
        assert shown["userId"] == ASHA.id
        assert shown["otherUserId"] == BEN.id
        assert shown["isPinned"] is True

    play(scenario)


def test_text_that_is_no_unicode_is_refused() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        with pytest.raises(Invalid):
            await chat.send(ASHA, BEN, "\ud800", None)
        with pytest.raises(Invalid):
            await chat.send(ASHA, BEN, None, {"type": "file", "url": "\udfff"})
        with pytest.raises(Invalid):
            await chat.change_settings(ASHA, BEN, {"customRingtone": "\ud800"})
        assert told.take() == []

    play(scenario)


def test_who_does_not_exist_is_not_found() -> None:
    async def scenario(chat: Chat, told: Told) -> None:
        with pytest.raises(NotFound):
            chat.user_with_id("60d0fe4f5311236168a10999")
        with pytest.raises(NotFound):
            chat.user_with_public_id(ASHA.id)

    play(scenario)


def test_times_are_shown_in_utc_with_milliseconds() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    time = datetime(2025, 11, 9, 23, 1, 14, 204_000, tzinfo=there)
    assert show_time(time) == "2025-11-09T17:31:14.204Z"
    assert show_time(datetime(2025, 11, 9, 17, 31, 14)) == "2025-11-09T17:31:14.000Z"
