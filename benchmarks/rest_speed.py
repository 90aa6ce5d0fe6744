"""How many requests a second does one process serve, with token, validation and storage?

    python -m benchmarks.rest_speed [--rounds 3] [--seconds 5] [--prism COMMAND]

`sendMessage`, and `listMessages` of a conversation of 20, under `wrk` with 16 connections: the
reference server without and with what it offers to frontends, the same job by hand in Tornado
handlers (`by_hand/rest.py`, the limit of this stack), Prism's mock of the document and the Express
example. In each round all are started in turn, on one core each time, with wrk on another. Prints
medians and the first one's ratio to each.
Prism keeps nothing and verifies no token, and its history is an example of two messages.
Needs Linux with two cores, `wrk` and Node.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import requests

from benchmarks.servers import PATIENCE, SECRET, Server, by_hand, express, ours, prism
from reference_server.clock import Clock
from reference_server.tokens import Tokens
from reference_server.users import load

CONNECTIONS = 16
LENGTH = 20
"""Messages of the history that is read."""
ASHA, BEN, HIRO = (list(load())[number] for number in (0, 1, 7))
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{body}]]
"""


def measured(server: Server, seconds: float, folder: Path) -> dict[str, float]:
    """Requests a second by operation. Ends the script where an answer is no success."""
    token = Tokens(SECRET, load(), Clock()).mint(ASHA)
    headers = {"Authorization": f"Bearer {token}"}
    script = folder / "send.lua"
    body = {"recipientId": HIRO.id, "text": "Are you coming to the rehearsal tonight?"}
    script.write_text(SCRIPT.format(body=json.dumps(body)))
    with server.on_core(0).running(folder / "log") as started:
        for _ in range(LENGTH):
            requests.post(
                f"{started.url}/api/messages/send",
                json=body | {"recipientId": BEN.id},
                headers=headers,
                timeout=PATIENCE,
            ).raise_for_status()
        return {
            "listMessages": _under_load(started.url + f"/api/messages/{BEN.id}", headers, seconds),
            "sendMessage": _under_load(
                started.url + "/api/messages/send", headers, seconds, script
            ),
        }


def _under_load(
    url: str, headers: dict[str, str], seconds: float, script: Path | None = None
) -> float:
    words = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    words += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    words += ["-s", str(script)] if script else []
    said = subprocess.run([*words, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{url}:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise SystemExit(f"wrk said:\n{said}")
    return float(found[1])


def compare(servers: Sequence[Server], rounds: int, seconds: float, folder: Path) -> None:
    """Measures all in turn, and prints the figures of each operation."""
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for server in servers:
            for operation, rate in measured(server, seconds, folder).items():
                figures.setdefault(operation, {}).setdefault(server.name, []).append(rate)
    first = servers[0].name
    for operation, rates in figures.items():
        print(f"\n{operation}, requests a second, {rounds} rounds of {seconds:g} s")
        for name, each in rates.items():
            ratio = median(one / other for one, other in zip(rates[first], each, strict=True))
            spread = f"{min(each):,.0f} to {max(each):,.0f}"
            print(f"  {name:16} {median(each):7,.0f}  ({spread})  the first is {ratio:.2f} of it")


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rest_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--prism", metavar="COMMAND", help="Prism's command, if it is installed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rest-speed-") as name:
        folder = Path(name)
        servers = (
            ours("--no-control", "--no-mock", name="r2c-server, bare"),
            ours(),
            by_hand(),
            prism(arguments.prism, folder),
            express(),
        )
        compare(servers, arguments.rounds, arguments.seconds, folder)


if __name__ == "__main__":
    main()
