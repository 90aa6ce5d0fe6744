"""What teams import, and what it costs those who do not."""

import conformance
from conformance.plugin import PROFILES
from conformance.profiles import PROFILES as KNOWN
from tests.conformance.plugin.conftest import Suite


def test_what_is_exported_is_what_is_listed():
    assert conformance.__all__ == [
        "ContractWarning",
        "Report",
        "Target",
        "Verdict",
        "Verify",
        "requirements",
    ]
    assert set(conformance.__all__) == set(conformance._PLACES)
    for name in conformance.__all__:
        assert getattr(conformance, name).__name__ == name


def test_the_profiles_are_those_of_the_suite():
    assert tuple(KNOWN) == PROFILES


def test_a_suite_without_requirements_imports_next_to_nothing(suite: Suite):
    suite.pytester.makepyfile("""
        import sys

        def test_what_is_there(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("r2c")
            ours = {name for name in sys.modules if name.startswith(("conformance", "contract"))}
            assert ours == {"conformance", "conformance.plugin"}
        """)
    result = suite.run("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1)
    assert "contract" not in result.stdout.lines[-2]
