"""The command `load`, against servers that keep the contract and servers that do not."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.cli import load as command
from conformance.cli.main import main
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Connection
from contract import Contract, load
from tests.mutants.broken_server import running
from tests.mutants.messages import deliveries
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import Apply, Mutant
from tests.reference_server.command import starting

ROOT = Path(__file__).parents[3]
LONGEST = 120.0
"""Seconds that a run may take."""


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


def breaks_now_and_then(patch: Patch) -> None:
    """Every seventh message reaches nobody, the one before it everybody, and every ninth history
    lacks its envelope."""
    seen = {"messages": 0, "now": "", "histories": 0}

    def audience(message: Any, user_ids: Any) -> Any:
        seen["messages"] += message["_id"] != seen["now"]
        seen["now"] = message["_id"]
        return {0: (), 6: None}.get(seen["messages"] % 7, user_ids)

    async def around(request: Any, proceed: Any) -> Any:
        answer = await proceed(request)
        seen["histories"] += request.operation == "listMessages"
        if request.operation == "listMessages" and seen["histories"] % 9 == 0:
            return Answer.of(200, {"messages": []})
        return answer

    deliveries(patch, audience)
    patch.wire(around)


def broken(apply: Apply | None) -> Mutant | None:
    if apply is None:
        return None
    return Mutant(apply.__name__, "MSG-01", None, "both", False, str(apply.__doc__), apply)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "conformance", "load", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", folder: Path) -> tuple[int, dict[str, Any], str]:
    printed, complained = process.communicate(timeout=LONGEST)
    assert "Traceback" not in complained
    file = folder / "r2c-load.json"
    report = json.loads(file.read_text()) if file.exists() else {}
    return process.returncode, report, printed + complained


def loaded(
    contract: Contract, folder: Path, apply: Apply | None, *arguments: str
) -> tuple[int, dict[str, Any], str]:
    with running(broken(apply), contract, folder) as server:
        (folder / "target.toml").write_text(tomli_w.dumps(server.target))
        return ended(start(folder, "--run-time", "2s", *arguments), folder)


def test_a_server_that_keeps_the_contract_breaks_nothing(
    contract: Contract, tmp_path: Path
) -> None:
    status, report, printed = loaded(contract, tmp_path, None, "--users", "12")
    assert (status, report["violations"]) == (0, []), printed
    assert "no violation" in printed
    assert report["seconds"] > 1.5, "the run time is the time under load"
    kinds = {each["kind"] for each in report["measured"] if each["count"] > 0}
    assert kinds == {"GET", "POST", "PUT", "emit", "event", "socket"}
    assert all(each["failures"] == 0 for each in report["measured"])
    assert report["counts"]["messages judged"] > report["counts"].get("messages unjudged", 0)
    assert "eyJ" not in json.dumps(report) + printed, "a token is shown"


def test_what_breaks_now_and_then_is_found(contract: Contract, tmp_path: Path) -> None:
    status, report, printed = loaded(contract, tmp_path, breaks_now_and_then, "--users", "12")
    assert status == 1, printed
    must = {each["requirement"] for each in report["violations"] if each["level"] == "must"}
    lost = {"MSG-01", "SEND-14", "CHAT-05"}
    assert must & lost
    assert {"MSG-03", "ALL-01"} <= must <= {"MSG-03", "ALL-01", "MSG-02"} | lost
    assert all(f"✗ {id} " in printed for id in must)


def test_a_server_that_limits_rates_is_obeyed_and_not_accused(tmp_path: Path) -> None:
    with starting(tmp_path) as begin:
        _, server = begin("--rate-limit", "10/s")
        users = [
            {name: user[name] for name in ("_id", "userId", "name")} for user in server["users"]
        ]
        target = {"target": {"url": server["url"]}, "auth": {"secret": server["secret"]}}
        (tmp_path / "target.toml").write_text(tomli_w.dumps({**target, "users": users}))
        run = start(tmp_path, "--users", "20", "--run-time", "2s")
        status, report, printed = ended(run, tmp_path)
    assert (status, report["violations"]) == (0, []), printed
    assert report["counts"]["answers 429"] > 0
    assert report["counts"]["refused events"] > 0


def test_two_processes_share_the_users_and_judge_together(
    contract: Contract, tmp_path: Path
) -> None:
    shared = ("--users", "12", "--processes", "2")
    status, report, printed = loaded(contract, tmp_path, None, *shared)
    assert (status, report["violations"]) == (0, []), printed
    assert (report["workers"], report["silent_workers"]) == (2, 0)
    assert report["counts"]["messages judged"] > 0
    requests = (each for each in report["measured"] if each["kind"] in ("GET", "POST", "PUT"))
    assert report["counts"]["answers"] == sum(each["count"] for each in requests)


def test_an_interrupt_ends_a_run_with_its_report(contract: Contract, tmp_path: Path) -> None:
    with running(None, contract, tmp_path) as server:
        (tmp_path / "target.toml").write_text(tomli_w.dumps(server.target))
        process = start(tmp_path, "--users", "4", "--run-time", "10m")
        target = Target.read(tmp_path / "target.toml")
        with Connection.open(
            target.url, token=TokenMint(target).valid(target.users[0]), actor="Asha", pace=Pace()
        ) as witness:
            assert witness.wait_for("receiveMessage", within=LONGEST), "the run does not begin"
        process.send_signal(signal.SIGINT)
        status, report, printed = ended(process, tmp_path)
    assert (status, report["violations"]) == (0, []), printed
    assert report["counts"]["events"] > 0


@pytest.fixture
def target_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("JWT_SECRET", "a-secret-of-these-tests-with-32-bytes")
    monkeypatch.chdir(tmp_path)
    return ROOT / "examples" / "targets" / "secret.toml"


def test_a_backend_that_is_not_there_is_said_in_one_sentence(
    target_file: Path, nothing_listens: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", nothing_listens, "--target", str(target_file)]) == 3
    said = capsys.readouterr().err
    assert said == f"r2c-verify: {nothing_listens} cannot be reached: connection refused.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--users", "0"), "--users has to be 1 at least"),
        (("--users", "many"), "'many' is no whole number"),
        (("--spawn-rate", "0"), "--spawn-rate has to be more than 0"),
        (("--pause", "nan"), "--pause has to be"),
        (("--processes", "3"), "3 workers need 6 users"),
        (("--master", "--expect-workers", "3"), "3 workers need 6 users"),
        (("--master", "--worker"), "exclude each other"),
        (("--run-time", "soon"), "'soon' is no time"),
        (("--web-port", "99999"), "'99999' is no port"),
        (("--target", "no.toml"), "no.toml"),
        (("--report", "no/where.json"), "the folder no is not there"),
    ],
)
def test_wrong_usage_is_said_in_one_sentence(
    target_file: Path,
    nothing_listens: str,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert main(["load", nothing_listens, "--target", str(target_file), *arguments]) == 2
    complained = capsys.readouterr().err
    assert said in complained
    assert complained.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_one_sentence(
    target_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in (
            ("--web", "--web-port", port),
            ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        ):
            assert main(["load", "--target", str(target_file), *options]) == 2
            assert f"port {port} cannot be had" in capsys.readouterr().err


def test_a_missing_extra_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert main(["load"]) == 2
    assert capsys.readouterr().err == (
        "r2c-verify: load needs Locust, which is not installed; run: "
        "pip install 'r2c-contract[load]'.\n"
    )


def test_locust_is_imported_by_no_other_part_of_the_suite() -> None:
    importing = (
        "import sys, conformance.cli.load, conformance.load.traffic\n"
        "print('locust' in sys.modules, 'gevent' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", importing], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
