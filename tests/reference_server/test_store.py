"""The store in memory and on a server that speaks MongoDB's protocol keep the same promises."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from reference_server.errors import StartError
from reference_server.store import Store, conversation_id, settings_id, storable
from tests import services

ASHA, BEN, CHITRA = (f"60d0fe4f5311236168a109c{digit}" for digit in "abc")

Scenario = Callable[[Store], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


@pytest.fixture(scope="module")
def mongodb() -> Iterator[str]:
    """The address of a SecantusDB that runs while this module's tests do."""
    with services.mongodb() as address:
        yield address


@pytest.fixture(params=["embedded", pytest.param("mongodb", marks=pytest.mark.needs("secantus"))])
def play(request: pytest.FixtureRequest) -> Play:
    """Run a scenario on an empty store of either kind."""

    def run(scenario: Scenario) -> None:
        async def on_a_store() -> None:
            if request.param == "embedded":
                store = Store.embedded()
            else:
                name = f"test_{time.time_ns()}"
                store = Store.mongodb(request.getfixturevalue("mongodb").format(name))
            await store.open()
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(on_a_store())

    return run


def test_messages_stand_in_the_order_they_were_added_and_with_their_pair_only(play: Play) -> None:
    async def scenario(store: Store) -> None:
        added = [
            await store.add_message(ASHA, BEN, "one", None, "sent"),
            await store.add_message(BEN, ASHA, "", {"type": "image", "url": "u"}, "delivered"),
            await store.add_message(ASHA, BEN, "three 👩‍👩‍👧", None, "sent"),
        ]
        await store.add_message(ASHA, CHITRA, "elsewhere", None, "sent")
        found = await store.messages_between(BEN, ASHA)
        assert [each.id for each in found] == [each.id for each in added]
        assert [each.text for each in found] == ["one", "", "three 👩‍👩‍👧"]
        assert found[1].attachment == {"type": "image", "url": "u"}
        assert {each.conversation_id for each in found} == {str(conversation_id(ASHA, BEN))}
        assert found[0].created_at.replace(tzinfo=None) == added[0].created_at.replace(tzinfo=None)
        assert await store.messages_between(BEN, CHITRA) == []

    play(scenario)


def test_reading_sets_only_what_the_reader_received(play: Play) -> None:
    async def scenario(store: Store) -> None:
        await store.add_message(ASHA, BEN, "to Ben", None, "sent")
        await store.add_message(BEN, ASHA, "to Asha", None, "sent")
        await store.add_message(ASHA, CHITRA, "to Chitra", None, "sent")
        await store.mark_read(BEN, ASHA, store.clock.now())
        statuses = [each.status for each in await store.messages_between(ASHA, BEN)]
        assert statuses == ["read", "sent"]
        assert [each.status for each in await store.messages_between(ASHA, CHITRA)] == ["sent"]

    play(scenario)


def test_settings_are_one_entry_per_owner_and_change_field_by_field(play: Play) -> None:
    async def scenario(store: Store) -> None:
        fresh = await store.settings(ASHA, BEN)
        assert (fresh.is_pinned, fresh.is_blocked, fresh.custom_ringtone) == (False, False, None)
        changed = await store.change_settings(ASHA, BEN, {"isPinned": True, "customRingtone": "t"})
        assert (changed.is_pinned, changed.is_favorite, changed.custom_ringtone) == (
            True,
            False,
            "t",
        )
        again = await store.change_settings(ASHA, BEN, {"customRingtone": None, "isBlocked": True})
        assert (again.is_pinned, again.is_blocked, again.custom_ringtone) == (True, True, None)
        assert again == await store.settings(ASHA, BEN)
        assert again == await store.change_settings(ASHA, BEN, {})
        assert fresh.id == changed.id == again.id
        assert not (await store.settings(BEN, ASHA)).is_blocked
        assert not (await store.settings(ASHA, CHITRA)).is_blocked

    play(scenario)


def test_parallel_first_changes_leave_one_entry_with_all_of_them(play: Play) -> None:
    async def scenario(store: Store) -> None:
        changes: list[dict[str, bool]] = [{"isPinned": True}, {"isBlocked": True}] * 5
        changes.append({"isFavorite": True})
        answers = await asyncio.gather(
            *(store.change_settings(ASHA, BEN, change) for change in changes)
        )
        assert {answer.id for answer in answers} == {str(settings_id(ASHA, BEN))}
        settled = await store.settings(ASHA, BEN)
        assert settled.is_pinned and settled.is_blocked and settled.is_favorite

    play(scenario)


def test_parallel_first_messages_are_all_kept_in_one_conversation(play: Play) -> None:
    async def scenario(store: Store) -> None:
        pairs = [(ASHA, BEN), (BEN, ASHA)] * 10
        added = await asyncio.gather(
            *(store.add_message(*pair, str(n), None, "sent") for n, pair in enumerate(pairs))
        )
        assert len({each.id for each in added}) == len(pairs)
        assert len({each.conversation_id for each in added}) == 1
        assert {each.id for each in await store.messages_between(ASHA, BEN)} == {
            each.id for each in added
        }

    play(scenario)


@pytest.mark.needs("secantus")
def test_a_mongodb_store_creates_its_indexes_and_holds_one_conversation_per_pair(
    mongodb: str,
) -> None:
    async def fill() -> None:
        store = Store.mongodb(mongodb.format("indexes"))
        await store.open()
        await store.add_message(ASHA, BEN, "hello", None, "sent")
        await store.close()

    asyncio.run(fill())
    asyncio.run(fill())  # as another process would
    with MongoClient[dict[str, Any]](mongodb.format("indexes")) as client:
        database = client["indexes"]
        assert database["conversations"].count_documents({}) == 1
        assert database["messages"].count_documents({}) == 2
        unique = database["conversations"].index_information()["pair_1"]
        assert unique["unique"]
        assert "conversationId_1_createdAt_1" in database["messages"].index_information()


def test_finding_costs_the_same_however_much_else_is_stored() -> None:
    async def cost(store: Store, rounds: int = 60) -> float:
        """The least time that reading and adding took: what disturbs a machine only adds."""
        times = []
        for _ in range(rounds):
            begun = time.perf_counter()
            await store.messages_between(ASHA, BEN)
            await store.settings(ASHA, BEN)
            await store.change_settings(ASHA, CHITRA, {"isPinned": True})
            await store.add_message(BEN, CHITRA, "x", None, "sent")
            times.append(time.perf_counter() - begun)
        return min(times)

    async def scenario() -> None:
        store = Store.embedded()
        for _ in range(20):
            await store.add_message(ASHA, BEN, "hello", None, "sent")
        before = await cost(store)
        for number in range(20_000):
            await store.add_message(ASHA, f"{number // 20:024x}", "hello", None, "sent")
            if number % 20 == 0:
                await store.change_settings(ASHA, f"{number:024x}", {"isBlocked": True})
        assert await cost(store) < before * 1.5

    asyncio.run(scenario())


def test_an_unreachable_server_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference_server.store.PATIENCE_MS", 200)
    store = Store.mongodb(f"mongodb://127.0.0.1:{services.free_port()}/x")
    with pytest.raises(StartError, match="does not answer"):
        asyncio.run(store.open())


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1", "mongodb://:secret@", "nonsense", "mongodb://a:b"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(StartError) as refused:
        Store.mongodb(address)
    assert address not in str(refused.value)


def test_lone_surrogates_cannot_be_stored() -> None:
    assert storable("👩‍👩‍👧\x00")
    assert not storable("\ud800")


def test_conversations_are_counted_and_all_settings_told(play: Play) -> None:
    async def scenario(store: Store) -> None:
        assert (await store.conversations(), await store.all_settings()) == ([], [])
        for sender, recipient in ((ASHA, BEN), (BEN, ASHA), (ASHA, CHITRA)):
            await store.add_message(sender, recipient, "x", None, "sent")
        await store.change_settings(BEN, ASHA, {"isBlocked": True})
        counted = {frozenset(each.users): each.messages for each in await store.conversations()}
        assert counted == {frozenset((ASHA, BEN)): 2, frozenset((ASHA, CHITRA)): 1}
        (settings,) = await store.all_settings()
        assert settings == await store.settings(BEN, ASHA)

    play(scenario)


def test_what_was_kept_can_be_put_back() -> None:
    async def scenario() -> None:
        store = Store.embedded()
        first = await store.add_message(ASHA, BEN, "first", None, "sent")
        await store.change_settings(BEN, ASHA, {"isBlocked": True})
        kept = store.kept()
        await store.add_message(ASHA, BEN, "second", None, "sent")
        await store.mark_read(BEN, ASHA, store.clock.now())
        await store.change_settings(BEN, ASHA, {"isBlocked": False})
        for _ in range(2):  # what was put back is not what is changed then
            store.put(kept)
            assert [each.text for each in await store.messages_between(ASHA, BEN)] == ["first"]
            assert (await store.messages_between(ASHA, BEN))[0].status == "sent"
            assert (await store.settings(BEN, ASHA)).is_blocked
            third = await store.add_message(BEN, ASHA, "third", None, "sent")
            assert third.conversation_id == first.conversation_id
        store.put({})
        assert await store.messages_between(ASHA, BEN) == []
        assert await store.conversations() == []
        await store.add_message(ASHA, BEN, "anew", None, "sent")
        assert len(await store.conversations()) == 1

    asyncio.run(scenario())
