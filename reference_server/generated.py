"""Values made from a schema, by Schemathesis: valid, different for each seed, the same for one.

Hypothesis makes what is hard on a program; this is for the eyes of a developer as well. So texts
are made of words and times lie in this decade wherever the schema leaves them open, no list is
empty that need not be, and no field stands there that the document does not name.
"""

import asyncio
import functools
import json
import threading
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from contract import Validator

TRIES = 5
"""Values that are made for one; the first of them is the smallest that fits, whatever the seed."""
LONGEST_LIST = 4
REMEMBERED = 1000
"""Values that stay the same for their number while the process lives."""

_WORDS = "^[A-Z][a-z]{1,8}( [a-z]{1,8}){0,5}$"
_TIME = (
    r"^202[0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$"
)
_JSON = (dict, list, str, int, float, type(None))
_BOUNDS = {"enum", "const", "pattern", "format", "maxLength"}
_COMBINATIONS = ("allOf", "anyOf", "oneOf")
_AS_IS = ("enum", "const", "example", "examples", "default")
_one_at_a_time = threading.Lock()  # strategies are shared


class NothingGenerated(Exception):
    """No value that fits the schema was found."""


async def generate(validator: Validator, number: int) -> Any:
    """A value that the validator accepts, the same for the same number.

    It is made in a thread, as it takes some tenths of a second. Raises NothingGenerated.
    """
    return await asyncio.to_thread(_generate, json.dumps(validator.schema), number)


@functools.lru_cache(maxsize=REMEMBERED)
def _generate(schema: str, number: int) -> Any:
    # Remembered, as Hypothesis draws on the constants of the modules that are loaded by then.
    validator = Validator(json.loads(schema))
    with _one_at_a_time:
        for filled, closed in ((True, True), (False, True), (False, False)):
            for value in reversed(_values(schema, filled, closed, number)):
                if validator.accepts(value):
                    return value
    raise NothingGenerated("no value that fits the schema was found")


def _values(schema: str, filled: bool, closed: bool, number: int) -> list[Any]:
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=TRIES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_strategy(schema, filled, closed))
    def collect(case: Any) -> None:
        if isinstance(case.body, _JSON):  # and not the mark of a body that is absent
            found.append(case.body)

    try:
        collect()
    except Unsatisfiable:
        return []
    return found


@functools.lru_cache(maxsize=64)
def _strategy(schema: str, filled: bool, closed: bool) -> Any:
    """What makes values for a schema, given as JSON: that of a request whose body has it."""
    content = {"application/json": {"schema": _modest(json.loads(schema), filled, closed)}}
    operation = {
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "Never given."}},
    }
    document = schemathesis.openapi.from_dict(
        {
            "openapi": "3.1.0",
            "info": {"title": "A schema", "version": "1"},
            "paths": {"/value": {"post": operation}},
        }
    )
    # To know which characters other codecs have takes Hypothesis some seconds.
    document.config.generation.update(database="none", codec="ascii")
    return document["/value"]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE)


def _modest(schema: Any, filled: bool, closed: bool, *, part: bool = False) -> Any:
    """The schema (JSON Schema 2020-12) with narrower bounds where it has none.

    `filled` leaves no list empty, `closed` no room for fields that it does not name; `part` says
    that it stands within a combination, whose other parts may name some.
    """
    if isinstance(schema, list):
        return [_modest(each, filled, closed, part=part) for each in schema]
    if not isinstance(schema, dict):
        return schema
    narrowed = {
        key: {name: _modest(each, filled, closed) for name, each in value.items()}
        if key == "properties"
        else value
        if key in _AS_IS
        else _modest(value, filled, closed, part=key in _COMBINATIONS)
        for key, value in schema.items()
    }
    types = schema.get("type")
    if "string" in (types if isinstance(types, list) else [types]):
        if schema.get("format") == "date-time":
            narrowed["pattern"] = _TIME
        elif not _BOUNDS & schema.keys() and schema.get("minLength", 0) <= 2:
            narrowed["pattern"] = _WORDS
    elif types == "array":
        narrowed.setdefault("maxItems", max(LONGEST_LIST, schema.get("minItems", 0)))
        if filled and narrowed["maxItems"]:
            narrowed["minItems"] = max(1, schema.get("minItems", 0))
    if closed and not part and (names := _names(schema)):
        narrowed.setdefault("propertyNames", {"enum": sorted(names)})
    return narrowed


def _names(schema: Any) -> set[str]:
    """The fields that a schema names, and those that it is combined from."""
    names: set[str] = set(schema.get("properties", ()))
    for combination in _COMBINATIONS:
        for each in schema.get(combination, ()):
            names |= _names(each)
    return names
