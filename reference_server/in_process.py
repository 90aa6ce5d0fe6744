"""A server for tests: in a thread of this process, on a free port."""

import asyncio
import secrets
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_server.server import Server
    from reference_server.users import Directory, User

START_PATIENCE = 30.0  # seconds
STOP_PATIENCE = 10.0  # seconds


class RunningServer:
    """A server that listens, as those who call it see it."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.url = server.url
        self.secret = server.tokens.secret
        self.users: Directory = server.users

    def token(self, user: "User") -> str:
        """A valid token of the user."""
        return self.server.tokens.mint(user)


@contextmanager
def running(
    *,
    users: Path | None = None,
    secret: str | None = None,
    port: int = 0,
    store: str | None = None,
    openapi: Path | None = None,
    asyncapi: Path | None = None,
    allow_origins: Collection[str] = (),
    mock: bool = True,
    control: bool = False,
) -> Iterator[RunningServer]:
    """Run a reference server while the context lasts.

    `users` is a file of users, `secret` a key of one's own, `store` the address of a MongoDB
    server; without them it has the seeded users, a random key, and keeps everything in memory.
    `openapi` and `asyncapi` take the place of the documents that ship with the project, and pages
    of `allow_origins` that of those of this machine. `mock` lets requests choose their answers by
    the header Prefer, `control` adds the control interface.
    Raises StartError or contract.DocumentError, one sentence, when it cannot start.
    """
    from contract import load
    from reference_server import users as fixture
    from reference_server.clock import Clock
    from reference_server.origins import Origins
    from reference_server.server import server_class
    from reference_server.store import Store
    from reference_server.tokens import Tokens

    directory = fixture.load(users or fixture.SEEDED)
    clock = Clock()
    tokens = Tokens(secret or secrets.token_hex(32), directory, clock)
    contract = load(openapi=openapi, asyncapi=asyncapi)
    origins = Origins.of(allow_origins)
    outcome: list[RunningServer | BaseException] = []
    listening, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        try:
            kept = Store.mongodb(store, clock) if store else Store.embedded(clock)
            server = server_class(control=control)(
                contract, directory, tokens, kept, mock=mock, origins=origins
            )
            await server.start(port=port)
            outcome.append(RunningServer(server))
        except BaseException as error:
            outcome.append(error)
            return
        finally:
            listening.set()
        await ended.wait()
        await server.stop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="reference server", daemon=True)
    thread.start()
    if not listening.wait(START_PATIENCE):
        raise TimeoutError(f"the reference server did not start within {START_PATIENCE:g} s")
    started = outcome[0]
    if isinstance(started, BaseException):
        thread.join(STOP_PATIENCE)
        raise started
    try:
        yield started
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(STOP_PATIENCE)
