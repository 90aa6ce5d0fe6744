import json
from pathlib import Path
from typing import Any

import pytest

from contract import Contract, DocumentError, Validator
from contract.schemas import DEEPEST, json_schema


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether an OpenAPI 3.0 schema takes a value."""
    return Validator.of(schema, Path("a.yaml"), "/schema").accepts(value)


def blamed(schema: dict[str, Any], value: Any) -> list[tuple[str, str | None]]:
    """Place and requirement of every violation."""
    return [(v.path, v.requirement) for v in Validator(json_schema(schema)).violations(value)]


def test_nullable_adds_null_to_the_type() -> None:
    assert accepts({"type": "string", "nullable": True}, None)
    assert not accepts({"type": "string", "nullable": False}, None)
    assert not accepts({"type": "string"}, None)


def test_nullable_speaks_only_beside_a_type() -> None:
    schema = {"nullable": True, "anyOf": [{"type": "string"}]}

    assert not accepts(schema, None)
    assert "nullable" not in json_schema(schema)


def test_an_enumeration_has_to_name_null_itself() -> None:
    assert not accepts({"type": "string", "nullable": True, "enum": ["a"]}, None)
    assert accepts({"type": "string", "nullable": True, "enum": ["a", None]}, None)


def test_nullable_is_found_at_any_depth() -> None:
    nullable = {"type": "integer", "nullable": True}
    for schema, value in [
        ({"properties": {"a": {"items": nullable}}}, {"a": [None]}),
        ({"allOf": [{"oneOf": [nullable]}]}, None),
        ({"additionalProperties": nullable}, {"x": None}),
        ({"not": {"not": nullable}}, None),
    ]:
        assert accepts(schema, value)


def test_a_property_may_be_called_like_a_keyword() -> None:
    names = ["nullable", "example", "enum", "default", "properties", "required", "type"]
    inner = {"type": "string", "nullable": True}
    schema = {"type": "object", "required": names, "properties": dict.fromkeys(names, inner)}

    assert accepts(schema, dict.fromkeys(names))
    for name in names:
        assert not accepts(schema, {**dict.fromkeys(names), name: 5})


def test_examples_and_defaults_are_no_schemas() -> None:
    example = {"type": "string", "nullable": True}

    assert json_schema({"example": example, "default": example, "enum": [example]}) == {
        "example": example,
        "default": example,
        "enum": [example],
    }


def test_an_exclusive_limit_is_exclusive() -> None:
    between = {"minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": False}

    assert [accepts(between, value) for value in (0, 0.1, 1, 1.1)] == [False, True, True, False]
    assert accepts({"exclusiveMinimum": True}, -5)


def test_converting_leaves_the_document_as_it_is() -> None:
    schema = {"type": "string", "nullable": True}

    json_schema(schema)

    assert schema == {"type": "string", "nullable": True}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "strng"}, "/schema/type"),
        ({"properties": {"a/b": {"pattern": "("}}}, "/schema/properties/a~1b/pattern"),
        ({"items": {"minLength": "long"}}, "/schema/items/minLength"),
        ({"required": "text"}, "/schema/required"),
        ({"properties": []}, "/schema/properties"),
    ],
)
def test_what_is_no_schema_is_named_with_its_place(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Validator.of(schema, Path("a.yaml"), "/schema")

    assert caught.value.place == place
    assert caught.value.problem.startswith("is no schema: ")
    assert len(str(caught.value).splitlines()) == 1


REQUEST = {
    "type": "object",
    "x-violation": "BODY",
    "required": ["to", "text"],
    "properties": {
        "to": {"type": "string", "pattern": "^x$", "x-violation": "TO"},
        "text": {"type": "string"},
        "file": {
            "type": "object",
            "x-violation": "FILE",
            "required": ["url"],
            "properties": {"url": {"type": "string"}},
        },
    },
    "allOf": [{"x-violation": "EITHER", "not": {"type": "object", "required": ["both"]}}],
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], [("", "BODY")]),
        ({"text": "a"}, [("", "TO")]),
        ({"to": "x"}, [("", "BODY")]),
        ({"to": 5, "text": "a"}, [("/to", "TO")]),
        ({"to": "y", "text": "a"}, [("/to", "TO")]),
        ({"to": "x", "text": 5}, [("/text", "BODY")]),
        ({"to": "x", "text": "a", "file": []}, [("/file", "FILE")]),
        ({"to": "x", "text": "a", "file": {}}, [("/file", "FILE")]),
        ({"to": "x", "text": "a", "file": {"url": 1}}, [("/file/url", "FILE")]),
        ({"to": "x", "text": "a", "both": 1}, [("", "EITHER")]),
        ({"file": {"url": 1}}, [("/file/url", "FILE"), ("", "BODY"), ("", "TO")]),
    ],
)
def test_the_nearest_annotation_is_blamed_and_the_deepest_flaw_comes_first(
    value: Any, expected: list[tuple[str, str]]
) -> None:
    found = blamed(REQUEST, value)

    assert sorted(found) == sorted(expected)
    assert found[0] == expected[0]


def test_what_has_none_of_several_forms_breaks_what_is_named_beside_them() -> None:
    forms = {"anyOf": [{"required": ["text"]}, {"required": ["file"]}]}
    body = {"x-violation": "BODY", "x-violation-of-forms": "EITHER", **forms}

    assert blamed(body, {}) == [("", "EITHER")]
    assert blamed({"x-violation": "BODY", **forms}, {}) == [("", "BODY")]


def test_nobody_is_blamed_where_the_schema_names_nobody() -> None:
    assert blamed({"type": "string"}, 5) == [("", None)]


def test_a_missing_property_that_is_called_required_is_blamed_as_its_schema_says() -> None:
    inner = {"type": "object", "required": ["required"], "properties": {"required": {}}}
    schema = {"x-violation": "ALL", "properties": {"required": {**inner, "x-violation": "ONE"}}}

    assert blamed(schema, {"required": {}}) == [("/required", "ONE")]


def test_a_violation_points_into_the_value_with_escaped_keys() -> None:
    (violation,) = Validator({"additionalProperties": {"items": {"type": "string"}}}).violations(
        {"a/b~c": ["x", 1]}
    )

    assert violation.path == "/a~1b~0c/1"
    assert "string" in violation.message


@pytest.mark.parametrize("lone", ["\ud800", "\udfff", "a\udc00b", "\udc00\ud800"])
def test_a_lone_surrogate_is_a_text_like_any_other(lone: str) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}}

    assert accepts(schema, {"text": lone})
    assert accepts(schema, {lone: [lone]})
    assert not accepts(schema, {"text": lone * 4})
    assert Validator(schema).violations({"text": lone * 4})[0].path == "/text"


def test_two_surrogates_that_belong_together_are_one_character() -> None:
    assert accepts({"type": "string", "maxLength": 1}, "\ud83d\ude00")
    assert accepts({"type": "string", "maxLength": 1}, "\U0001f600")


def test_a_text_that_begins_with_a_byte_order_mark_keeps_it() -> None:
    assert not accepts({"type": "string", "maxLength": 1}, "\ufeffa")


def test_binary_data_of_an_event_counts_as_an_object() -> None:
    assert not accepts({"type": "string"}, b"text")
    assert accepts({"type": "object"}, {"unknown": bytearray(b"\x00\xff")})
    assert not accepts({"type": "object", "required": ["recipientId"]}, b"{}")


def test_numbers_beyond_any_machine_are_judged() -> None:
    assert accepts({"type": "integer"}, 10**400)
    assert not accepts({"maximum": 5}, 10**400)
    assert accepts({}, float("inf")) and not accepts({"type": "string"}, float("nan"))


@pytest.mark.parametrize("depth", [DEEPEST, 900, 100_000])
def test_a_value_of_any_depth_is_judged(depth: int) -> None:
    lists: Any = []
    mappings: Any = {}
    for _ in range(depth):
        lists, mappings = [lists], {"a": mappings}

    assert accepts({"properties": {"x": {}}}, {"x": lists, "y": mappings})
    assert not accepts({"properties": {"x": {"type": "string"}}}, {"x": lists})
    while lists:  # Python's own way to drop a deep value may recurse.
        lists, mappings = lists[0], mappings["a"]


def test_a_large_value_is_judged() -> None:
    value = {"text": "x" * 5_000_000, "list": list(range(100_000))}

    assert accepts({"type": "object", "properties": {"text": {"type": "string"}}}, value)
    assert not accepts({"properties": {"text": {"maxLength": 10}}}, value)


@pytest.mark.parametrize(
    ("time", "right"),
    [
        ("2025-11-09T17:31:14.204Z", True),
        ("2025-11-09T17:31:14+05:30", True),
        ("2025-11-09t17:31:14z", True),
        ("2025-11-09T17:31:14", False),
        ("2025-11-09", False),
        ("2025-02-30T00:00:00Z", False),
        ("2025-11-09T17:31:14Z\n", False),
        ("Sun Nov 09 2025", False),
        ("", False),
    ],
)
def test_a_time_has_an_offset_as_rfc_3339_asks(time: str, right: bool) -> None:
    assert accepts({"type": "string", "format": "date-time"}, time) is right


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("60d0fe4f5311236168a109ca", True),
        ("60D0FE4F5311236168A109CA", True),
        ("60d0fe4f5311236168a109c", False),
        ("60d0fe4f5311236168a109ca0", False),
        ("60d0fe4f5311236168a109ca\n", False),
        (" 60d0fe4f5311236168a109ca", False),
        ("60d0fe4f5311236168a109cg", False),
        ("60d0fe4f5311236168a109c\u0661", False),
        ("twelve chars", False),
        ("", False),
        (None, False),
        (123456789012345678901234, False),
    ],
)
def test_an_object_id_is_24_hexadecimal_digits(contract: Contract, value: Any, right: bool) -> None:
    (parameter,) = contract.operations["listMessages"].parameters

    assert parameter.validator.accepts(value) is right


def test_a_violation_can_be_written_as_json() -> None:
    (violation,) = Validator({"type": "integer"}).violations("\ud800")

    assert json.dumps(violation.message).isascii() and violation.message.encode()
