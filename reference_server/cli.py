"""The command `r2c-server`: arguments, exit statuses, start and end of the process."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from reference_server.errors import StartError
from reference_server.loopback import is_loopback

if TYPE_CHECKING:
    from contract import Contract
    from reference_server.bus import Bus
    from reference_server.server import Server

# What the help needs is imported above, what a server needs where it is started: the help is there
# at once.

ENDED, WRONG_USAGE = 0, 2
DEVELOPMENT_SECRET = "r2c-reference-server-development-secret"  # noqa: S105  # loopback only
SECRET_VARIABLE = "R2C_SECRET"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of the command."""

    host: str
    port: int
    secret: str | None
    store: str | None
    bus: str | None
    users: Path | None
    log_level: str
    announce: Path | None
    openapi: Path | None
    asyncapi: Path | None
    watch: bool
    state: Path | None
    allow_origin: list[str]
    rate_limit: str | None
    mock: bool
    control: bool


@dataclass(frozen=True, slots=True)
class TypesOptions:
    """The arguments of `r2c-server types`."""

    out: Path
    openapi: Path | None
    asyncapi: Path | None


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """The arguments of `r2c-server play`."""

    file: str | None
    url: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"r2c-server: {message}; see r2c-server --help.\n")


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options of a command line. Leaves the process with status 2 where they are wrong."""
    parser = _Parser(
        prog="r2c-server",
        description="Run a chat backend that keeps the whole contract.",
        epilog="Without options it listens on http://127.0.0.1:5000 and keeps all in memory."
        " `r2c-server types` writes the contract as TypeScript, `r2c-server play` runs a scenario"
        " on a running server; each has a --help of its own.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=5000, help="port; 0 takes any free one (%(default)s)"
    )
    parser.add_argument(
        "--secret",
        metavar="TEXT",
        help=f"key that signs tokens, 32 bytes at least; also taken from {SECRET_VARIABLE},"
        " where other users of the machine do not see it; needed on any address but loopback",
    )
    parser.add_argument(
        "--store", metavar="URL", help="MongoDB server, such as mongodb://127.0.0.1:27017/r2c"
    )
    parser.add_argument(
        "--bus",
        metavar="URL",
        help="Redis server, such as redis://127.0.0.1:6379/0, over which several processes with one"
        " --store behave as one; needs the extra `bus`",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="keep messages and settings in FILE, so that they are there after a restart",
    )
    parser.add_argument("--users", type=Path, metavar="FILE", help="YAML file of one's own users")
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="how much to tell on standard error (%(default)s)",
    )
    parser.add_argument(
        "--announce",
        type=Path,
        metavar="FILE",
        help="write address, secret, users and friends to FILE (JSON) once the server listens",
    )
    _add_documents(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="go by the documents anew when they change; connections and messages stay",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin call, such as https://app.example, instead of those of this"
        " machine; may be repeated, and * means every page",
    )
    parser.add_argument(
        "--rate-limit",
        metavar="RATE",
        help="requests and events that each user may send, such as 20/s or 300/min; others are"
        " refused, requests with 429 (without it: no limit)",
    )
    parser.add_argument(
        "--no-mock",
        dest="mock",
        action="store_false",
        help="ignore what requests ask for by the header Prefer",
    )
    parser.add_argument(
        "--control",
        action=argparse.BooleanOptionalAction,
        help="serve the control interface at /_reference/; on loopback, without --bus, it is on"
        " anyway",
    )
    options = parser.parse_args(arguments)
    if options.control is None:
        options.control = is_loopback(options.host) and options.bus is None
    return Options(**vars(options))


def parse_play(arguments: Sequence[str]) -> PlayOptions:
    """What follows `r2c-server play`. Leaves the process with status 2 where it is wrong."""
    parser = _Parser(
        prog="r2c-server play",
        description="Run a scenario on a running server and tell each step.",
        epilog="Ctrl-C stops it. The status is 0 where it finished, 1 where it did not.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="scenario in YAML or JSON, or the name of one that ships; without it these are listed",
    )
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:5000",
        metavar="URL",
        help="where the server listens (%(default)s)",
    )
    return PlayOptions(**vars(parser.parse_args(arguments)))


def _add_documents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--openapi",
        type=Path,
        metavar="FILE",
        help="your own copy of the OpenAPI document",
    )
    parser.add_argument(
        "--asyncapi", type=Path, metavar="FILE", help="the same for the AsyncAPI document"
    )


def parse_types(arguments: Sequence[str]) -> TypesOptions:
    """What follows `r2c-server types`. Leaves the process with status 2 where it is wrong."""
    parser = _Parser(
        prog="r2c-server types",
        description="Write the contract as TypeScript: rest.ts, events.ts and socket.ts.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder for the files"
    )
    _add_documents(parser)
    return TypesOptions(**vars(parser.parse_args(arguments)))


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


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; a port is a number up to 65535")
    return int(text)


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

    async def serve() -> None:
        store = Store.mongodb(options.store, clock) if options.store else Store.embedded(clock)
        server = server_class(control=options.control)(
            contract,
            directory,
            tokens,
            store,
            mock=options.mock,
            origins=origins,
            limit=limit,
            **({"bus": _bus(options.bus)} if options.bus else {}),
        )
        if options.state is None:
            await _serve(server, read, options)
            return
        from reference_server.state import StateFile

        state = StateFile(options.state, store.database, _complain)
        await state.open()
        try:
            await _serve(server, read, options)
        finally:
            await state.close()

    asyncio.run(serve())
    return ENDED


def _bus(url: str) -> "Bus":
    try:
        from reference_server.bus import Bus
    except ImportError as error:
        raise StartError(
            "--bus needs a package more: pip install 'redis>=8,<9', or the extra `bus`."
        ) from error
    return Bus(url)


async def _serve(server: "Server", read: "Callable[[], Contract]", options: Options) -> None:
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
        if options.announce is not None:
            welcome.announce(server, options.announce)
        welcome.show(server)
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
