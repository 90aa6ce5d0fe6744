"""`--state`: what was said is there after a restart."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from reference_server.errors import StartError
from reference_server.state import StateFile
from reference_server.store import Store
from tests.reference_server.command import START_PATIENCE, Start, token

ASHA, BEN = "60d0fe4f5311236168a109ca", "60d0fe4f5311236168a109cb"
NOW = datetime(2026, 1, 2, 3, 4, 5)
Use = Callable[[Store], Awaitable[Any]]


def kept(path: Path, *uses: Use) -> tuple[list[Any], list[str]]:
    """Run each use with a store of its own that lives in the file; what they gave, and what was
    complained of.
    """
    complaints: list[str] = []

    async def run() -> list[Any]:
        given = []
        for use in uses:
            store = Store.embedded()
            state = StateFile(path, store.database, complaints.append)
            await state.open()
            given.append(await use(store))
            await state.close()
        return given

    return asyncio.run(run()), complaints


async def talk(store: Store) -> Any:
    await store.add_message(ASHA, BEN, "Grüße \u2028 💡", {"type": "image", "url": "u"}, "sent")
    await store.add_message(BEN, ASHA, "", None, "delivered")
    await store.mark_read(BEN, ASHA, NOW)
    await store.change_settings(ASHA, BEN, {"isPinned": True, "customRingtone": None})
    await store.change_settings(ASHA, BEN, {"isBlocked": True})
    return await told(store)


async def told(store: Store) -> Any:
    return (
        await store.messages_between(ASHA, BEN),
        await store.settings(ASHA, BEN),
        await store.settings(BEN, ASHA),
    )


def test_all_that_is_kept_is_there_again(tmp_path: Path) -> None:
    (before, after, later), complaints = kept(tmp_path / "state.json", talk, told, told)
    assert before == after == later
    assert len(before[0]) == 2
    assert complaints == []


def test_a_conversation_goes_on_where_it_was(tmp_path: Path) -> None:
    (_, after, later), _ = kept(tmp_path / "state.json", talk, talk, told)
    assert after == later
    assert len(after[0]) == 4
    assert len({message.conversation_id for message in after[0]}) == 1


def test_the_file_is_json_with_a_document_per_line_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept(path, talk)
    content = json.loads(path.read_text("utf-8"))
    assert content.keys() == {"format", "messages", "conversations", "settings"}
    assert content["messages"][0]["sender"] == {"$oid": ASHA}
    assert sum(line.startswith('{"_id"') for line in path.read_text("utf-8").splitlines()) == 4
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_is_in_the_file_soon_and_not_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    async def wait_for_it(store: Store) -> float:
        begun = time.monotonic()
        await store.add_message(ASHA, BEN, "soon", None, "sent")
        while "soon" not in path.read_text("utf-8"):
            assert time.monotonic() - begun < 10
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    kept(path, wait_for_it)


def test_many_changes_are_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    write = StateFile._write
    monkeypatch.setattr(StateFile, "_write", lambda it, text: (writes.append(1), write(it, text)))

    async def chatter(store: Store) -> None:
        for number in range(200):
            await store.add_message(ASHA, BEN, str(number), None, "sent")

    (_, after), _ = kept(tmp_path / "state.json", chatter, told)
    assert len(after[0]) == 200
    assert len(writes) <= 4


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "line 1, column 1 is not JSON"),
        ('{"format": 1,\n"messages": [}', "line 2, column 14 is not JSON"),
        ("[]", '"format": 1'),
        ('{"format": 2, "messages": []}', '"format": 1'),
        ('{"format": 1, "messages": {}}', '"messages" is no list'),
        ('{"format": 1, "messages": [5]}', "messages, entry 1 is no object"),
        ('{"format": 1, "messages": [{"_id": "x"}]}', "entry 1: _id is missing or of another"),
        ('{"format": 1, "messages": [{"_id": {"$oid": "x"}}]}', "a value in it is none"),
        ('{"format": 1, "messages": [], "conversations": [], "settings": [{}]}', "settings, entry"),
        ("[" * 100_000, "cannot be used"),
        (b"\xff", "byte 0 is not UTF-8"),
    ],
)
def test_a_broken_file_is_one_sentence_and_is_left_as_it_is(
    tmp_path: Path, content: str | bytes, part: str
) -> None:
    path = tmp_path / "state.json"
    written = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(written)
    with pytest.raises(StartError, match="mend it, or move it away") as refused:
        kept(path, told)
    assert part in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == written


def test_a_message_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept(path, talk)
    content = json.loads(path.read_text("utf-8"))
    content["messages"] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(StartError, match="messages, entry 3: its _id stands twice"):
        kept(path, told)


@pytest.mark.parametrize("kind", ["folder", "fifo", "no folder"])
def test_what_cannot_be_a_file_is_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = tmp_path / "no" / "file"
    with pytest.raises(StartError) as refused:
        kept(path, told)
    assert "state file" in str(refused.value)


def test_a_file_that_another_program_changed_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    async def meddle(store: Store) -> None:
        path.write_text("mine")
        for number in range(3):
            await store.add_message(ASHA, BEN, str(number), None, "sent")

    _, complaints = kept(path, meddle)
    assert path.read_text() == "mine"
    (complaint,) = complaints
    assert "changed by another program" in complaint


def test_a_file_that_was_removed_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    async def remove(store: Store) -> Any:
        path.unlink()
        return await talk(store)

    (before, after), complaints = kept(path, remove, told)
    assert before == after
    assert complaints == []


def test_a_disk_that_is_full_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    real = os.fsync

    async def fill(store: Store) -> Any:
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "Disk full")))
        for number in range(2):
            await store.add_message(ASHA, BEN, str(number), None, "sent")
            await asyncio.sleep(0.7)
        monkeypatch.setattr(os, "fsync", real)
        return await told(store)

    (before, after), complaints = kept(path, fill, told)
    assert before == after
    (complaint,) = complaints
    assert complaint.endswith("Disk full; what happens from now on is not kept.")
    assert list(tmp_path.iterdir()) == [path]


class Running:
    """The command with a state file."""

    def __init__(self, start: Start, path: Path) -> None:
        self.process, self.announced = start("--state", str(path))
        self.headers = {"Authorization": f"Bearer {token(self.announced)}"}

    def send(self, text: str) -> None:
        body = {"recipientId": BEN, "text": text}
        url = f"{self.announced['url']}/api/messages/send"
        answer = requests.post(url, json=body, headers=self.headers, timeout=5)
        assert answer.status_code == 201

    def texts(self) -> list[str]:
        url = f"{self.announced['url']}/api/messages/{BEN}"
        messages = requests.get(url, headers=self.headers, timeout=5).json()["data"]
        return [message["text"] for message in messages]

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        assert self.process.communicate(timeout=START_PATIENCE)[1] == ""


def test_a_server_that_is_stopped_or_killed_goes_on_where_it_was(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    first = Running(start, path)
    first.send("stopped")
    first.end(signal.SIGTERM)
    second = Running(start, path)
    assert second.texts() == ["stopped"]
    second.send("killed")
    deadline = time.monotonic() + START_PATIENCE
    while "killed" not in path.read_text("utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second.end(signal.SIGKILL)
    assert Running(start, path).texts() == ["stopped", "killed"]
