"""The short form of the long run, and that it notices a server that fails."""

import sys
from pathlib import Path

import pytest

from benchmarks import long_run
from benchmarks.long_run import Outcome
from benchmarks.servers import Server

pytestmark = pytest.mark.slow


def test_a_server_stays_as_it_was_under_what_the_contract_draws(tmp_path: Path) -> None:
    outcome = long_run.long_run(8_000, 2_000, seed=1, folder=tmp_path, batch=2_000, examples=20)
    assert outcome.wrong == []
    assert outcome.answers.total() == 10_000
    assert {"acknowledged", "201", "400", "404"} <= set(outcome.answers)


def test_a_server_that_fails_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import sys; from reference_server import cli, chat\n"
        "async def typing(self, *_): raise RuntimeError\n"
        "chat.Chat.typing = typing\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )

    def broken(*options: str) -> Server:
        command = ours(*options).command
        return Server("broken", (sys.executable, "-c", program, *command[1:]))

    ours = long_run.ours
    monkeypatch.setattr(long_run, "ours", broken)
    outcome = long_run.long_run(400, 80, seed=1, folder=tmp_path, batch=480, examples=5)
    assert any("Something failed in the server" in each for each in outcome.wrong)


def test_growth_is_measured_after_the_first_fifth() -> None:
    assert Outcome(memory=[10, 20, 20, 22, 21, 20, 20, 20, 20, 20]).growth == 1.1 * 20 / 20
