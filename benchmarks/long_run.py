"""Does one process take a million fuzzed events and 200,000 requests, and stay as it was?

    python -m benchmarks.long_run [--events 1000000] [--requests 200000] [--seed 1]

What the contract's generators draw, valid and broken, half of it aimed at users who exist, goes in
batches over 20 sockets and 4 HTTP connections to one reference server. After each batch the server
forgets what was stored (`/_reference/reset`), so that what its memory grows by is lost. Ends with
status 1 where an answer is a 5xx, an acknowledgement says that the server failed, a connection
ends, the process dies, or memory grows by more than 10 % after the first fifth. Needs Linux.
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import websocket

from benchmarks.servers import SECRET, ours
from conformance.fuzzing.generation import Generator, Plan
from conformance.fuzzing.stimulus import ABSENT
from contract import Contract, load
from reference_server import users
from reference_server.clock import Clock
from reference_server.errors import INTERNAL_ERROR
from reference_server.tokens import Tokens

SOCKETS, CONNECTIONS = 20, 4
BATCH = 10_000
"""Events and requests between two resets."""
ON_THE_WAY = 50
"""Events of one socket that have no acknowledgement yet."""
PATIENCE = 30.0
"""Seconds for an answer."""
GROWTH = 1.10
EXAMPLES = 300
"""What is drawn for each operation and event to be taken, and to be refused."""
_ID = re.compile(r"\b[0-9a-fA-F]{24}\b")


@dataclass
class Outcome:
    """What came of it."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MB after each batch."""

    @property
    def growth(self) -> float:
        """By what memory is larger at most than after the first fifth of all batches."""
        warm = self.memory[len(self.memory) // 5 :]
        return max(warm) / warm[0]


@dataclass(frozen=True, slots=True)
class Pool:
    """What is sent: packets, and requests as method, path, content type and body."""

    packets: Sequence[str]
    requests: Sequence[tuple[str, str, str | None, bytes | None]]


def pool(contract: Contract, chance: random.Random, examples: int) -> Pool:
    """Draws what is sent, so that sending costs little beside it."""
    generator, plan = Generator(contract), Plan(examples=examples, seed=chance.randrange(1 << 30))
    people = list(users.load(users.SEEDED))
    packets = [
        json.dumps([event.name, *([] if body is ABSENT else [body])])
        for event in contract.events.values()
        if event.action == "receive"
        for stimulus in generator.stimuli(event.operation_id, plan)
        if not isinstance(body := aimed(stimulus.body, people, chance), bytes)
    ]
    made = [
        (
            operation.method.upper(),
            operation.path.format(
                **{name: quote(aimed_id(value, people, chance), safe="")
                   for name, value in stimulus.path.items()}
            ),
            stimulus.content_type,
            encoded(aimed(stimulus.body, people, chance)),
        )
        for operation in contract.operations.values()
        for stimulus in generator.stimuli(operation.id, plan)
    ]  # fmt: skip
    return Pool(packets, made)


def aimed(body: Any, people: Sequence[Any], chance: random.Random) -> Any:
    """The body, every other one for a user who exists."""
    if not isinstance(body, dict) or chance.random() < 0.5:
        return body
    someone = chance.choice(people)
    named = {"recipientId": someone.id, "to": someone.public_id}
    return body | {name: value for name, value in named.items() if name in body}


def aimed_id(value: str, people: Sequence[Any], chance: random.Random) -> str:
    """The same for an id in a path."""
    return chance.choice(people).id if chance.random() < 0.5 else value


def encoded(body: Any) -> bytes | None:
    """A body as it goes over the wire."""
    if body is ABSENT or isinstance(body, bytes):
        return None if body is ABSENT else body
    return json.dumps(body).encode()


class Line:
    """One socket that is never without something on the way."""

    def __init__(self, url: str, token: str) -> None:
        address = f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        self.socket = websocket.create_connection(f"{address}&token={token}", timeout=PATIENCE)
        self.socket.send("40")

    def emit(self, packets: Iterator[str]) -> Counter[str]:
        """Sends all; counts how they are acknowledged."""
        answers: Counter[str] = Counter()
        waiting = 0
        for number, packet in enumerate(packets):
            self.socket.send(f"42{number}{packet}")
            waiting += 1
            while waiting >= ON_THE_WAY:
                waiting -= self._heard(answers)
        while waiting:
            waiting -= self._heard(answers)
        return answers

    def _heard(self, answers: Counter[str]) -> int:
        packet = str(self.socket.recv())
        if packet == "2":
            self.socket.send("3")
        if not packet.startswith("43"):
            return 0
        (body,) = json.loads(packet[packet.index("[") :])
        said = _ID.sub("…", str(body.get("message")))
        answers["acknowledged" if body.get("success") else said] += 1
        return 1


def drawn(from_: Sequence[Any], count: int, chance: random.Random) -> Iterator[Any]:
    """So many of them, at random."""
    return (chance.choice(from_) for _ in range(count))


def asked(url: str, token: str, wanted: Iterator[Any]) -> Counter[str]:
    """Sends all requests over one connection; counts the statuses."""
    answers: Counter[str] = Counter()
    with requests.Session() as session:
        for method, path, media, body in wanted:
            headers = {"Authorization": f"Bearer {token}"}
            headers |= {"Content-Type": media} if media else {}
            try:
                answer = session.request(
                    method, url + path, data=body, headers=headers, timeout=PATIENCE
                )
            except (UnicodeError, requests.exceptions.InvalidHeader):
                answers["not sent"] += 1  # what no client can write down
                continue
            answers[str(answer.status_code)] += 1
    return answers


def long_run(
    events: int, calls: int, seed: int, folder: Path, batch: int = BATCH, examples: int = EXAMPLES
) -> Outcome:
    """Runs it and says what came of it."""
    chance, outcome = random.Random(seed), Outcome()
    sent = pool(load(), chance, examples)
    directory = users.load(users.SEEDED)
    tokens = [Tokens(SECRET, directory, Clock()).mint(user) for user in directory]
    batches = max(1, (events + calls) // batch)
    with (
        ours("--no-mock").running(folder / "log") as server,
        ThreadPoolExecutor(SOCKETS + CONNECTIONS) as threads,
    ):
        lines = [Line(server.url, tokens[number % len(tokens)]) for number in range(SOCKETS)]
        for _ in range(batches):
            jobs = [
                threads.submit(each.emit, drawn(sent.packets, events // batches // SOCKETS, chance))
                for each in lines
            ] + [
                threads.submit(
                    asked,
                    server.url,
                    token,
                    drawn(sent.requests, calls // batches // CONNECTIONS, chance),
                )
                for token in tokens[:CONNECTIONS]
            ]
            try:
                for job in jobs:
                    outcome.answers += job.result()
            except (OSError, websocket.WebSocketException, ValueError) as error:
                outcome.wrong.append(f"a connection ended: {error!r}")
                break
            requests.post(f"{server.url}/_reference/reset", timeout=PATIENCE).raise_for_status()
            outcome.memory.append(server.memory)
        if server.ended:
            outcome.wrong.append(f"the server ended:\n{(folder / 'log').read_text()[-2000:]}")
    for said, times in outcome.answers.items():
        if said == INTERNAL_ERROR or said.startswith("5"):
            outcome.wrong.append(f"{times} answers: {said}")
    if outcome.memory and outcome.growth > GROWTH:
        outcome.wrong.append(f"memory grew to {outcome.growth:.2f} of what it was")
    return outcome


def main() -> None:
    """Runs it and prints the outcome."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_run", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="long-run-") as name:
        outcome = long_run(arguments.events, arguments.requests, arguments.seed, Path(name))
    print(f"{sum(outcome.answers.values()):,} answers in {time.monotonic() - begun:.0f} s")
    for said, times in outcome.answers.most_common():
        print(f"  {times:9,}  {said}")
    fifth = len(outcome.memory) // 5
    print(
        f"memory: {outcome.memory[0]:.0f} MB after the first batch, {outcome.memory[fifth]:.0f}"
        f" after a fifth, {outcome.memory[-1]:.0f} at the end; at most {outcome.growth:.2f} of"
        " that after a fifth"
    )
    if outcome.wrong:
        raise SystemExit("\n".join(outcome.wrong))


if __name__ == "__main__":
    main()
