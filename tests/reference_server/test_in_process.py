import socket
from pathlib import Path

import pytest
import requests

import reference_server
from reference_server import running
from reference_server.errors import StartError


def test_what_is_exported_is_what_is_listed() -> None:
    assert reference_server.__all__ == ["RunningServer", "running"]
    assert all(hasattr(reference_server, name) for name in reference_server.__all__)


def test_a_server_runs_while_the_context_lasts() -> None:
    with running() as server:
        url = server.url
        asha = next(iter(server.users))
        headers = {"Authorization": f"Bearer {server.token(asha)}"}
        path = f"{url}/api/messages/{asha.id}"
        assert requests.get(path, headers=headers, timeout=5).json()["data"] == []
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_servers_run_beside_each_other_with_nothing_in_common() -> None:
    with running() as one, running() as other:
        assert one.url != other.url
        assert one.secret != other.secret


def test_users_secret_and_port_may_be_given(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("users: [{_id: 60d0fe4f5311236168a109ff, userId: X1, name: Xenia}]")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with running(users=users, secret="s" * 32, port=port) as server:
        assert [user.name for user in server.users] == ["Xenia"]
        assert server.secret == "s" * 32
        assert server.url.endswith(f":{port}")


def test_a_start_that_fails_is_told_and_leaves_nothing_behind() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(StartError, match="Cannot listen"),
        running(port=taken.getsockname()[1]),
    ):
        raise AssertionError("it must not start")
