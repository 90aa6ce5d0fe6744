"""A team's suite has an item for each requirement, and none is green without a reason."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from conformance.judging.findings import Finding
from tests.conformance.plugin.conftest import (
    Suite,
    any_id_is_one,
    everybody_has_a_history,
    kept,
    target_at,
)

SOME = ("HIST-05", "HIST-06", "HIST-07", "HIST-08", "AUTH-04", "AUTH-10")
"""A must and a should that fuzzing judges, one that is switched off, one that a scenario judges, a
must and a should that need a secret.
"""


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """What -rA says of each item, by requirement."""
    said = re.findall(r"^([A-Z]+) \S*test_contract\[(\S+)\]", result.stdout.str(), re.MULTILINE)
    return {id: outcome for outcome, id in said}


def without_blocks(result: pytest.RunResult) -> str:
    return " ".join(result.stdout.str().split())


def no_user_is_unknown_and_any_id_is_one(*request):
    """Breaks a should and a must."""
    answer = everybody_has_a_history(*request)
    return any_id_is_one(*request) if answer is ... else answer


def test_each_requirement_is_an_item_that_says_what_became_of_it(suite: Suite):
    url = suite.serve(no_user_is_unknown_and_any_id_is_one, off=("HIST-07",))
    suite.write(*SOME)
    result = suite.run("-rA", "--r2c-report-dir", "reports", "--junitxml", "junit.xml")
    assert outcomes(result) == {
        "HIST-05": "FAILED",
        "HIST-06": "PASSED",
        "HIST-08": "PASSED",
        "AUTH-04": "ERROR",
    }
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "test_contract.py ",
            f"r2c: {url} is verified, profile quick, seed *",
            "r2c: HIST-06 *",
            "test_contract.py EsF.s.*",
            "*ERROR at setup of test_contract?AUTH-04?*",
            "AUTH-04 could not be judged: * needs ?auth? secret",
            "*test_contract?HIST-05?*",
            "HIST-05 A history with an otherUserId that is * is not answered 400 (must, *)",
            "  expected  400*",
            '  observed  200 {"success": true, "data": ?]}',
            f"  curl -sS -i {url}/api/messages/*",
            "again: pytest 'test_contract.py::test_contract?HIST-05?' --r2c-seed *",
            "reports in *reports",
            "test_contract.py::test_contract?HIST-06?",
            "*test_contract.py:2: ContractWarning: HIST-06 * (should, *",
            "*Reals2Chat contract*",
            f"{url}: non-conformant, 1 of 6 requirements kept, *; profile quick, seed *",
            "SKIPPED * test_contract.py:2: AUTH-10 could not be judged: *",
            "SKIPPED * test_contract.py:2: HIST-07: switched off in the target file",
        ]
    )
    assert not re.search("Traceback|conformance/|another exception", result.stdout.str())
    report = json.loads((suite.pytester.path / "reports" / "report.json").read_text())
    assert {each["id"] for each in report["requirements"]} == set(SOME)
    assert f"--r2c-seed {report['seed']}" in result.stdout.str()
    assert {"report.html", "junit.xml", "events.ndjson"} <= {
        file.name for file in (suite.pytester.path / "reports").iterdir()
    }
    (junit,) = ET.parse(suite.pytester.path / "junit.xml").getroot()
    counted = {name: junit.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "6", "failures": "1", "errors": "1", "skipped": "2"}


def test_a_broken_should_fails_where_warnings_are_errors(suite: Suite):
    suite.serve(everybody_has_a_history)
    suite.write("HIST-06")
    result = suite.run("-rA", "-q", "-W", "error")
    assert outcomes(result) == {"HIST-06": "FAILED"}
    result.stdout.fnmatch_lines(["HIST-06 * (should, *)", "  expected  404*", "  curl *"])
    assert "Traceback" not in result.stdout.str()
    assert "r2c:" not in result.stdout.str()


def test_only_what_is_selected_is_verified(suite: Suite):
    suite.serve()
    suite.write()
    result = suite.run("-k", "HIST-08 or hist-05", "--r2c-report-dir", "reports")
    result.assert_outcomes(passed=2, deselected=97)
    report = json.loads((suite.pytester.path / "reports" / "report.json").read_text())
    assert [each["id"] for each in report["requirements"]] == ["HIST-05", "HIST-08"]
    assert "conformant, 2 of 2 requirements kept" in without_blocks(result)


def test_groups_and_ids_name_requirements_and_a_marker_sets_them_apart(suite: Suite):
    suite.write("CHAT", "SEND-09", more="def test_of_the_team(): pass")
    every = suite.run("--collect-only", "-q", "--strict-markers").stdout.lines
    assert [line.partition("::")[2] for line in every if "::" in line] == [
        "test_contract[SEND-09]",
        *(f"test_contract[CHAT-0{number}]" for number in range(1, 7)),
        "test_of_the_team",
    ]
    own = suite.run("--collect-only", "-q", "-m", "not r2c").stdout.str()
    assert "test_of_the_team" in own
    assert "SEND-09" not in own


def test_known_findings_are_expected_failures_and_stale_entries_fail(suite: Suite):
    suite.serve(lambda _, path, __: (200, []) if path.endswith("/undefined") else ...)
    suite.write("HIST-05", "HIST-08")
    known = Finding(
        "HIST-05",
        "must",
        "A history with an otherUserId that is the word undefined is not answered 400",
        *("400", "200 []"),
    )
    entries = [
        {"requirement": "HIST-05", "fingerprint": known.fingerprint, "reason": "ticket 12"},
        {"requirement": "HIST-08", "fingerprint": "f" * 12, "reason": "it was broken"},
    ]
    baseline = suite.pytester.path / "known.json"
    baseline.write_text(json.dumps({"format": 1, "findings": entries}))
    suite.pytester.makepyprojecttoml("[tool.pytest.ini_options]\nr2c_baseline = 'known.json'")
    result = suite.run("-rA")
    assert outcomes(result) == {"HIST-05": "XFAIL", "HIST-08": "FAILED"}
    result.stdout.fnmatch_lines(
        [
            f"stale baseline: HIST-08 {'f' * 12} no longer occurs; remove it from the baseline.",
            "*: conformant, *, 1 stale baseline entry; profile quick, seed 1, *",
            "XFAIL test_contract.py::test_contract?HIST-05? - ticket 12 (HIST-05 *",
        ]
    )


def test_two_modules_may_verify_two_backends_of_their_own(suite: Suite):
    for name, quirk in (("good", kept), ("bad", any_id_is_one)):
        target = target_at(suite.serve(quirk))
        fixture = f"import pytest\n@pytest.fixture\ndef r2c_target():\n    return {target!r}\n"
        suite.write("HIST-05", module=f"test_{name}", more=fixture)
    result = suite.run("-rA", "--r2c-report-dir", "reports")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_bad.py::test_contract?HIST-05?*"])
    folders = {file.parent.name for file in suite.pytester.path.glob("*/report.json")}
    assert folders == {"reports", "reports-2"}


def test_a_run_is_asked_for_and_its_report_is_at_hand(suite: Suite):
    suite.serve(any_id_is_one)
    suite.pytester.makepyfile("""
def test_what_is_broken(r2c_verify):
    report = r2c_verify("HIST-05", seed=7)
    assert (report.seed, report.profile) == (7, "quick")
    assert report.verdict == "conformant", str(report)

def test_a_name_that_means_nothing(r2c_verify):
    r2c_verify("HOST-05")
""")
    result = suite.run("-rA")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: non-conformant: 0 of 1 requirements kept, *",
            "E*HIST-05 A history with an otherUserId that is *",
            "'HOST-05' is neither a requirement nor a group; *",
        ]
    )
    assert "another exception" not in result.stdout.str()
