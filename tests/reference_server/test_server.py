"""A server that cannot start leaves nothing open."""

import asyncio

import pytest

from contract import load
from reference_server import users
from reference_server.bus import Bus
from reference_server.errors import StartError
from reference_server.server import Server
from reference_server.store import Store
from reference_server.tokens import Tokens
from tests import services


def test_what_was_begun_is_ended_where_a_later_part_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    store, closed = Store.embedded(), []

    async def close() -> None:
        closed.append("store")

    monkeypatch.setattr(store, "close", close)

    async def attempt() -> set[str]:
        directory = users.load(users.SEEDED)
        tokens = Tokens("s" * 32, directory, store.clock)
        bus = Bus(f"redis://127.0.0.1:{services.free_port()}/0")
        server = Server(load(), directory, tokens, store, bus=bus)
        with pytest.raises(StartError, match="The Redis server of --bus does not answer"):
            await server.start()
        return {str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run(attempt()) == set()
    assert closed == ["store"]
