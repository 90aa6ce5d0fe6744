"""Each test that a document names as proof is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = {"SECURITY.md": 15, "docs/protocol.md": 15}
"""At least so many proofs each names."""


def proofs(document: str) -> list[tuple[str, str]]:
    """The file and the name of each test that is named behind a link to its file."""
    text = (ROOT / document).read_text("utf-8")
    links = re.findall(r"\]\((?:\.\./)?(tests/[\w/.]+)\)([^|\n\]]*)", text)
    return [(file, name) for file, names in links for name in re.findall(r"`(test_\w+)`", names)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_there_is_something_to_look_for(document: str) -> None:
    assert len(proofs(document)) > DOCUMENTS[document]


@pytest.mark.parametrize(
    ("file", "name"), sorted({each for document in DOCUMENTS for each in proofs(document)})
)
def test_the_test_that_shows_it_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text("utf-8")
