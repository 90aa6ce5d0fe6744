"""The example suite of a team passes as it stands."""

import os
import re
import subprocess
import sys

from tests.examples.conftest import LONGEST, ROOT


def test_the_suite_of_a_team_verifies_its_backend_beside_tests_of_its_own() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"),
            *("-k", "documentation or letter or CONN-01 or MSG-01 or TYPE-01 or SEND-14"),
        ],
        cwd=ROOT / "examples" / "pytest",
        capture_output=True,
        text=True,
        timeout=LONGEST,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = set(re.findall(r"::(\S+) PASSED", done.stdout))
    assert passed == {
        *(f"test_contract[{id}]" for id in ("CONN-01", "MSG-01", "TYPE-01", "SEND-14")),
        "test_chat_keeps_the_contract_to_the_letter",
        "test_the_documentation_is_served",
    }
    assert done.stdout.count(" is verified, profile quick, seed ") == 2
