"""The pytest plug-in: a team's own suite verifies its backend, with an item per requirement.

pytest imports this module at the start of every suite of an environment that the project is
installed in. What costs time is imported where a suite makes use of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.plugin.items import Word
    from conformance.plugin.verifying import Verify

MARKER = "r2c"
"""Marks each item that stands for a requirement, whose id it is given."""
PROFILES = ("quick", "default", "thorough")
ENDINGS = pytest.StashKey[list[str]]()
"""Lines that say what the runs of this process came to."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, each of which may stand in the configuration as well."""
    group = parser.getgroup("r2c", "contract of the Reals2Chat backend")
    options: dict[str, dict[str, Any]] = {
        "target": {"metavar": "FILE", "help": "target file of the backend to verify"},
        "profile": {"choices": PROFILES, "help": "how thorough to verify (default: default)"},
        "seed": {"metavar": "N", "help": "repeat the run that showed this seed"},
        "strict": {"action": "store_true", "default": None, "help": "a broken should fails too"},
        "baseline": {"metavar": "FILE", "help": "accepted findings: their tests are xfailed"},
        "overlay": {
            "metavar": "FILE",
            "action": "append",
            "help": "overlay to apply to the contract's documents; may be repeated",
        },
        "report-dir": {"metavar": "DIR", "help": "where to put the reports of the run"},
    }
    for name, how in options.items():
        group.addoption(f"--r2c-{name}", **how)
    for name in ("target", "profile", "seed", "baseline", "report_dir"):
        parser.addini(f"r2c_{name}", f"as --r2c-{name.replace('_', '-')}", type="string")
    parser.addini("r2c_strict", "as --r2c-strict", type="bool", default=False)
    parser.addini("r2c_overlay", "as --r2c-overlay, several on a line each", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", f"{MARKER}(id): a requirement of the Reals2Chat contract")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes an item of each requirement."""
    if hasattr(metafunc.function, "r2c_names"):
        from conformance.plugin.items import generate

        generate(metafunc)


@pytest.fixture(scope="session")
def r2c_target(pytestconfig: pytest.Config) -> Any:
    """The backend to verify: the path of a target file, what would stand in one as a dictionary,
    or a conformance.Target. Without a fixture of that name in your suite: the file that
    --r2c-target or the option r2c_target names, or target.toml beside the configuration.
    """
    from conformance.plugin.settings import Settings

    return Settings.of(pytestconfig).target


@pytest.fixture
def _r2c_word(request: pytest.FixtureRequest) -> Word:
    from conformance.plugin.items import word

    return word(request)


@pytest.fixture
def r2c_verify(request: pytest.FixtureRequest) -> Verify:
    """Verifies the backend when it is called, and gives a conformance.Report:
    r2c_verify("CHAT", "SEND-09", profile="quick").
    """
    from conformance.plugin.verifying import Verify

    return Verify(request)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands over what the runs came to, where another process shows it."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[MARKER] = session.config.stash.get(ENDINGS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what a worker of pytest-xdist hands over."""
    lines = getattr(node, "workeroutput", {}).get(MARKER, [])
    node.config.stash.setdefault(ENDINGS, []).extend(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what the runs came to."""
    if lines := terminalreporter.config.stash.get(ENDINGS, []):
        terminalreporter.section("Reals2Chat contract")
        for line in lines:
            terminalreporter.line(line)
