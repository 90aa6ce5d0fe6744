from pathlib import Path
from typing import Any

import pytest

from contract import DocumentError, load
from contract.documents import Document, home
from tests.contract.conftest import Project

NOTE = "$.components.schemas.Note"


def problem(project: Project, overlay: Path) -> tuple[str, str]:
    """Place and problem of the error that loading with an overlay raises, blamed on the overlay."""
    with pytest.raises(DocumentError) as caught:
        project.load(overlay)
    assert caught.value.file == overlay
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.place, caught.value.problem


def text_accepted(project: Project, value: Any, *overlays: Path) -> bool:
    request = project.load(*overlays).operations["writeNote"].request
    assert request
    return request.validator.accepts({"text": value})


def test_the_documents_stand_where_they_are_found() -> None:
    assert (home() / "openapi" / "openapi.yaml").is_file()
    assert (home() / "asyncapi" / "asyncapi.yaml").is_file()


@pytest.mark.parametrize("text", ["", "[]", "just text", "5"])
def test_a_document_is_a_mapping(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)

    with pytest.raises(DocumentError, match="has to be a mapping at its top level"):
        Document.read(file)


def test_an_overlay_changes_what_a_request_takes(project: Project) -> None:
    wider = project.overlay({"target": f"{NOTE}.properties.text", "update": {"nullable": True}})

    assert not text_accepted(project, None)
    assert text_accepted(project, None, wider)


def test_an_overlay_of_the_openapi_document_reaches_the_events(project: Project) -> None:
    wider = project.overlay({"target": f"{NOTE}.properties.text", "update": {"nullable": True}})

    event = project.load(wider).events["note"]

    assert event.payload.validator.accepts({"text": None})


def test_overlays_and_their_actions_apply_in_order(project: Project) -> None:
    target = f"{NOTE}.properties.text"
    first = project.overlay(
        {"target": target, "update": {"minLength": 2}},
        {"target": target, "update": {"minLength": 3}},
    )
    second = project.overlay({"target": target, "update": {"minLength": 4}})

    assert text_accepted(project, "abc", first)
    assert not text_accepted(project, "abc", first, second)
    assert text_accepted(project, "abc", second, first)


def test_an_overlay_removes(project: Project) -> None:
    gone = project.overlay({"target": f"{NOTE}.required", "remove": True})

    request = project.load(gone).operations["writeNote"].request

    assert request and request.validator.accepts({})


def test_what_is_not_to_be_removed_stays(project: Project) -> None:
    stays = project.overlay(
        {"target": f"{NOTE}.properties.text", "remove": False, "update": {"minLength": 2}}
    )

    assert not text_accepted(project, "a", stays)
    assert text_accepted(project, "ab", stays)


def test_an_overlay_of_the_asyncapi_document_is_known_by_what_it_extends(project: Project) -> None:
    renamed = project.overlay(
        {"target": "$.components.messages.note", "update": {"name": "memo"}},
        extends="../asyncapi/asyncapi.yaml",
    )

    assert list(project.load(renamed).events) == ["memo"]


def test_an_overlay_of_ones_own_asyncapi_document_is_known_by_its_file_name(
    project: Project,
) -> None:
    project.asyncapi_file = project.folder / "asyncapi" / "events.json"
    renamed = project.overlay(
        {"target": "$.components.messages.note", "update": {"name": "memo"}},
        extends="asyncapi/events.json",
    )

    assert list(project.load(renamed).events) == ["memo"]


def test_the_file_on_disk_stays_as_it_is(project: Project) -> None:
    gone = project.overlay({"target": f"{NOTE}.required", "remove": True})
    project.load()
    before = project.openapi_file.read_bytes()

    project.load(gone)

    assert project.openapi_file.read_bytes() == before


@pytest.mark.parametrize(
    ("action", "place", "says"),
    [
        ({"target": "$.nowhere", "remove": True}, "/target", "$.nowhere matches nothing in "),
        ({"target": "$.paths[", "remove": True}, "/target", "is no JSONPath"),
        ({"target": "no path", "remove": True}, "/target", "is no JSONPath"),
        ({"target": "#/paths", "remove": True}, "/target", "is no JSONPath"),
        ({"target": "$.servers[?(@.url =~ '(')]", "remove": True}, "/target", "is no JSONPath"),
        ({"target": "$", "remove": True}, "", "cannot be applied"),
        ({"target": "$", "update": 5}, "", "cannot be applied"),
        ({"target": "$.x", "copy": "$.nowhere"}, "/copy", "$.nowhere matches nothing in "),
        ({"target": "$.info", "copy": "$["}, "/copy", "is no JSONPath"),
        ({"target": 5, "remove": True}, "/target", "has to be a text"),
        ({"target": "", "remove": True}, "/target", "must not be empty"),
        ({"remove": True}, "", "needs the field target"),
        ({"target": "$.info"}, "", "needs one of the fields update, copy, remove"),
        ({"target": "$.info", "remove": "yes"}, "/remove", "has to be true or false"),
        ("remove", "", "has to be a mapping"),
        (None, "", "has to be a mapping"),
    ],
)
def test_a_malformed_action_is_named_with_its_place(
    project: Project, action: Any, place: str, says: str
) -> None:
    right = {"target": "$.info", "update": {"title": "Notes"}}

    where, what = problem(project, project.overlay(right, action))

    assert where == f"/actions/1{place}"
    assert says in what


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("{}", "", "needs the field overlay"),
        ("overlay: 1.0.0", "", "needs the field actions"),
        ("overlay: 1.0\nactions: []", "/overlay", "has to be a text"),
        ("overlay: 1.0.0\nactions: []", "/actions", "has to hold one"),
        ("overlay: 1.0.0\nactions: {}", "/actions", "has to be a list"),
        ("overlay: 1.0.0\nactions: [{target: $.info", "line ", "is not YAML"),
        ("openapi: 3.0.4", "", "needs the field overlay"),
    ],
)
def test_a_malformed_overlay_is_named_with_its_place(
    project: Project, tmp_path: Path, text: str, place: str, says: str
) -> None:
    overlay = tmp_path / "own.yaml"
    overlay.write_text(text)

    where, what = problem(project, overlay)

    assert where.startswith(place) if place else where == ""
    assert says in what


def test_an_overlay_that_breaks_a_reference_is_an_error_of_the_document(project: Project) -> None:
    gone = project.overlay({"target": NOTE, "remove": True})

    with pytest.raises(DocumentError, match="points nowhere") as caught:
        project.load(gone)

    assert caught.value.file == project.openapi_file


def test_a_missing_overlay_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none\.yaml: No such file or directory"):
        load([tmp_path / "none.yaml"])
