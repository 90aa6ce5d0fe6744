"""The files of `r2c-server types`; whether they compile is seen in tests/typescript."""

from pathlib import Path

import pytest

from contract import load
from reference_server.errors import StartError
from reference_server.typescript import write
from tests.reference_server.extending import asyncapi

CONTRACT = load()


def test_three_files_are_written_to_a_folder_that_need_not_exist(tmp_path: Path) -> None:
    files = write(CONTRACT, tmp_path / "src" / "chat")
    assert sorted((tmp_path / "src" / "chat").iterdir()) == sorted(files)
    assert [file.name for file in files] == ["rest.ts", "events.ts", "socket.ts"]
    assert all(file.read_text().startswith("// Written by `r2c-server types`") for file in files)


def test_what_has_not_changed_is_not_touched(tmp_path: Path) -> None:
    before = {file: file.stat().st_ino for file in write(CONTRACT, tmp_path)}
    poke = {"action": "receive", "messages": [{"name": "poke", "payload": {}}]}
    write(load(asyncapi=asyncapi(tmp_path, {"onPoke": poke})), tmp_path)
    changed = [file.name for file, inode in before.items() if file.stat().st_ino != inode]
    assert changed == ["events.ts"]
    assert "poke: (payload: unknown) => void;" in (tmp_path / "events.ts").read_text()


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "socket.ts"
    mine.write_text("export const mine = 1;")
    with pytest.raises(StartError, match="was not written by this command"):
        write(CONTRACT, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["socket.ts"]
    assert mine.read_text() == "export const mine = 1;"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="Cannot write to") as refused:
        write(CONTRACT, tmp_path / "file" / "chat")
    assert "\n" not in str(refused.value)


def test_events_of_another_namespace_have_maps_of_their_own(tmp_path: Path) -> None:
    file = asyncapi(
        tmp_path, {"onPoke": {"action": "receive", "messages": [{"name": "poke", "payload": {}}]}}
    )
    text = file.read_text().replace("channels:\n", "channels:\n  rooms: {address: /my-rooms}\n", 1)
    file.write_text(
        text.replace(
            "$ref: '#/channels/chat'\n    action: receive\n    messages:\n    - name: poke",
            "$ref: '#/channels/rooms'\n    action: receive\n    messages:\n    - name: poke",
        )
    )
    write(load(asyncapi=file), tmp_path)
    events = (tmp_path / "events.ts").read_text()
    own = events.split("export interface MyRoomsClientToServerEvents")[1]
    assert "poke" in own
    assert "poke" not in events.split("export interface ServerToClientEvents")[0]
