"""Servers that are measured: commands that serve the same operations on a port of this machine."""

import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

PRISM = "@stoplight/prism-cli@5.14.2"
ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "openapi" / "openapi.yaml"
SECRET = "for-measurements-on-this-machine-alone"
PATIENCE = 60.0
"""Seconds a server may take to listen, or to answer."""
CHECK_EVERY = 0.01
"""Seconds between two looks at whether it listens."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    url: str
    seconds: float
    """Until it answered its first request."""
    process: "subprocess.Popen[bytes]"

    @property
    def memory(self) -> float:
        """Its resident memory now, in MB (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self.process.poll() is not None


@dataclass(frozen=True, slots=True)
class Server:
    """A command that serves the document on a port."""

    name: str
    command: tuple[str, ...]

    def on_core(self, core: int) -> "Server":
        """The same, on one core of the machine (Linux)."""
        return replace(self, command=("taskset", "-c", str(core), *self.command))

    @contextmanager
    def running(self, log: Path) -> Iterator["Running"]:
        """Runs it until the block ends; begins when it has answered its first request."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        begun = time.monotonic()
        with log.open("w") as output:
            process = subprocess.Popen(
                [word.replace("{port}", str(port)) for word in self.command],
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )
        try:
            _await_answer(process, url, log)
            yield Running(url, time.monotonic() - begun, process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            requests.get(f"{url}/api/messages/60d0fe4f5311236168a109cb", timeout=PATIENCE)
            return
        except requests.ConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    f"{shlex.join(process.args)} does not answer:\n{log.read_text()}"
                ) from None
        time.sleep(CHECK_EVERY)


def ours(*options: str, name: str = "r2c-server") -> Server:
    """The reference server."""
    command = Path(sys.executable).with_name("r2c-server")
    return Server(name, (str(command), "--port", "{port}", "--secret", SECRET, *options))


def prism(command: str | None, folder: Path) -> Server:
    """Prism's mock of the same document, which is installed into a folder where need be."""
    words = shlex.split(command) if command else [installed(folder)]
    return Server("Prism", (*words, "mock", "-p", "{port}", str(DOCUMENT)))


def by_hand() -> Server:
    """The two operations that are measured, in Tornado handlers."""
    return Server("by hand", (sys.executable, "-m", "benchmarks.by_hand.rest", "{port}", SECRET))


def by_hand_events(users: Path) -> Server:
    """The one event that is measured, on a Tornado WebSocket."""
    command = (sys.executable, "-m", "benchmarks.by_hand.events", "{port}", SECRET, str(users))
    return Server("by hand", command)


EXPRESS = """
import { readFileSync } from 'node:fs'
const { createBackend } = await import(process.env.BACKEND)
const people = JSON.parse(readFileSync(process.env.USERS, 'utf8'))
const { http } = createBackend({ people, secret: process.env.JWT_SECRET })
http.listen(Number(process.env.PORT), '127.0.0.1')
"""


def express(users: Path | None = None) -> Server:
    """The example in Node; `npm ci` has been run in its folder."""
    folder = ROOT / "examples" / "express"
    if not (folder / "node_modules").exists():
        raise SystemExit(f"{folder} needs `npm ci` first.")
    settings = (
        f"JWT_SECRET={SECRET}",
        "PORT={port}",
        f"BACKEND={folder / 'backend.js'}",
        f"USERS={users or folder / 'users.json'}",
    )
    return Server("Express", ("env", *settings, "node", "--input-type=module", "-e", EXPRESS))


def installed(folder: Path) -> str:
    """Prism's command, installed there."""
    print(f"installing {PRISM} with npm …", file=sys.stderr)
    subprocess.run(
        ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", PRISM],
        check=True,
    )
    return str(folder / "node_modules" / ".bin" / "prism")
