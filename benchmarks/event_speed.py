"""How many messages a second does one process bring from `sendMessage` to `receiveMessage`?

    python -m benchmarks.event_speed [--rounds 3] [--seconds 4]

A lone pair with one message at a time (the round trip), one pair with 64 at a time, and fifty pairs
with four each, over WebSocket, and the first and the last over polling, from one load generator
(`events_load.mjs`): the reference server without and with what it offers to frontends, the same
frames by hand on a bare Tornado WebSocket (`by_hand/events.py`, the limit of this stack, which does
not poll), and the Express example. In each round all are started in turn, on one core each time,
with the generator on another. A message counts when its recipient has it. Needs Linux with two
cores and Node, and `npm ci` in `examples/express` and `tests/clients`.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.servers import ROOT, SECRET, Server, by_hand_events, express, ours
from reference_server.clock import Clock
from reference_server.tokens import Tokens
from reference_server.users import load

USERS = 100
LOAD = ROOT / "benchmarks" / "events_load.mjs"
WS_FROM = ROOT / "tests" / "clients" / "package.json"


@dataclass(frozen=True, slots=True)
class Load:
    """So many pairs, each with so many messages on the way."""

    name: str
    pairs: int
    in_flight: int
    transport: str = "websocket"


LOADS = (
    Load("a lone pair, one at a time", 1, 1),
    Load("a lone pair, 64 at a time", 1, 64),
    Load("50 pairs, 4 at a time", 50, 4),
    Load("a lone pair that polls, one at a time", 1, 1, "polling"),
    Load("50 pairs that poll, 4 at a time", 50, 4, "polling"),
)
WITHOUT_POLLING = {"by hand"}


def people() -> list[dict[str, Any]]:
    """Users without friends, so that nothing but messages is told."""
    return [
        {
            "_id": f"60d0fe4f5311236168a1{number:04x}",
            "userId": f"R2C20251109{number:03d}",
            "name": f"User {number}",
            "friends": [],
        }
        for number in range(USERS)
    ]


def measured(server: Server, seconds: float, folder: Path) -> dict[str, dict[str, float]]:
    """Per load: messages a second, and milliseconds until the recipient has a message."""
    directory = list(load(folder / "users.yaml"))
    tokens = Tokens(SECRET, load(folder / "users.yaml"), Clock())
    figures = {}
    with server.on_core(0).running(folder / "log") as started:
        players = [{"id": user.id, "token": tokens.mint(user)} for user in directory]
        for each in LOADS:
            if each.transport == "polling" and server.name in WITHOUT_POLLING:
                continue
            plan = {
                "url": started.url,
                "pairs": [players[2 * n : 2 * n + 2] for n in range(each.pairs)],
                "seconds": seconds,
                "inFlight": each.in_flight,
                "transport": each.transport,
            }
            said = subprocess.run(
                ["taskset", "-c", "1", "node", LOAD],
                input=json.dumps(plan),
                capture_output=True,
                text=True,
                env={**os.environ, "WS_FROM": str(WS_FROM)},
            )
            if said.returncode:
                raise SystemExit(f"{server.name}, {each.name}:\n{said.stderr}")
            figures[each.name] = json.loads(said.stdout)
    return figures


def compare(servers: Sequence[Server], rounds: int, seconds: float, folder: Path) -> None:
    """Measures all in turn, and prints the figures of each load."""
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for _ in range(rounds):
        for server in servers:
            for name, figures in measured(server, seconds, folder).items():
                rows.setdefault(name, {}).setdefault(server.name, []).append(figures)
    for name, each in rows.items():
        print(f"\n{name}, {rounds} rounds of {seconds:g} s")
        first = [figures["rate"] for figures in each[servers[0].name]]
        for server in [server for server in servers if server.name in each]:
            figures = each[server.name]
            rates = [one["rate"] for one in figures]
            ratio = median(ours / other for ours, other in zip(first, rates, strict=True))
            waits = ", ".join(
                f"{point} {median(one[point] for one in figures):.2f} ms"
                for point in ("p50", "p99")
            )
            spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
            print(
                f"  {server.name:16} {median(rates):7,.0f}/s  ({spread}; {waits})"
                f"  the first is {ratio:.2f} of it"
            )


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="event-speed-") as name:
        folder = Path(name)
        (folder / "users.json").write_text(json.dumps(people()))
        (folder / "users.yaml").write_text(json.dumps({"users": people()}))
        users = ("--users", str(folder / "users.yaml"))
        servers = (
            ours("--no-control", "--no-mock", *users, name="r2c-server, bare"),
            ours(*users),
            by_hand_events(folder / "users.json"),
            express(folder / "users.json"),
        )
        compare(servers, arguments.rounds, arguments.seconds, folder)


if __name__ == "__main__":
    main()
