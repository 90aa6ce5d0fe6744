"""Where there is no run, every test says so in a sentence, and none passes."""

import json

import pytest

from conformance.backend.target import Target, TargetError
from conformance.plugin.settings import Misconfigured, Settings
from conformance.plugin.verifying import usable
from tests.conformance.plugin.conftest import Suite, target_at


def test_a_backend_that_does_not_answer_is_an_error_of_every_test(
    suite: Suite, nothing_listens: str
):
    suite.pytester.makeconftest(f"""
        import pytest

        @pytest.fixture(scope="session")
        def r2c_target():
            return {target_at(nothing_listens)!r}
        """)
    suite.write("HIST-05", "HIST-06")  # a must and a should
    result = suite.run("-rA")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [f"HIST-0{number} could not be judged: nothing usable answers at *" for number in (5, 6)]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_suite_that_names_no_backend_is_told_how(suite: Suite):
    suite.write("HIST", more="def test_it(r2c_verify): r2c_verify()")
    result = suite.run("-rA")
    result.assert_outcomes(errors=10, failed=1)
    result.stdout.fnmatch_lines(["which backend is to be verified? Write a fixture r2c_target,*"])
    assert "Traceback" not in result.stdout.str()


def test_an_id_that_means_nothing_is_an_error_of_the_collection(suite: Suite):
    suite.write("HIST-05", "HOST-05")
    result = suite.run()
    result.stdout.fnmatch_lines(
        [
            "*ERROR collecting test_contract.py*",
            "'HOST-05' is neither a requirement nor a group; `r2c-verify requirements` lists them.",
        ]
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_a_fixture_that_fails_is_asked_once_and_its_failure_shown_once(suite: Suite):
    suite.pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def r2c_target():
            raise RuntimeError("no container today")
        """)
    suite.write("CHAT")
    result = suite.run()
    result.assert_outcomes(errors=6)
    assert result.stdout.str().count("E       RuntimeError: no container today") == 1
    assert result.stdout.str().count("there was no run; see test_contract.py::test_contract[") == 5


def test_a_fixture_that_skips_skips_every_test(suite: Suite):
    suite.pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def r2c_target():
            pytest.skip("no container here")
        """)
    suite.write("CHAT")
    result = suite.run("-rs")
    result.assert_outcomes(skipped=6)
    result.stdout.fnmatch_lines(["SKIPPED * no container here"])


WRONG = {
    "r2c_profile = 'quickly'": "r2c_profile 'quickly' is none of quick, default, thorough.",
    "r2c_seed = 'x'": "the seed 'x' is no whole number from 0 up.",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_setting_that_cannot_be_used_is_named(pytester: pytest.Pytester, line: str):
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{line}")
    with pytest.raises(Misconfigured) as caught:
        Settings.of(pytester.parseconfig())
    assert str(caught.value) == WRONG[line]


def test_an_overlay_that_is_not_there_is_named(pytester: pytest.Pytester):
    settings = Settings.of(pytester.parseconfig("--r2c-overlay", "none.yaml"))
    with pytest.raises(Misconfigured, match=r"none\.yaml"):
        settings.contract()


def test_a_baseline_that_names_no_requirement_is_refused(suite: Suite):
    suite.serve()
    suite.write("HIST-05")
    entry = {"requirement": "HOST-05", "fingerprint": "f" * 12, "reason": "who knows"}
    baseline = suite.pytester.path / "known.json"
    baseline.write_text(json.dumps({"format": 1, "findings": [entry]}))
    result = suite.run("--r2c-baseline", "known.json")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*known.json: HOST-05 names no requirement; remove it."])


def test_options_go_before_the_configuration_and_paths_start_where_they_are_written(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        r2c_target = "contract/target.toml"
        r2c_profile = "thorough"
        r2c_seed = "7"
        r2c_strict = true
        r2c_baseline = "known.json"
        r2c_overlay = ["bare.yaml"]
        """)
    home = pytester.path
    written = Settings.of(pytester.parseconfig())
    assert written == Settings(
        target=home / "contract" / "target.toml",
        profile="thorough",
        seed=7,
        strict=True,
        baseline=home / "known.json",
        overlays=(home / "bare.yaml",),
        report_dir=None,
    )
    below = pytester.mkdir("below")
    monkeypatch.chdir(below)
    given = Settings.of(
        pytester.parseconfig(
            *("--r2c-target", "other.toml", "--r2c-profile", "quick", "--r2c-seed", "0"),
            *("--r2c-report-dir", "reports", "--r2c-overlay", "a.yaml", "--r2c-overlay", "b.yaml"),
        )
    )
    assert (given.target, given.profile, given.seed) == (below / "other.toml", "quick", 0)
    assert given.report_dir == below / "reports"
    assert given.overlays == (below / "a.yaml", below / "b.yaml")
    assert given.baseline == home / "known.json"


def test_a_target_is_a_path_a_dictionary_or_a_value(suite: Suite):
    url = suite.serve()
    folder = suite.pytester.path
    value = usable(target_at(url), folder)
    assert (value.url, len(value.users)) == (url, 3)
    assert usable("target.toml", folder) == usable(folder / "target.toml", folder)
    assert usable("target.toml", folder).url == url
    assert usable(value, folder) is value


@pytest.mark.parametrize("given", [7, "http://localhost:5000", {"users": []}, "nowhere.toml"])
def test_anything_else_is_no_target(tmp_path, given):
    with pytest.raises(TargetError):
        usable(given, tmp_path)


def test_a_target_may_be_read_from_a_path_that_is_a_text(suite: Suite):
    suite.serve()
    other = Target.read(str(suite.pytester.path / "target.toml"), url="http://elsewhere:1")
    assert other.url == "http://elsewhere:1"
