"""The command `r2c-server`: exit statuses, start and end of the process."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reference_server.arguments import (
    SECRET_VARIABLE,
    WRONG_USAGE,
    Options,
    PlayOptions,
    TypesOptions,
    parse,
    parse_play,
    parse_types,
)
from reference_server.errors import StartError
from reference_server.loopback import is_loopback

if TYPE_CHECKING:
    from contract import Contract
    from reference_server.bus import Bus
    from reference_server.server import Server
    from reference_server.workers import Worker

# What the help needs is imported above, what a server needs where it is started: the help is there
# at once.

ENDED = 0
DEVELOPMENT_SECRET = "r2c-reference-server-development-secret"  # noqa: S105  # loopback only


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted. Returns the exit status: 0 after a clean end, 2 when it cannot run.

    `types` instead writes the contract as TypeScript, `play` runs a scenario on a server that runs
    already.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows ASCII alone shows a question mark, not a traceback.
        sys.stdout.reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["types"]:
            return _types(parse_types(given[1:]))
        if given[:1] == ["play"]:
            return _play(parse_play(given[1:]))
        options = parse(given)
        secret = secret_of(options, os.environ.get(SECRET_VARIABLE))
        return _run(options, secret)
    except StartError as error:
        _complain(str(error))
        return WRONG_USAGE
    except KeyboardInterrupt:  # before the server was ready to end by itself
        return ENDED


def secret_of(options: Options, variable: str | None) -> str:
    """The key that signs tokens. Raises StartError on an open address without one's own, and for
    one that was given and is empty, as a variable that is not set makes it.
    """
    secret = options.secret if options.secret is not None else variable or DEVELOPMENT_SECRET
    if not secret:
        raise StartError("--secret is empty; give one, or leave it out for the development secret.")
    if secret == DEVELOPMENT_SECRET and not is_loopback(options.host):
        raise StartError(
            f"On {options.host} others can reach the server, so it needs a secret of your own:"
            f" give --secret or set {SECRET_VARIABLE}."
        )
    return secret


def _types(options: TypesOptions) -> int:
    from contract import DocumentError, load
    from reference_server import typescript

    try:
        contract = load(openapi=options.openapi, asyncapi=options.asyncapi)
    except DocumentError as error:
        raise StartError(str(error)) from error
    files = typescript.write(contract, options.out)
    _say(f"{', '.join(file.name for file in files)} stand in {options.out}.")
    return ENDED


def _play(options: PlayOptions) -> int:
    from reference_server.scenarios.play import play

    return play(options.file, options.url)


def _run(options: Options, secret: str) -> int:
    from contract.generation import keep_tables
    from reference_server import users
    from reference_server.clock import Clock
    from reference_server.limits import RateLimit
    from reference_server.origins import Origins
    from reference_server.tokens import Tokens

    keep_tables()
    if options.state and options.store:
        raise StartError("--state is for what is kept in memory; with --store MongoDB keeps it.")
    if options.bus and not options.store:
        raise StartError("--bus is for several processes, and needs a --store that they share.")
    if options.bus and options.control:
        raise StartError("--control acts on one process alone; leave it out, or leave out --bus.")
    if options.workers > 1 and not (options.store and options.bus):
        raise StartError(
            "--workers is for processes that share all they keep, and needs --store and --bus."
        )
    if options.workers > 1 and options.watch:
        raise StartError("--watch follows the documents in one process; leave out --workers.")
    origins = Origins.of(options.allow_origin)
    limit = RateLimit.of(options.rate_limit) if options.rate_limit is not None else None
    directory = users.load(options.users or users.SEEDED)
    clock = Clock()
    tokens = Tokens(secret, directory, clock)

    import asyncio
    import functools
    import logging

    from contract import DocumentError, load
    from reference_server.server import server_class
    from reference_server.store import Store

    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    read = functools.partial(load, openapi=options.openapi, asyncapi=options.asyncapi)
    try:
        contract = read()
    except DocumentError as error:
        raise StartError(str(error)) from error

    async def serve(worker: "Worker | None" = None, options: Options = options) -> None:
        store = Store.mongodb(options.store, clock) if options.store else Store.embedded(clock)
        server = server_class(control=options.control)(
            contract,
            directory,
            tokens,
            store,
            mock=options.mock,
            origins=origins,
            limit=limit,
            **_shared(options, worker),
        )
        if options.state is None:
            await _serve(server, read, options, worker)
            return
        from reference_server.state import StateFile

        state = StateFile(options.state, store.database, _complain)
        await state.open()
        try:
            await _serve(server, read, options)
        finally:
            await state.close()

    if options.workers == 1:
        asyncio.run(serve())
        return ENDED
    from reference_server import workers
    from reference_server.server import listen

    workers.check()
    port = workers.reserved(lambda: listen(options.host, options.port))
    workers.run(
        options.workers,
        lambda worker: asyncio.run(serve(worker, replace(options, port=port))),
        _complain,
    )
    return ENDED


def _shared(options: Options, worker: "Worker | None") -> dict[str, Any]:
    """What a server has in common with others, for those that may have something in common."""
    shared = {"bus": _bus(options.bus)} if options.bus else {}
    return shared | ({"handover": worker.handover} if worker else {})


def _bus(url: str) -> "Bus":
    try:
        from reference_server.bus import Bus
    except ImportError as error:
        raise StartError(
            "--bus needs a package more: pip install 'redis>=8,<9', or the extra `bus`."
        ) from error
    return Bus(url)


async def _serve(
    server: "Server",
    read: "Callable[[], Contract]",
    options: Options,
    worker: "Worker | None" = None,
) -> None:
    import asyncio
    import signal

    from reference_server import watching, welcome

    interrupted = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, interrupted.set)
    await server.start(options.host, options.port)
    watch = (
        asyncio.create_task(watching.watch(server, read, _say, _complain))
        if options.watch
        else None
    )
    try:
        if worker is None or await worker.speaks(interrupted.set):
            if options.announce is not None:
                welcome.announce(server, options.announce)
            welcome.show(server)
            if worker is not None:
                worker.has_spoken()
        await interrupted.wait()
    finally:
        if watch is not None:
            watch.cancel()
        await server.stop()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"r2c-server: {line}\n")
