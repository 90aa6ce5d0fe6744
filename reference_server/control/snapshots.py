"""Snapshots: messages, settings, devices, when users were last there, and the clock, by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reference_server.clock import Clock, Hands
from reference_server.control.devices import Devices
from reference_server.errors import Conflict, NotFound
from reference_server.presence import Presence
from reference_server.store import Kept, Store

MOST_SNAPSHOTS = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a server at one time."""

    name: str
    taken: datetime
    """By the server's clock."""
    kept: Kept
    last_seen: Mapping[str, datetime]
    """By user."""
    devices: tuple[tuple[str, str], ...]
    """User and name of each virtual device."""
    hands: Hands


class Snapshots:
    """Takes and restores them. Clients' connections stay as they are; faults too."""

    def __init__(self, store: Store, presence: Presence, devices: Devices, clock: Clock) -> None:
        self._store = store
        self._presence = presence
        self._devices = devices
        self._clock = clock
        self._taken: dict[str, Snapshot] = {}

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(self._taken.values())

    def take(self, name: str) -> Snapshot:
        """Take a snapshot; one of the same name is replaced. Raises Conflict."""
        if name not in self._taken and len(self._taken) >= MOST_SNAPSHOTS:
            raise Conflict(f"There are {MOST_SNAPSHOTS} snapshots already; forget one of them.")
        snapshot = Snapshot(
            name=name,
            taken=self._clock.now(),
            kept=self._store.kept(),
            last_seen=self._presence.departures(),
            devices=tuple(self._devices),
            hands=self._clock.hands,
        )
        self._taken[name] = snapshot
        return snapshot

    async def restore(self, name: str) -> Snapshot:
        """Make the state what it was. Friends hear of devices that come and go by it.

        Raises NotFound, Conflict.
        """
        snapshot = self._named(name)
        self._store.put(snapshot.kept)
        self._clock.hands = snapshot.hands
        await self._devices.become(snapshot.devices)
        self._presence.set_departures(snapshot.last_seen)
        return snapshot

    def forget(self, name: str) -> None:
        """Forget a snapshot. Raises NotFound."""
        self._named(name)
        del self._taken[name]

    def _named(self, name: str) -> Snapshot:
        if name not in self._taken:
            known = f"there is: {', '.join(self._taken)}" if self._taken else "none was taken"
            raise NotFound(f"There is no snapshot {name}; {known}.")
        return self._taken[name]
