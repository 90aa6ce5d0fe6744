"""Every requirement has a check, and every check a requirement."""

import ast
import re

import pytest

from conformance.cli.checks import (
    FUZZING,
    MONITORS,
    Checks,
    _texts,
    checks_of,
    scenarios_by_requirement,
)
from conformance.scenarios import FOLDER
from contract import load

CONTRACT = load()


@pytest.mark.parametrize("id", CONTRACT.requirements)
def test_every_requirement_has_a_check(id):
    assert checks_of(CONTRACT)[id].short


def test_monitors_and_fuzzing_name_only_requirements_of_the_contract():
    ids = {text for text in _texts(MONITORS + FUZZING) if re.fullmatch(r"[A-Z]{3,4}-\d\d", text)}
    assert len(ids) > 10
    assert ids <= set(CONTRACT.requirements)


def test_what_the_document_blames_and_what_the_code_blames_is_fuzzed():
    checks = checks_of(CONTRACT)
    assert checks["SEND-07"].fuzzing, "an x-violation"
    assert checks["SEND-13"].fuzzing, "in the code"
    assert not checks["PRES-01"].fuzzing


def test_what_is_said_of_all_traffic_is_monitored():
    checks = checks_of(CONTRACT)
    assert [id for id, each in checks.items() if each.monitor and not each.scenarios]
    assert checks["ALL-02"].monitor
    assert checks["ALL-05"].monitor
    assert not checks["SEND-09"].monitor


def test_checks_have_a_short_form_and_sentences():
    assert Checks().short == ""
    checks = Checks(("one", "other"), fuzzing=True, monitor=True)
    assert checks.short == "2S F M"
    assert [sentence.split(":")[0] for sentence in checks.sentences()] == [
        "Judged by the scenarios",
        "Judged by fuzzing",
        "Judged by a monitor",
    ]


def test_scenarios_are_read_from_their_source_alone(tmp_path):
    (tmp_path / "test_one.py").write_text(
        "import nothing_that_exists\n"
        "@requirement('SEND-09', 'SEND-10')\n"
        "def test_a_message_to_nobody(stage): ...\n"
        "@other('SEND-01')\n"
        "def test_other(stage): ...\n"
        "def helper(): ...\n"
    )
    name = ("a message to nobody",)
    assert scenarios_by_requirement(tmp_path) == {"SEND-09": name, "SEND-10": name}


def test_scenarios_name_only_requirements_of_the_contract():
    assert set(scenarios_by_requirement()) <= set(CONTRACT.requirements)


def test_every_scenario_names_what_it_judges():
    nameless = [
        f"{file.name}: {node.name}"
        for file in FOLDER.glob("test_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(
            isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "requirement"
            for d in node.decorator_list
        )
    ]
    assert nameless == []
