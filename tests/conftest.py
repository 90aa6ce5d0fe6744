"""What the tests share: the tools beside Python that some of them need.

`@pytest.mark.needs("linters")` skips a test where that tool is missing and says how to get it. With
R2C_REQUIRE_TOOLS=1, which `.ci/run` sets, a missing tool is a failure.
"""

import importlib.util
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ("pytester",)

TESTS = Path(__file__).parent
SLOW = (
    "benchmarks/",
    "clients/",
    "conformance/adoption/",
    "conformance/backend/test_processes.py",
    "conformance/fuzzing/",
    "conformance/load/test_load.py",
    "conformance/model/",
    "conformance/plugin/",
    "conformance/test_run.py",
    "conformance/wire/test_sockets.py",
    "deployment/",
    "examples/",
    "mutants/",
    "reference_server/test_cli.py",
    "reference_server/test_watching.py",
    "typescript/",
)
"""How the paths of tests begin that are all marked slow."""


def _node_packages(folder: Path) -> str | None:
    if shutil.which("node") is None:
        return "Node.js 20 or later is not on the PATH"
    if not (folder / "node_modules").is_dir():
        return f"run: npm ci --ignore-scripts --prefix {folder}"
    return None


def _command(name: str) -> str | None:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    return None if found else f"{name} is not on the PATH"


def _program(variable: str, what: str) -> str | None:
    path = os.environ.get(variable)
    if not path:
        return f"{variable} does not name {what}"
    return None if os.access(path, os.X_OK) else f"{variable} names no program: {path}"


def chromium() -> str | None:
    """The Chromium of this machine."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def _browser() -> str | None:
    if importlib.util.find_spec("playwright") is None:
        return "run: pip install -e '.[browser]'"
    return None if chromium() else "chromium is not on the PATH"


TOOLS: Mapping[str, Callable[[], str | None]] = {
    "linters": lambda: _node_packages(TESTS / "documents" / "linters"),
    "socket.io": lambda: _node_packages(TESTS / "clients"),
    "socket.io-client": lambda: _node_packages(TESTS / "clients"),
    "typescript": lambda: _node_packages(TESTS / "typescript"),
    "express": lambda: _node_packages(TESTS.parent / "examples" / "express"),
    "chromium": _browser,
    "redis": lambda: _command("redis-server"),
    "nginx": lambda: _command("nginx"),
    "secantus": lambda: _program("R2C_SECANTUS", "the secantusd-py of a SecantusDB"),
}
"""By name, what tells why a tool cannot be used; None where it can."""


def pytest_configure(config: pytest.Config) -> None:
    # Runs of the suite in these tests are not what the page of their own job is about.
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        os.environ.pop(name, None)
    # A shell that puts pytest into the background has it ignore interrupts, and all it starts too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", f"needs(tool): needs one of {', '.join(TOOLS)}")
    config.addinivalue_line("markers", "slow: takes seconds; runs on one Python version only")
    config.addinivalue_line("markers", "requirement(*ids): as in the scenarios")
    config.addinivalue_line("markers", "undisturbed: as in the scenarios")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).as_posix().startswith(SLOW):
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    # The groups of xdist 3.8 are not those of pytest 9.2, which keeps a test's id elsewhere.
    from xdist.scheduler import LoadScopeScheduling

    if config.getvalue("dist") != "load":
        return None

    class SlowFilesWhole(LoadScopeScheduling):  # type: ignore[misc]
        """Several processes would each start the servers and runs that a file's tests share."""

        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            return path if path.removeprefix("tests/").startswith(SLOW) else nodeid

    return SlowFilesWhole(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        (tool,) = mark.args
        missing = TOOLS[tool]()
        if missing and os.environ.get("R2C_REQUIRE_TOOLS") == "1":
            pytest.fail(f"{tool}: {missing}", pytrace=False)
        elif missing:
            pytest.skip(f"{tool}: {missing}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, driven by Playwright; for tests that are marked as needing it.

    As long as it is there, an event loop runs in the thread of the tests, and asyncio.run does not.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--host-resolver-rules=MAP *.example 127.0.0.1"]
        started = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield started
        started.close()
