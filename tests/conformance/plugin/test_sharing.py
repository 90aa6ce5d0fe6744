"""With pytest-xdist there is one run, of which every worker hears."""

import json
import re

import pytest

from tests.conformance.plugin.conftest import Suite, any_id_is_one, target_at

pytest.importorskip("xdist")


def test_workers_share_one_run_and_one_target_where_users_do_not_suffice_for_more(suite: Suite):
    url = suite.serve(any_id_is_one)
    suite.pytester.makeconftest(f"""
        import pathlib, pytest

        @pytest.fixture(scope="session")
        def r2c_target(worker_id):
            with pathlib.Path("asked").open("a") as asked:
                print(worker_id, file=asked)
            return {target_at(url)!r}
        """)
    suite.write("HIST-05", "HIST-06", "HIST-08", "HIST-09")
    result = suite.run("-n", "2", "-v", "--r2c-report-dir", "reports")
    said = re.findall(r"\[(gw\d)\].* (PASSED|FAILED) \S*\[(HIST-\d+)\]", result.stdout.str())
    assert {worker for worker, _, _ in said} == {"gw0", "gw1"}
    assert {id for _, outcome, id in said if outcome == "FAILED"} == {"HIST-05"}
    (asked,) = (suite.pytester.path / "asked").read_text().split()
    assert asked in {"gw0", "gw1"}
    assert result.stdout.str().count(f"{url}: non-conformant, ") == 1
    report = json.loads((suite.pytester.path / "reports" / "report.json").read_text())
    assert len(report["requirements"]) == 4
    assert "(must, " in result.stdout.str()


def test_a_fixture_that_fails_is_asked_by_one_worker(suite: Suite):
    suite.pytester.makeconftest("""
        import pathlib, pytest

        @pytest.fixture
        def r2c_target():
            with pathlib.Path("asked").open("a") as asked:
                print("once", file=asked)
            raise RuntimeError("no container today")
        """)
    suite.write("CHAT")
    result = suite.run("-n", "2")
    result.assert_outcomes(errors=6)
    assert (suite.pytester.path / "asked").read_text().split() == ["once"]
