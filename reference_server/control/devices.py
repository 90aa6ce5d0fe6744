"""Virtual devices: connections of users that have no client."""

import asyncio
from collections.abc import Collection, Iterator

from reference_server.control.events import ControlledEvents, Device
from reference_server.errors import Conflict
from reference_server.users import Directory, User

USUAL_NAME = "device"


class Devices:
    """The virtual devices of all users, as they come and go."""

    def __init__(self, users: Directory, events: ControlledEvents) -> None:
        self._users = users
        self._events = events
        self._dropped: dict[tuple[str, str], asyncio.TimerHandle] = {}
        """Devices that are gone already, which the server has yet to notice."""
        self._leaving: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """User and name of each."""
        for user in self._users:
            yield from ((user.id, device.name) for device in self.of(user))

    def of(self, user: User) -> list[Device]:
        """Those of one user."""
        return [device for device in self._events.devices(user) if device.virtual]

    async def connect(self, user: User, name: str) -> None:
        """Connect one, or take back that it was dropped."""
        self._notice(user, name)
        await self._events.connect_device(user, name)

    async def leave(self, user: User, name: str | None) -> list[str]:
        """Let one say goodbye, or all of the user's; the names. Raises Conflict for none."""
        names = [device.name for device in self.of(user) if name in (None, device.name)]
        if not names:
            raise Conflict(f"{user.name} has no virtual device{f' {name}' if name else ''}.")
        for each in names:
            self._notice(user, each)
            await self._events.disconnect_device(user, each, "client disconnect")
        return names

    async def drop(self, user: User, name: str | None, unnoticed: float) -> list[str]:
        """Break one connection or all connections of the user, clients' too; the names.

        The server notices what becomes of virtual devices after `unnoticed` seconds. Raises
        Conflict for none.
        """
        devices = [device for device in self._events.devices(user) if name in (None, device.name)]
        if not devices:
            raise Conflict(f"{user.name} has no connection{f' {name}' if name else ''}.")
        self._events.cut(user, name)
        for device in devices:
            if device.virtual and unnoticed:
                self._notice(user, device.name)
                self._dropped[user.id, device.name] = asyncio.get_running_loop().call_later(
                    unnoticed, self._gone, user, device.name
                )
            elif device.virtual:
                await self._events.disconnect_device(user, device.name, "transport close")
        return [device.name for device in devices]

    async def become(self, wanted: Collection[tuple[str, str]]) -> None:
        """Let come and go whatever is needed for these, by user and name, to be all there are."""
        for user in self._users:
            for device in self.of(user):
                if (user.id, device.name) not in wanted:
                    await self.leave(user, device.name)
        for user_id, name in wanted:
            known = self._users.by_id(user_id)
            if known is not None:
                await self.connect(known, name)

    def close(self) -> None:
        """Wait for nothing any more."""
        for handle in self._dropped.values():
            handle.cancel()
        self._dropped.clear()

    def _notice(self, user: User, name: str) -> None:
        if handle := self._dropped.pop((user.id, name), None):
            handle.cancel()

    def _gone(self, user: User, name: str) -> None:
        async def leave() -> None:
            await self._events.disconnect_device(user, name, "ping timeout")

        self._dropped.pop((user.id, name), None)
        task = asyncio.get_running_loop().create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
