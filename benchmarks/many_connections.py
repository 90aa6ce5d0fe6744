"""What do 5,000 idle sockets cost one process, and how long does a storm of 1,000 take?

    python -m benchmarks.many_connections [--idle 5000] [--storm 1000] [--rest 15]

The reference server without and with what it offers to frontends, and the Express example, in turn.
The storm opens all sockets at once; then memory per idle socket, and the share of a core that the
process takes while nothing but pings passes. Needs Linux with two cores, Node, as many open files
as sockets (`ulimit -n`), and `npm ci` in `examples/express` and `tests/clients`.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.event_speed import WS_FROM, people
from benchmarks.servers import ROOT, SECRET, Server, express, ours
from reference_server.clock import Clock
from reference_server.tokens import Tokens
from reference_server.users import load

LOAD = ROOT / "benchmarks" / "connections_load.mjs"
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def sockets(url: str, players: list[dict[str, str]], count: int) -> Iterator[dict[str, float]]:
    """So many open sockets, and how long it took until the last one was connected."""
    generator = subprocess.Popen(
        ["taskset", "-c", "1", "node", LOAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "WS_FROM": str(WS_FROM)},
    )
    assert generator.stdin is not None
    assert generator.stdout is not None
    try:
        generator.stdin.write(json.dumps({"url": url, "players": players, "count": count}) + "\n")
        generator.stdin.flush()
        yield json.loads(generator.stdout.readline() or "null") or {}
    finally:
        generator.communicate(timeout=60)


def processor_seconds(pid: int) -> float:
    """What a process has taken of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(server: Server, arguments: Any, folder: Path) -> None:
    """Prints the figures of one server."""
    directory = load(folder / "users.yaml")
    tokens = Tokens(SECRET, directory, Clock())
    players = [{"token": tokens.mint(user)} for user in directory]
    with server.on_core(0).running(folder / "log") as started:
        pid = started.process.pid
        with sockets(started.url, players, arguments.storm) as storm:
            pass
        before = started.memory
        with sockets(started.url, players, arguments.idle):
            after, cpu = started.memory, processor_seconds(pid)
            time.sleep(arguments.rest)
            share = (processor_seconds(pid) - cpu) / arguments.rest
        print(
            f"{server.name}: {arguments.storm:,} sockets within {storm['seconds']:.2f} s (the"
            f" slowest {storm['slowest']:.2f} s); {arguments.idle:,} idle ones:"
            f" {(after - before) * 1024 / arguments.idle:.1f} KB each, {share:.1%} of a core"
        )


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_connections", description=__doc__
    )
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--storm", type=int, default=1000)
    parser.add_argument("--rest", type=float, default=15, help="seconds")
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="many-connections-") as name:
        folder = Path(name)
        (folder / "users.json").write_text(json.dumps(people()))
        (folder / "users.yaml").write_text(json.dumps({"users": people()}))
        users = ("--users", str(folder / "users.yaml"))
        for server in (
            ours("--no-control", "--no-mock", *users, name="r2c-server, bare"),
            ours(*users),
            express(folder / "users.json"),
        ):
            measured(server, arguments, folder)


if __name__ == "__main__":
    main()
