"""Who is there: connections counted per user."""

from collections.abc import Iterator, Mapping
from datetime import datetime


class Presence:
    """The open connections of each user, and when those who left were last there."""

    def __init__(self) -> None:
        self._connections: dict[str, set[str]] = {}
        self._last_seen: dict[str, datetime] = {}

    def __iter__(self) -> Iterator[str]:
        """The users who have a connection."""
        return iter(list(self._connections))

    def join(self, user_id: str, connection: str) -> bool:
        """Count a connection in; True when it is the user's first."""
        connections = self._connections.setdefault(user_id, set())
        connections.add(connection)
        return len(connections) == 1

    def leave(self, user_id: str, connection: str, now: datetime) -> bool:
        """Count a connection out; True when it was the user's last."""
        connections = self._connections.get(user_id, set())
        if connection not in connections:
            return False
        connections.remove(connection)
        if connections:
            return False
        del self._connections[user_id]
        self._last_seen[user_id] = now
        return True

    def is_online(self, user_id: str) -> bool:
        """Whether the user has a connection."""
        return user_id in self._connections

    def lose(self, user_id: str, now: datetime) -> None:
        """Note when the user's last connection, wherever that was, has gone."""
        self._last_seen[user_id] = now

    def departures(self) -> Mapping[str, datetime]:
        """When each user who has left was last there."""
        return dict(self._last_seen)

    def set_departures(self, departures: Mapping[str, datetime]) -> None:
        """Remember these departures and no others."""
        self._last_seen = dict(departures)

    def last_seen(self, user_id: str) -> datetime | None:
        """When the user's last connection ended, None before the first one has."""
        return self._last_seen.get(user_id)
