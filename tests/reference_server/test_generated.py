"""Generated values fit whatever schema a document has."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contract import Validator
from reference_server.generated import NothingGenerated, generate

SCHEMAS: dict[str, Any] = {
    "texts and numbers": {
        "type": "object",
        "required": ["name", "age"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "code": {"type": "string", "minLength": 8, "maxLength": 9},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
        },
    },
    "parts of a whole": {
        "allOf": [
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
            {"type": "object", "required": ["b"], "properties": {"b": {"type": "boolean"}}},
        ]
    },
    # Closed parts could never be put together.
    "fields named in different parts": {
        "allOf": [
            {"properties": {"x": {"type": "object", "properties": {"one": {"type": "null"}}}}},
            {"required": ["x"], "properties": {"x": {"required": ["two"]}}},
        ]
    },
    "a long list": {"type": "array", "minItems": 6, "items": {"enum": [1, 2, 3]}},
    "a list that has to be empty": {"type": "array", "maxItems": 0},
    "a list that nothing can stand in": {"type": "array", "items": {"not": {}}},
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "a time": {"type": ["string", "null"], "format": "date-time"},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_values_fit(name: str) -> None:
    validator = Validator.of(SCHEMAS[name], Path("schema"), "")
    values = [asyncio.run(generate(validator, number)) for number in (1, 2, 1)]
    assert all(validator.accepts(value) for value in values)
    assert values[0] == values[2]


def test_a_list_holds_something_where_it_may() -> None:
    item = {"type": "object", "required": ["tags"], "properties": {"tags": {"type": "array"}}}
    lists = Validator.of({"type": "array", "items": item}, Path("schema"), "")
    for number in range(20):
        value = asyncio.run(generate(lists, number))
        assert value, number
        assert all(each["tags"] for each in value), number


def test_a_schema_that_nothing_fits_is_said_to_be_one() -> None:
    impossible = {"type": "object", "required": ["a"], "properties": {"a": {"not": {}}}}
    with pytest.raises(NothingGenerated):
        asyncio.run(generate(Validator.of(impossible, Path("schema"), ""), 1))
