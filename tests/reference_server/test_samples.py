"""Values made up from a schema."""

import time
from typing import Any

import pytest

from contract import Validator, load
from reference_server.samples import NoSample, completed, sample

CONTRACT = load()


def test_every_schema_of_the_contract_has_a_sample_that_fits() -> None:
    validators = [
        *(event.payload.validator for event in CONTRACT.events.values()),
        *(each.acknowledgement for each in CONTRACT.events.values() if each.acknowledgement),
        *(
            response.validator
            for operation in CONTRACT.operations.values()
            for response in operation.responses.values()
            if response.validator
        ),
    ]
    assert len(validators) > 30
    for validator in validators:
        assert validator.accepts(sample(validator))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["string", "null"], "minLength": 6}, "textte"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date-time"}, "2025-11-09T17:31:14.204Z"),
        ({"type": "string", "pattern": "^[0-9a-f]{24}$"}, "6910a1f25311236168a20b11"),
        ({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}, "AAA-0000"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "integer", "minimum": 3, "multipleOf": 4}, 4),
        ({"type": "integer", "exclusiveMinimum": 7}, 8),
        ({"type": "integer", "exclusiveMaximum": -7}, -8),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"enum": [None, "red"]}, "red"),
        ({"default": 5, "type": "integer"}, 5),
        ({"default": "wrong", "type": "integer"}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"name": 1}),
        ({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, 5),
        ({}, {}),
    ],
)
def test_a_sample_is_plain(schema: Any, expected: Any) -> None:
    assert sample(Validator(schema)) == expected


def test_properties_carry_their_names_and_optional_ones_are_there() -> None:
    city = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"},
            "mayor": {"type": "string"}, "key": {"type": "string", "writeOnly": True}}}  # fmt: skip
    assert sample(Validator(city)) == {"name": "name", "mayor": "mayor"}


def test_parts_are_put_together() -> None:
    named = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    aged = {"required": ["age"], "properties": {"age": {"type": "integer"}}}
    wise = {"properties": {"age": {"minimum": 70}}}
    schema = {"allOf": [named, {"allOf": [aged, wise]}]}
    assert sample(Validator(schema)) == {"name": "name", "age": 70}


def test_of_several_choices_the_first_that_can_be_made_up_is_taken() -> None:
    impossible = {"type": "string", "pattern": "a", "maxLength": 0}
    schema = {"type": "object", "properties": {"it": {"anyOf": [impossible, {"type": "integer"}]}}}
    assert sample(Validator(schema)) == {"it": 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {}},
        {"type": "string", "pattern": "a", "maxLength": 0},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True},
        {"type": "object", "required": ["x"], "properties": {"x": {"not": {}}}},
    ],
)
def test_what_cannot_be_made_up_is_said_soon(schema: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(NoSample):
        sample(Validator(schema))
    assert time.monotonic() - begun < 10


def test_only_what_a_value_lacks_is_made_up() -> None:
    city = {"type": "object", "required": ["name", "mayor"],
            "properties": {"name": {"type": "string"}, "mayor": {"type": "string"}}}  # fmt: skip
    cities = Validator({"type": "array", "items": city})
    assert completed(cities, [{"name": "Puri"}, {"mayor": "Asha", "age": 5}]) == [
        {"name": "Puri", "mayor": "mayor"},
        {"name": "name", "mayor": "Asha", "age": 5},
    ]
    river = {"type": "object", "properties": {"river": {"type": "string"}}}
    answer = {"anyOf": [{**river, "required": ["cities"]}, {"required": ["message"]}]}
    answer["anyOf"][0]["properties"]["cities"] = cities.schema
    assert completed(Validator(answer), {"cities": [{"name": "Puri"}]}) == {
        "cities": [{"name": "Puri", "mayor": "mayor"}]
    }, "and no river, which nobody asks for"
    whole = [{"name": "Puri", "mayor": "Ben"}]
    assert completed(cities, whole) is whole
    with pytest.raises(NoSample):
        completed(cities, [{"name": 5}])
