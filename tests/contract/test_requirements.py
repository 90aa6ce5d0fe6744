from typing import Any

import pytest

from contract import GROUPS, Contract, DocumentError
from tests.contract.conftest import Project

PLACE = "/paths/~1notes~1{id}/put"


def problem(project: Project) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        project.load()
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.place, caught.value.problem


def entry(**fields: Any) -> dict[str, Any]:
    return {"id": "META-03", "level": "must", "notes": "§2", "text": "It holds.", **fields}


def test_a_requirement_is_read_whole(project: Project) -> None:
    requirement = project.load().requirements["META-01"]

    assert (requirement.level, requirement.notes) == ("must", "§2.2")
    assert requirement.text == "A note is written."
    assert requirement.accepts == "Either form."
    assert requirement.decisions == ("D1",)
    assert [(c.level, c.text) for c in requirement.clauses] == [
        ("should", "It is written at once.")
    ]
    assert requirement.group == "META"
    assert requirement.levels == {"must", "should"}


def test_a_mention_elsewhere_binds_one_more_operation(project: Project) -> None:
    assert project.load().requirements["META-01"].binds == ("writeNote", "onNote")


def test_a_requirement_at_the_top_binds_no_single_operation(project: Project) -> None:
    project.asyncapi["x-requirements"] = ["META-02"]

    requirements = project.load().requirements

    assert requirements["ERR-01"].binds == ()
    assert requirements["META-02"].binds == ("writeNote",)


def test_requirements_stand_in_the_order_of_their_groups(project: Project) -> None:
    project.asyncapi["x-requirements"] = [entry(id="AUTH-02"), entry(id="AUTH-01")]

    assert list(project.load().requirements) == [
        "AUTH-01",
        "AUTH-02",
        "ERR-01",
        "META-01",
        "META-02",
    ]


def test_an_id_is_defined_once(project: Project) -> None:
    project.asyncapi["x-requirements"] = [entry(id="META-01")]

    assert problem(project) == (f"{PLACE}/x-requirements/0", "META-01 is defined twice")


def test_a_mention_of_an_unknown_id_is_named_with_its_place(project: Project) -> None:
    project.event["x-requirements"] = ["META-01", "META-99"]

    assert problem(project) == ("/operations/onNote/x-requirements/1", "META-99 is defined nowhere")


@pytest.mark.parametrize(
    "name", ["NOPE-01", "META-1", "META-001", "meta-01", "META", "META-0\u0661"]
)
def test_an_id_has_a_known_group_and_two_digits(project: Project, name: str) -> None:
    project.operation["x-requirements"].append(entry(id=name))

    place, what = problem(project)

    assert place == f"{PLACE}/x-requirements/2/id"
    assert what.startswith(f"{name} is no requirement id: a group (AUTH, ERR, ")


@pytest.mark.parametrize(
    ("wrong", "place", "says"),
    [
        (5, "", "has to be a mapping"),
        (None, "", "has to be a mapping"),
        ([], "", "has to be a mapping"),
        ({}, "", "needs the field id"),
        (entry(level="shall"), "/level", "has to be one of must, should, may"),
        (entry(level=None), "/level", "has to be one of must, should, may"),
        (entry(text=""), "/text", "must not be empty"),
        (entry(text=5), "/text", "has to be a text"),
        (entry(notes=None), "/notes", "has to be a text"),
        (entry(id=5), "/id", "has to be a text"),
        (entry(accepts=[]), "/accepts", "has to be a text"),
        (entry(colour="red"), "", "has no field colour"),
        (entry(decisions="D1"), "/decisions", "has to be a list"),
        (entry(decisions=[1]), "/decisions/0", "has to be a text"),
        (entry(decisions=["D01"]), "/decisions/0", "D01 does not match"),
        (entry(also="more"), "/also", "has to be a list"),
        (entry(also=["more"]), "/also/0", "has to be a mapping"),
        (entry(also=[{"level": "must"}]), "/also/0", "needs the field text"),
        (entry(also=[{"text": "x"}]), "/also/0", "needs the field level"),
        (entry(also=[{"level": "shall", "text": "x"}]), "/also/0/level", "one of must"),
    ],
)
def test_a_malformed_requirement_is_named_with_its_place(
    project: Project, wrong: Any, place: str, says: str
) -> None:
    project.operation["x-requirements"].append(wrong)

    where, what = problem(project)

    assert where == f"{PLACE}/x-requirements/2{place}"
    assert says in what


def test_requirements_are_a_list(project: Project) -> None:
    project.asyncapi["x-requirements"] = {"META-03": "must"}

    assert problem(project) == ("/x-requirements", "has to be a list")


@pytest.mark.parametrize(
    ("blame", "place", "says"),
    [
        ("META-01", "", "has to be a mapping"),
        (["META-01"], "", "has to be a mapping"),
        ({"accepts": 5}, "/accepts", "has to be a text"),
        ({"accepted": "META-01"}, "", "has no field accepted"),
        ({"unknown-level": "META-01"}, "/unknown-level", "must"),
        ({"refuses": "META-77"}, "/refuses", "META-77 is defined nowhere"),
    ],
)
def test_blame_names_requirements_that_exist(
    project: Project, blame: Any, place: str, says: str
) -> None:
    project.operation["x-blame"] = blame

    where, what = problem(project)

    assert where == f"{PLACE}/x-blame{place}"
    assert says in what


@pytest.mark.parametrize("wrong", ["META-77", 5, None, ["META-01"]])
def test_a_violation_names_a_requirement_that_exists(project: Project, wrong: Any) -> None:
    project.openapi["components"]["schemas"]["Note"]["x-violation"] = wrong

    where, what = problem(project)

    assert where.endswith("/schema/x-violation")
    assert what == f"{wrong} is defined nowhere"


def test_the_contract_holds_the_whole_catalogue(contract: Contract) -> None:
    counts = dict.fromkeys(GROUPS, 0)
    for requirement in contract.requirements.values():
        counts[requirement.group] += 1

    assert counts == {
        "AUTH": 10,
        "ERR": 9,
        "HIST": 10,
        "SEND": 16,
        "CHAT": 6,
        "META": 11,
        "CONN": 7,
        "MSG": 13,
        "TYPE": 5,
        "PRES": 6,
        "ALL": 6,
    }
