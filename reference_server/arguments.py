"""The arguments of the command `r2c-server`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from reference_server.loopback import is_loopback

WRONG_USAGE = 2
"""The exit status where arguments are wrong."""
SECRET_VARIABLE = "R2C_SECRET"  # noqa: S105
MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of the command."""

    host: str
    port: int
    secret: str | None
    store: str | None
    bus: str | None
    workers: int
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
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="so many processes at one address, which behave as one; more than one need --store and"
        " --bus (%(default)s)",
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
        " refused, requests with 429; each process counts for itself (without it: no limit)",
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


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; a port is a number up to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(
            f"{text} is no number of processes; that is one from 1 to {MOST_WORKERS}"
        )
    return int(text)
