"""The conformance suite. What stands here is for pytest suites of teams who have a backend:

# conftest.py
@pytest.fixture(scope="session")
def r2c_target(backend):
    return Target.read("target.toml", url=backend.url)

# test_contract.py
from conformance import requirements

test_contract = requirements()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.backend.target import Target
    from conformance.judging.findings import Verdict
    from conformance.plugin.items import ContractWarning, requirements
    from conformance.plugin.verifying import Verify
    from conformance.reports.report import Report

__all__ = ["ContractWarning", "Report", "Target", "Verdict", "Verify", "requirements"]

_PLACES = {
    "ContractWarning": "conformance.plugin.items",
    "Report": "conformance.reports.report",
    "Target": "conformance.backend.target",
    "Verdict": "conformance.judging.findings",
    "Verify": "conformance.plugin.verifying",
    "requirements": "conformance.plugin.items",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: pytest imports this package at the start of suites that need nothing
    # of it.
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
