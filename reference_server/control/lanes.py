"""The way of a user's events, one behind the other, with what a fault does to one of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reference_server.control.faults import Fault

log = logging.getLogger("reference_server.control")

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Passage:
    """What can become of one event."""

    proceed: Act
    """It arrives."""
    again: Act
    """It arrives once more."""
    disconnect: Act
    """The connection breaks."""
    fail: Callable[[int], Awaitable[None]]
    """It is answered with an error that has this status."""


class Lane:
    """Events of one sender, or to one recipient, in their order."""

    def __init__(self) -> None:
        self._last: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._held: Act | None = None
        self._release: asyncio.TimerHandle | None = None

    async def carry(self, passage: Passage, fault: Fault | None) -> None:
        """Bring one event on its way, behind those that are still under way.

        Returns once it has arrived, or at once where it has to wait.
        """
        delay = fault.delay if fault is not None and fault.kind == "delay" else 0.0
        if delay or self._busy:
            self._later(delay, lambda: self._pass(passage, fault))
        else:
            await self._pass(passage, fault)

    def close(self) -> None:
        """Let go of all that is under way; it does not arrive any more."""
        for task in self._under_way:
            task.cancel()
        if self._release is not None:
            self._release.cancel()
        self._last = self._held = self._release = None

    @property
    def _busy(self) -> bool:
        return self._last is not None and not self._last.done()

    def _later(self, delay: float, act: Act) -> None:
        before = self._last if self._busy else None

        async def wait() -> None:
            try:
                await asyncio.sleep(delay)  # counted from now, however long those before take
                if before is not None:
                    await asyncio.wait([before])
                await act()
            except Exception:
                log.exception("an event failed that a fault had held back")

        self._last = task = asyncio.create_task(wait())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _pass(self, passage: Passage, fault: Fault | None) -> None:
        match fault.kind if fault is not None else None:
            case "drop":
                return
            case "duplicate":
                await passage.proceed()
                await passage.again()
            case "disconnect":
                await passage.disconnect()
            case "error" if fault is not None:
                await passage.fail(fault.code)
            case "reorder" if fault is not None and self._held is None:
                self._held = passage.proceed
                self._release = asyncio.get_running_loop().call_later(
                    fault.delay, self._later, 0.0, self._let_go
                )
                return
            case _:
                await passage.proceed()
        await self._let_go()

    async def _let_go(self) -> None:
        """Bring what was put out of order on its way."""
        act, self._held = self._held, None
        if self._release is not None:
            self._release.cancel()
            self._release = None
        if act is not None:
            await act()
