import io
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from reference_server import RunningServer, welcome
from reference_server.errors import StartError
from reference_server.mocks import Mock, Mocks


def shown(server: Any, width: int) -> str:
    output = io.StringIO()
    welcome.show(server, Console(file=output, width=width, highlight=False))
    return output.getvalue()


@pytest.mark.parametrize("width", [20, 80, 300])
def test_tokens_and_commands_are_never_wrapped_or_cut(server: RunningServer, width: int) -> None:
    lines = shown(server.server, width).splitlines()
    tokens = [line.split()[-1] for line in lines if ".ey" in line and len(line.split()) < 4]
    assert len(tokens) == len(server.users)
    owners = [server.server.tokens.user_of(token).id for token in tokens]
    assert owners == [user.id for user in server.users]
    assert sum(line.startswith("curl ") and line.endswith("}'") for line in lines) == 1


def test_mocked_operations_are_named(server: RunningServer) -> None:
    real = server.server
    mocked: Any = SimpleNamespace(
        url=real.url,
        users=real.users,
        tokens=real.tokens,
        mocks=Mocks(
            (Mock("readProfile", "GET /api/profile", "its example"),),
            (Mock("onPoke", "poke", "made-up data"),),
        ),
        pages=real.pages,
    )
    text = shown(mocked, 80)
    assert "GET /api/profile (readProfile), answered with its example\n" in text
    assert "poke (onPoke), answered with made-up data\n" in text
    assert "Mock" not in shown(real, 80)


def test_only_its_owner_may_read_the_announcement(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "announced.json"
    welcome.announce(server.server, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["announced.json"]


def test_an_announcement_that_cannot_be_written_is_one_sentence(
    server: RunningServer, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match="Cannot write"):
        welcome.announce(server.server, tmp_path / "no" / "file")


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_an_announcement_replaces_nothing_but_a_regular_file(
    server: RunningServer, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
    before = path.lstat()
    with pytest.raises(StartError, match="is no regular file"):
        welcome.announce(server.server, path)
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert [file.name for file in tmp_path.iterdir()] == [kind]
