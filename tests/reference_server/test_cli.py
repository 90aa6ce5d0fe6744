"""The command as a process: what it prints, how it ends, what it says when it cannot run."""

import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from reference_server.arguments import parse
from reference_server.cli import DEVELOPMENT_SECRET, main, secret_of
from reference_server.errors import StartError
from reference_server.loopback import is_loopback
from tests.reference_server.command import ROOT, START_PATIENCE, run_command


def test_it_announces_what_a_program_needs(start: Any) -> None:
    _, announced = start()
    assert set(announced) == {"url", "secret", "users", "friends"}
    assert announced["users"][0] == {
        "_id": "60d0fe4f5311236168a109ca",
        "userId": "R2C20251109001",
        "name": "Asha",
    }
    assert ["R2C20251109001", "R2C20251109002"] in announced["friends"]
    assert requests.get(announced["url"], timeout=5).status_code == 404


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_cleanly(start: Any, how: signal.Signals) -> None:
    process, announced = start()
    requests.get(f"{announced['url']}/socket.io/?EIO=4&transport=polling", timeout=5)
    begun = time.monotonic()
    process.send_signal(how)
    output, errors = process.communicate(timeout=START_PATIENCE)
    assert process.returncode == 0
    assert time.monotonic() - begun < 5
    assert errors == ""
    assert "Listening on" in output


def test_what_it_prints_works_when_pasted(start: Any) -> None:
    process, announced = start()
    time_limit = time.monotonic() + 5
    lines: list[str] = []
    while "Ctrl-C" not in "".join(lines) and time.monotonic() < time_limit:
        lines.append(process.stdout.readline())
    text = "".join(lines)
    # On a terminal of 60 columns nothing that people copy is wrapped or cut.
    tokens = [line.split()[-1] for line in lines if line.split()[-1:] and line.count(".") == 2]
    tokens = [token for token in tokens if token.startswith("ey")]
    assert len(tokens) == len(announced["users"])
    headers = {"Authorization": f"Bearer {tokens[1]}"}
    path = f"/api/messages/{announced['users'][0]['_id']}"
    assert requests.get(announced["url"] + path, headers=headers, timeout=5).status_code == 200
    for user in announced["users"]:
        assert user["_id"] in text
        assert user["userId"] in text
    curl = next(line for line in lines if line.startswith("curl "))
    answer = subprocess.run(
        ["/bin/sh", "-c", curl], capture_output=True, text=True, timeout=10, check=True
    )
    assert json.loads(answer.stdout)["data"]["text"] == "Hello!"
    assert f'io("{announced["url"]}", {{ query: {{ token: "{tokens[1]}" }} }})' in text
    assert requests.get(announced["url"] + "/docs/rest/", timeout=5).status_code == 200


def processor_time() -> float:
    """Seconds of processor time that ended children of this process have used.

    On a machine of its own a command takes no longer than that; on a busy one the clock on the
    wall says nothing about the command.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_help_is_there_within_a_third_of_a_second() -> None:
    before = processor_time()
    assert run_command("--help").returncode == 0
    assert processor_time() - before < 0.3


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_it_listens_within_a_second(start: Any) -> None:
    process, _ = start()
    used = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    assert sum(map(int, used)) / os.sysconf("SC_CLK_TCK") < 1


def test_it_starts_and_ends_within_a_second_or_so(start: Any) -> None:
    before = processor_time()
    process, _ = start()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=START_PATIENCE)
    assert processor_time() - before < 1.8


def wrong(tmp_path: Path) -> Iterator[tuple[list[str], str]]:
    users = tmp_path / "users.yaml"
    users.write_text("users: [5]")
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    free = socket.create_server(("127.0.0.1", 0))
    unreachable = free.getsockname()[1]
    free.close()
    yield ["--port", port], f"Cannot listen on 127.0.0.1 port {port}"
    yield ["--port", "70000"], "70000 is no port"
    yield ["--users", str(users)], "user 1"
    yield ["--users", str(tmp_path / "none")], "No such file"
    yield ["--state", str(tmp_path / "no" / "s.json")], "its folder does not exist; make it"
    yield ["--store", "http://x"], "--store"
    yield ["--port", "0", "--store", f"mongodb://127.0.0.1:{unreachable}"], "does not answer"
    yield ["--host", "0.0.0.0"], "--secret"
    yield ["--secret", "short"], "32 bytes"
    yield ["--secret", "\udcff" * 40], "UTF-8"
    yield ["--secret", "ssh-rsa " + "x" * 40], "public key"
    yield ["--host", "no.such.host.invalid", "--secret", "x" * 32], "Cannot listen"
    yield ["--port", "0", "--announce", str(tmp_path / "no" / "file")], "Cannot write"
    yield ["--nonsense"], "--nonsense"
    taken.close()


def test_whatever_is_wrong_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    for arguments, part in wrong(tmp_path):
        ended = run_command(*arguments)
        assert ended.returncode == 2, arguments
        assert part in ended.stderr
        assert ended.stderr.startswith("r2c-server: ")
        assert ended.stderr.count("\n") == 1, ended.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--allow-origin", "app.example"], "is no origin"),
        (["--openapi", "none.yaml"], "none.yaml: No such file"),
        (["--asyncapi", str(ROOT / "openapi" / "openapi.yaml")], "needs the field asyncapi"),
        (["--state", "s.json", "--store", "mongodb://127.0.0.1/x"], "kept in memory"),
        (["--workers", "2"], "needs --store and --bus"),
        (["--workers", "2", "--store", "mongodb://127.0.0.1/x"], "needs --store and --bus"),
        (["--workers", "0"], "0 is no number of processes"),
        (
            [
                *("--workers", "2", "--watch", "--store", "mongodb://127.0.0.1/x"),
                "--bus",
                "redis://x",
            ],
            "leave out --workers",
        ),
        (["types"], "--out"),
        (["types", "--out", "x", "--openapi", "none.yaml"], "none.yaml: No such file"),
        (["types", "--out", str(Path(__file__) / "x")], "Cannot write to"),
    ],
)
def test_what_is_wrong_before_a_start_is_one_sentence_and_status_2_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code  # type: ignore[assignment]
    told = capsys.readouterr().err
    assert status == 2
    assert told.startswith("r2c-server: ")
    assert part in told
    assert told.count("\n") == 1


def test_a_terminal_that_knows_ascii_alone_is_no_error(start: Any, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text('users: [{_id: "60d0fe4f5311236168a109ca", userId: A, name: "Åsa"}]', "utf-8")
    process, _ = start("--users", str(users), PYTHONIOENCODING="ascii")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=START_PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert "?sa" in output


def test_an_open_address_needs_a_secret_of_ones_own() -> None:
    for host in ("0.0.0.0", "192.168.1.5", "::", "chat.example"):
        options = parse(["--host", host])
        with pytest.raises(StartError):
            secret_of(options, None)
        with pytest.raises(StartError):
            secret_of(options, DEVELOPMENT_SECRET)
        assert secret_of(options, "y" * 32) == "y" * 32


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_on_loopback_the_development_secret_is_enough(host: str) -> None:
    assert is_loopback(host)
    assert secret_of(parse(["--host", host]), None) == DEVELOPMENT_SECRET


def test_an_argument_goes_before_the_variable() -> None:
    assert secret_of(parse(["--secret", "a" * 32]), "b" * 32) == "a" * 32


def test_a_secret_that_was_given_and_is_empty_is_refused() -> None:
    with pytest.raises(StartError, match="--secret is empty"):
        secret_of(parse(["--secret", ""]), None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], True),
        (["--host", "localhost"], True),
        (["--host", "::1"], True),
        (["--no-control"], False),
        (["--host", "0.0.0.0"], False),
        (["--host", "10.1.2.3"], False),
        (["--host", "0.0.0.0", "--control"], True),
    ],
)
def test_control_is_on_on_loopback_and_elsewhere_when_asked_for(
    arguments: list[str], expected: bool
) -> None:
    assert parse(arguments).control is expected


def test_control_and_mock_are_there_unless_they_are_not_wanted(start: Any, tmp_path: Path) -> None:
    process, announced = start()
    url, headers = announced["url"], {"Prefer": "code=418"}
    assert requests.get(f"{url}/_reference/state", timeout=5).status_code == 200
    process.send_signal(signal.SIGINT)
    assert f"Inspector {url}/_reference/" in process.communicate(timeout=10)[0]
    (tmp_path / "announced.json").unlink()
    process, announced = start("--no-control", "--no-mock")
    url, headers = announced["url"], headers | bearer(announced)
    assert requests.get(f"{url}/_reference/state", timeout=5).status_code == 404
    history = f"{url}/api/messages/{announced['users'][1]['_id']}"
    assert requests.get(history, headers=headers, timeout=5).status_code == 200
    process.send_signal(signal.SIGINT)
    assert "_reference" not in process.communicate(timeout=10)[0]


def bearer(announced: Any) -> dict[str, str]:
    claims = {"id": announced["users"][0]["_id"]}
    return {"Authorization": f"Bearer {jwt.encode(claims, announced['secret'], 'HS256')}"}
