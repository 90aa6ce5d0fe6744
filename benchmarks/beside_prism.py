"""What do the reference server and Prism's mock server answer, and how soon do they listen?

    python -m benchmarks.beside_prism [--starts 5] [--prism COMMAND]

Both get the same document. They are started in turn, then asked the same twelve requests in the
same order, then four that prefer an answer. Without `--prism` the script installs the version
named below with npm into a temporary folder; needs Node.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import requests

from benchmarks.servers import PATIENCE, SECRET, Server, ours, prism
from reference_server.clock import Clock
from reference_server.tokens import Tokens
from reference_server.users import load

ASHA, BEN, HIRO = (list(load())[number] for number in (0, 1, 7))
NOBODY = "60d0fe4f5311236168a1ffff"


@dataclass(frozen=True, slots=True)
class Question:
    """A request of Asha's, or of nobody."""

    what: str
    method: str
    path: str
    body: object = None
    prefer: str | None = None
    known: bool = True
    """Whether it carries a token."""


def twelve() -> tuple[Question, ...]:
    """What a frontend asks on its first day, in this order."""
    history, settings = f"/api/messages/{BEN.id}", f"/api/conversations/{BEN.id}/metadata"
    send, text = "/api/messages/send", {"recipientId": BEN.id, "text": "Hello, Ben"}
    return (
        Question("a history, without a token", "GET", history, known=False),
        Question("a history, before the first message", "GET", history),
        Question("a history, of an id that is none", "GET", "/api/messages/ben"),
        Question("a history, of nobody", "GET", f"/api/messages/{NOBODY}"),
        Question("a message", "POST", send, text),
        Question("the history, now", "GET", history),
        Question("a message without content", "POST", send, {"recipientId": BEN.id}),
        Question("a message to nobody", "POST", send, {"recipientId": NOBODY, "text": "Hello"}),
        Question(
            "a message, the other way",
            "POST",
            "/api/chat/send",
            {"to": BEN.public_id, "message": "Hi"},
        ),
        Question("one setting", "PUT", settings, {"isPinned": True}),
        Question("another setting", "PUT", settings, {"isFavorite": True}),
        Question("a setting of a wrong type", "PUT", settings, {"isPinned": "yes"}),
    )


def preferring() -> tuple[Question, ...]:
    """Requests that choose their answer."""
    return tuple(
        Question(f"Prefer: {prefer}", "GET", f"/api/messages/{HIRO.id}", prefer=prefer)
        for prefer in ("code=404", "example=conversation", "dynamic=true", "code=418")
    )


def asked(url: str, question: Question, token: str) -> str:
    """What a server answers, as one line."""
    headers = {"Authorization": f"Bearer {token}"} if question.known else {}
    if question.prefer:
        headers["Prefer"] = question.prefer
    answer = requests.request(
        question.method, url + question.path, json=question.body, headers=headers, timeout=PATIENCE
    )
    return f"{answer.status_code} {_gist(answer.text)}"


def _gist(body: str) -> str:
    """What a reader of a table wants to know of a body."""
    try:
        content = json.loads(body)
    except ValueError:
        return repr(body[:40])
    data = content.get("data", content)
    if isinstance(data, list):
        return f"{len(data)} messages" + (f", last: {data[-1].get('text')!r}" if data else "")
    if "text" in data:
        return f"text {data['text']!r}"
    if "isPinned" in data:
        return ", ".join(f"{name} {json.dumps(data[name])}" for name in ("isPinned", "isFavorite"))
    return str(data.get("message") or data.get("title") or data)[:70]


def compare(servers: Sequence[Server], starts: int, folder: Path) -> None:
    """Starts all in turn and prints figures, then asks each the same and prints the answers."""
    times: dict[str, list[float]] = {server.name: [] for server in servers}
    memory: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(starts):
        for server in servers:
            with server.running(folder / "log") as started:
                times[server.name].append(started.seconds)
                memory[server.name].append(started.memory)
    for name in times:
        fastest, usual, slowest = min(times[name]), median(times[name]), max(times[name])
        print(
            f"{name}: first answer after {usual:.2f} s ({fastest:.2f} to {slowest:.2f}), "
            f"{median(memory[name]):.0f} MB, {starts} starts in turn"
        )
    token = Tokens(SECRET, load(), Clock()).mint(ASHA)
    for server in servers:
        print(f"\n{server.name}")
        with server.running(folder / "log") as started:
            for number, question in enumerate((*twelve(), *preferring()), 1):
                print(f"{number:>3} {question.what:36} {asked(started.url, question, token)}")


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside_prism", description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--prism", metavar="COMMAND", help="Prism's command, if it is installed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="beside-prism-") as name:
        folder = Path(name)
        compare((ours(), prism(arguments.prism, folder)), arguments.starts, folder)


if __name__ == "__main__":
    main()
