"""Each requirement is known to stand on a line of a document."""

import yaml

from contract import load, requirement_places
from contract.documents import home
from contract.places import _entries


def test_every_requirement_stands_on_the_line_that_has_its_id():
    places = requirement_places()
    assert places.keys() == load().requirements.keys()
    for id, place in places.items():
        line = (home() / place.file).read_text("utf-8").splitlines()[place.line - 1]
        assert f"id: {id}" in line


def test_entries_that_only_name_a_requirement_are_no_place_of_it():
    text = "x-requirements:\n  - SEND-01\n  - id: SEND-02\n  - {id: SEND-03}\npaths: [{x: 1}]\n"
    lines = [entry.start_mark.line for entry in _entries(yaml.compose(text))]
    assert lines == [2, 3]
