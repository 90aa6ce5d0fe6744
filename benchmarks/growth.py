"""Does a conversation of 20 cost more when 100,000 other messages are stored?

    python -m benchmarks.growth [--others 100000] [--rounds 5]

Reads the conversation, and sends to it, in the store in memory, with none of the others and with
all of them, in turn; then reads a conversation that grows. Prints medians and ratios.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

from reference_server.store import Store

LENGTH = 20
CALLS = 300
"""Calls that are timed together."""
GROWING = (20, 200, 2_000, 20_000)
"""Lengths of a conversation."""
TEXT = "Are you coming to the rehearsal tonight?"


def person(number: int) -> str:
    """The id of one of as many people as one likes."""
    return f"{number:024x}"


async def filled(others: int) -> Store:
    """A store with one conversation of 20, between two people of whom it holds no more, and so
    many other messages in conversations of 100.
    """
    store = Store.embedded()
    for number in range(others):
        await store.add_message(person(2 + number // 100), person(1_000_000), TEXT, None, "sent")
    for _ in range(LENGTH):
        await store.add_message(person(0), person(1), TEXT, None, "sent")
    return store


async def timed(act: Callable[[], Awaitable[object]], calls: int) -> float:
    """Microseconds a call."""
    begun = time.perf_counter()
    for _ in range(calls):
        await act()
    return (time.perf_counter() - begun) / calls * 1e6


async def compare(others: int, rounds: int) -> None:
    """Prints what reading and sending cost in a store with none of the others and with all."""
    stores = {0: await filled(0), others: await filled(others)}
    reading: dict[int, list[float]] = {count: [] for count in stores}
    sending: dict[int, list[float]] = {count: [] for count in stores}
    receiver = 2_000_000
    for _ in range(rounds):
        for count, store in stores.items():
            receiver += 1
            reading[count].append(
                await timed(lambda s=store: s.messages_between(person(0), person(1)), CALLS)  # type: ignore[misc]
            )
            sending[count].append(
                await timed(
                    lambda s=store, r=receiver: s.add_message(  # type: ignore[misc]
                        person(0), person(r), TEXT, None, "sent"
                    ),
                    CALLS,
                )
            )
    for what, figures in (("read 20", reading), ("send 1", sending)):
        few, many = median(figures[0]), median(figures[others])
        print(
            f"{what}: {few:.0f} µs with no other message, {many:.0f} µs with {others:,}:"
            f" {many / few:.2f}"
        )


async def grow() -> None:
    """Prints what reading a message costs in conversations of several lengths."""
    for length in GROWING:
        store = Store.embedded()
        for _ in range(length):
            await store.add_message(person(0), person(1), TEXT, None, "sent")
        each = await timed(lambda s=store: s.messages_between(person(0), person(1)), 5) / length  # type: ignore[misc]
        print(f"a conversation of {length:,}: {each:.2f} µs a message")


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--others", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(compare(arguments.others, arguments.rounds))
    asyncio.run(grow())


if __name__ == "__main__":
    main()
