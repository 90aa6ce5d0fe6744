"""Several hosts on one machine: network namespaces on a bridge (Linux, as root).

A hub holds the bridge and what all share; each host has a link to it, and so has the machine, from
where the tests reach all of them. Addresses are of the range for tests of devices (RFC 2544).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

IP_PATIENCE = 10  # seconds for one change


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with an address of its own."""

    name: str
    address: str

    @property
    def within(self) -> Sequence[str]:
        """What stands before a command that is to run on this host."""
        return ("ip", "netns", "exec", self.name)

    def link(self, state: str) -> None:
        """Sets its only link `up` or `down`."""
        _ip("-n", self.name, "link", "set", "eth0", state)


class NotAllowed(Exception):
    """Namespaces cannot be made here, and why."""


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """The hub and so many hosts, until the block ends. Raises NotAllowed where none can be made."""
    number = os.getpid() % 250 + 1
    network = f"198.18.{number}"
    made = [Host(f"r2c{number}-{each}", f"{network}.{each + 1}") for each in range(count + 1)]
    hub = made[0]
    with ExitStack() as cleared:
        for each in made:
            _make(each, cleared)
        _ip("-n", hub.name, "link", "add", "br0", "type", "bridge")
        _ip("-n", hub.name, "address", "add", f"{hub.address}/24", "dev", "br0")
        _ip("-n", hub.name, "link", "set", "br0", "up")
        for port, each in enumerate(made[1:], 1):
            # Both ends go with their namespaces.
            peer = ("peer", "name", f"port{port}", "netns", hub.name)
            _ip("link", "add", "eth0", "netns", each.name, "type", "veth", *peer)
            _join(hub, f"port{port}")
            _ip("-n", each.name, "address", "add", f"{each.address}/24", "dev", "eth0")
            each.link("up")
        mine = f"r2c{number}"
        peer = ("peer", "name", "machine", "netns", hub.name)
        _ip("link", "add", mine, "type", "veth", *peer)
        _join(hub, "machine")
        _ip("address", "add", f"{network}.250/24", "dev", mine)
        _ip("link", "set", mine, "up")
        yield made


def _make(host: Host, cleared: ExitStack) -> None:
    if shutil.which("ip") is None:
        raise NotAllowed("ip is not on the PATH")
    try:
        _ip("netns", "add", host.name)
    except subprocess.CalledProcessError as error:
        raise NotAllowed(error.stderr.strip()) from error
    cleared.callback(_ip, "netns", "delete", host.name)
    _ip("-n", host.name, "link", "set", "lo", "up")


def _join(hub: Host, port: str) -> None:
    _ip("-n", hub.name, "link", "set", port, "master", "br0")
    _ip("-n", hub.name, "link", "set", port, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(
        ["ip", *arguments], check=True, capture_output=True, text=True, timeout=IP_PATIENCE
    )
