"""Runs the suite against backends in Node, as a team would: by its command, with a target file."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.services import free_port

ROOT = Path(__file__).parents[2]
EXPRESS = ROOT / "examples" / "express"
LONGEST = 300
"""Seconds that a run may take."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of the suite came to."""

    exit_status: int
    report: dict[str, Any]
    events: str
    printed: str

    @property
    def verdict(self) -> str:
        """`conformant`, `non-conformant` or `incomplete`."""
        return str(self.report["verdict"])

    @property
    def findings(self) -> list[dict[str, Any]]:
        """All findings of the report, each with its requirement."""
        return [
            {"requirement": requirement["id"], **finding}
            for requirement in self.report["requirements"]
            for finding in requirement["findings"]
        ]

    @property
    def broken(self) -> set[str]:
        """The requirements that have a finding."""
        return {finding["requirement"] for finding in self.findings}

    def status(self, requirement: str) -> str:
        """What became of a requirement."""
        return next(
            str(each["status"]) for each in self.report["requirements"] if each["id"] == requirement
        )


Verify = Callable[..., Run]


@pytest.fixture(scope="session")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Runs the suite against the backend that a file starts. `only` names requirements; `through`
    is a context manager that puts something between the suite and the backend's host and port, and
    gives the port to connect to; `users` is how many users the target names, None for all.
    """
    # Runs begin in threads, and who asks first empties the folder that pytest-xdist names.
    tmp_path_factory.getbasetemp()

    def run(
        entry: Path, only: str | None = None, through: Any = direct, users: int | None = None
    ) -> Run:
        folder, port = tmp_path_factory.mktemp("run"), free_port()
        with through("127.0.0.1", port) as front:
            target = tomllib.loads((EXPRESS / "target.toml").read_text("utf-8"))
            secret = target["auth"]["secret"]
            target["users"] = target["users"][:users]
            known = {user["userId"] for user in target["users"]}
            pairs = target["friends"]["pairs"]
            target["friends"]["pairs"] = [pair for pair in pairs if known.issuperset(pair)]
            target["target"]["url"] = f"http://127.0.0.1:{front}"
            start = f"PORT={port} JWT_SECRET={secret} exec node '{entry}'"
            target["process"] = {"start": start}
            (folder / "target.toml").write_text(tomli_w.dumps(target), "utf-8")
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "conformance", "--profile", "quick", "--seed", "1"),
                    *("--target", folder / "target.toml", "--report-dir", folder),
                    *(("--only", only) if only else ()),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=LONGEST,
                env={**os.environ, "COLUMNS": "200"},
            )
        printed = done.stdout + done.stderr
        assert (folder / "report.json").exists(), printed
        report = json.loads((folder / "report.json").read_text("utf-8"))
        events = (folder / "events.ndjson").read_text("utf-8")
        return Run(done.returncode, report, events, printed)

    return run


@contextmanager
def direct(host: str, port: int) -> Iterator[int]:
    """Nothing between the suite and the backend."""
    yield port
