"""Scenarios are found by pytest, with nothing of the surroundings."""

import textwrap

import pytest

from conformance.scenarios import FOLDER
from conformance.stage.collecting import collected


@pytest.fixture
def collect(tmp_path):
    """Collects the scenarios of a file given as source."""
    (tmp_path / "pytest.ini").write_text((FOLDER / "pytest.ini").read_text())

    def collect(source):
        # A name of its own: Python remembers the modules it has imported.
        file = tmp_path / f"test_{tmp_path.name}.py"
        file.write_text("from conformance.scenarios import requirement\n" + textwrap.dedent(source))
        return collected(tmp_path)

    return collect


SOME = """
    @requirement("SEND-09", "HIST-07")
    def test_a_message_to_nobody(stage):
        return stage + 1

    def test_something_else(stage):
        pass
    """


def test_a_scenario_has_a_name_and_its_requirements_and_can_be_played(collect):
    first, second = collect(SOME)
    assert (first.name, first.sentence) == ("test_a_message_to_nobody", "a message to nobody")
    assert first.requirements == ("SEND-09", "HIST-07")
    assert first.play(1) == 2
    assert second.requirements == ()


def test_the_scenarios_of_the_suite_all_name_a_requirement():
    scenarios = collected(FOLDER)
    assert len(scenarios) > 60
    assert all(scenario.requirements for scenario in scenarios)


def test_a_broken_scenario_file_is_an_error_and_not_silence(collect):
    with pytest.raises(RuntimeError, match="nothing_of_that_name"):
        collect("import nothing_of_that_name")


def test_an_interrupt_meanwhile_is_one_of_the_run(collect):
    with pytest.raises(KeyboardInterrupt):
        collect("raise KeyboardInterrupt")


def test_a_folder_that_is_not_there_is_an_error_and_not_silence(tmp_path):
    with pytest.raises(RuntimeError, match="pytest ended with status"):
        collected(tmp_path / "nowhere")


def test_nothing_of_the_surroundings_takes_part(collect, tmp_path, monkeypatch):
    (tmp_path / "conftest.py").write_text("raise RuntimeError('a conftest of somebody else')")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--nonsense'\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.chdir(tmp_path)
    assert len(collect(SOME)) == 2
