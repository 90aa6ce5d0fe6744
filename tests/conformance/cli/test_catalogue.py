"""What `requirements` and `explain` say."""

import pytest

from conformance.cli.catalogue import explanation, listing
from conformance.scenarios import FOLDER
from contract import GROUPS, Clause, Requirement, load

CONTRACT = load()


def test_every_requirement_has_its_line_under_its_group():
    *lines, legend = listing(CONTRACT).splitlines()
    assert legend.startswith("Judged by: ")
    group = ""
    found = []
    for line in lines:
        if line and not line.startswith(" "):
            group = line.split()[0]
        elif line.startswith("  ") and line[2] != " ":
            id, level = line.split()[:2]
            assert id.startswith(f"{group}-")
            assert CONTRACT.requirements[id].level == level
            found.append(id)
    assert sorted(found) == sorted(CONTRACT.requirements)
    assert [line.split()[0] for line in lines if line and line[0] != " "] == list(GROUPS)


@pytest.mark.parametrize("columns", [70, 80, 120])
def test_on_a_terminal_texts_are_put_into_its_width_and_nothing_is_lost(columns):
    lines = listing(CONTRACT, columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()) == " ".join(listing(CONTRACT).split())


def test_clauses_stand_below_their_requirement():
    lines = listing(CONTRACT).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  SEND-14"))
    (clause,) = CONTRACT.requirements["SEND-14"].clauses
    assert lines[start + 1].split(maxsplit=1) == [clause.level, clause.text]


def test_an_explanation_says_all_there_is():
    requirement = Requirement(
        id="SEND-09",
        level="must",
        text="A message to nobody is refused.",
        notes="§3.2",
        accepts="404",
        decisions=("D2", "D11"),
        clauses=(Clause("should", "It says to whom."),),
        binds=("sendMessage",),
    )
    paragraphs = explanation(CONTRACT, requirement).split("\n\n")
    assert paragraphs[:6] == [
        "SEND-09 (must, §3.2)",
        "A message to nobody is refused.",
        "should: It says to whom.",
        "Accepted: 404",
        "Settled by D2, D11 in docs/decisions.md.",
        "Binds sendMessage.",
    ]
    assert paragraphs[6].startswith("Judged by the scenarios: ")


@pytest.mark.parametrize("id", sorted(CONTRACT.requirements))
def test_every_requirement_can_be_explained_within_88_columns(id):
    text = explanation(CONTRACT, CONTRACT.requirements[id])
    assert text.startswith(id)
    assert max(map(len, text.splitlines())) <= 88


def test_every_decision_that_a_requirement_names_is_written_down():
    root = FOLDER.parents[1]
    decisions = root / "docs" / "decisions.md"
    if not decisions.exists():
        pytest.skip("docs/decisions.md is not in this copy")
    written = decisions.read_text()
    named = {d for requirement in CONTRACT.requirements.values() for d in requirement.decisions}
    assert {d for d in named if f"{d} " not in written and f"{d}." not in written} == set()


def test_a_group_is_listed_alone(capsys):
    from conformance.cli.catalogue import run_command

    assert run_command(["explain", "send"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("SEND  ")
    ids = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert ids == [id for id, it in CONTRACT.requirements.items() if it.group == "SEND"]
