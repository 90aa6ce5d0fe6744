from pathlib import Path
from typing import Any

import pytest

from contract import DocumentError
from contract.documents import Document
from contract.references import resolved


def document(root: dict[str, Any], name: str = "one.yaml") -> Document:
    return Document(Path("/documents") / name, root)


def error(root: dict[str, Any], *others: Document) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        resolved(document(root), {other.file: other for other in others})
    return caught.value


def test_a_reference_is_replaced_by_what_it_points_to() -> None:
    root = {"a": {"$ref": "#/b/c"}, "b": {"c": [{"$ref": "#/d"}]}, "d": 5}

    assert resolved(document(root), {})["a"] == [5]


def test_the_document_itself_stays_as_it_was() -> None:
    root = {"a": {"$ref": "#/b"}, "b": {"c": 1}}

    resolved(document(root), {})["a"]["c"] = 2

    assert root == {"a": {"$ref": "#/b"}, "b": {"c": 1}}


@pytest.mark.parametrize(
    "reference",
    ["#/paths/~1a~1{b}", "#/paths/~1a~1%7Bb%7D", "#/list/1", "#/til~0de", "one.yaml#/list/1"],
)
def test_a_pointer_may_be_escaped_percent_encoded_or_an_index(reference: str) -> None:
    root = {"paths": {"/a/{b}": "x"}, "list": ["w", "x"], "til~de": "x", "a": {"$ref": reference}}

    assert resolved(document(root), {})["a"] == "x"


@pytest.mark.parametrize(
    "reference",
    [
        "#/nowhere",
        "#/list/2",
        "#/list/-1",
        "#/list/²",
        "#/list/x",
        "#/text/0",
        "#anchor",
        "#/list/",
    ],
)
def test_a_dangling_reference_is_named_with_its_place(reference: str) -> None:
    found = error({"list": [0, 1], "text": "abc", "a/b": [{"$ref": reference}]})

    assert found.file == Path("/documents/one.yaml")
    assert found.place == "/a~1b/0"
    assert found.problem == f"the reference {reference} points nowhere"


@pytest.mark.parametrize(
    "root",
    [
        {"a": {"$ref": "#/a"}},
        {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}},
        {"a": {"child": {"$ref": "#/a"}}, "z": {"$ref": "#/a"}},
        {"a": {"$ref": ""}},
    ],
)
def test_a_reference_back_to_itself_is_an_error_and_no_endless_loop(root: dict[str, Any]) -> None:
    assert "leads back to itself" in error(root).problem


def test_the_same_target_twice_is_no_cycle() -> None:
    root = {"a": {"x": {"$ref": "#/b"}, "y": {"$ref": "#/b"}}, "b": {"z": {"$ref": "#/c"}}, "c": 1}

    assert resolved(document(root), {})["a"] == {"x": {"z": 1}, "y": {"z": 1}}


def test_a_reference_may_lead_into_another_document_and_on_inside_it() -> None:
    other = document({"a": {"$ref": "#/b"}, "b": 7}, "two.yaml")

    assert resolved(document({"x": {"$ref": "two.yaml#/a"}}), {other.file: other}) == {"x": 7}


def test_one_name_in_two_documents_is_no_cycle() -> None:
    other = Document(Path("/elsewhere/one.yaml"), {"a": 7})
    root = {"a": {"$ref": "../elsewhere/one.yaml#/a"}, "b": {"$ref": "#/a"}}

    assert resolved(document(root), {other.file: other})["b"] == 7


def test_a_broken_reference_in_another_document_is_named_there() -> None:
    other = document({"a": {"deep": {"$ref": "#/none"}}}, "two.yaml")

    found = error({"x": {"$ref": "two.yaml#/a"}}, other)

    assert (found.file.name, found.place) == ("two.yaml", "/a/deep")


@pytest.mark.parametrize(
    "reference", ["three.yaml#/a", "https://example.org/s.json", "/etc/passwd"]
)
def test_a_document_that_was_not_given_is_not_read(reference: str) -> None:
    found = error({"x": {"$ref": reference}})

    assert found.problem == f"{reference} points into an unknown document"


def test_a_field_that_is_called_ref_is_no_reference() -> None:
    root = {"properties": {"$ref": {"type": "string"}}}

    assert resolved(document(root), {}) == root
