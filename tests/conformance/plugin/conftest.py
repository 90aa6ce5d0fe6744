"""Suites of teams, run by a pytest of their own against a small backend that may misbehave."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w

from tests.conformance.fuzzing.small_backend import USERS, Quirk, backend

QUIET = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
"""Plug-ins that only take time here."""


def kept(method, path, body):
    """Whatever is asked, the backend keeps the contract."""
    return ...


def everybody_has_a_history(method, path, body):
    """A user who does not exist is answered 200, which breaks HIST-06, a *should*."""
    return (200, []) if method == "GET" and path.startswith("/api/messages/e") else ...


def any_id_is_one(method, path, body):
    """An id that is none is answered 200, which breaks HIST-05, a *must*."""
    id = path.rpartition("/")[2]
    return (200, []) if method == "GET" and (len(id) != 24 or not id.isalnum()) else ...


@dataclass(slots=True)
class Suite:
    """A folder with the tests of a team."""

    pytester: pytest.Pytester
    stack: ExitStack

    def serve(self, quirk: Quirk = kept, off: tuple[str, ...] = ()) -> str:
        """Starts a backend, writes a target file for it, and gives its URL."""
        url = self.stack.enter_context(backend(quirk))
        (self.pytester.path / "target.toml").write_text(tomli_w.dumps(target_at(url, off)))
        return url

    def write(self, *names: str, module: str = "test_contract", more: str = "") -> None:
        """Writes a test module; `names` are the requirements it asks for."""
        asked = ", ".join(map(repr, names))
        lines = f"from conformance import requirements\ntest_contract = requirements({asked})\n"
        self.pytester.makepyfile(**{module: lines + more})

    def run(self, *arguments: str | Path) -> pytest.RunResult:
        """Runs the suite in a process of its own."""
        return self.pytester.runpytest_subprocess(*QUIET, "--r2c-profile", "quick", *arguments)


def target_at(url: str, off: tuple[str, ...] = ()) -> dict:
    """The content of a target file that has a token for each user and no secret."""
    return {
        "target": {"url": url},
        "requirements": {"off": list(off)},
        "users": [
            {"_id": user.id, "userId": user.public_id, "name": user.name, "token": user.name}
            for user in USERS.values()
        ],
    }


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """The suite of a team that has written nothing yet."""
    for name in ("CI", "BUILD_NUMBER"):  # where pytest writes its summary in another way
        monkeypatch.delenv(name, raising=False)
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")
    with ExitStack() as stack:
        yield Suite(pytester, stack)
