"""Values made up from a schema, for what a team adds to the documents without an example.

The same schema gives the same value, and one that looks like what a person would write: every
property is there, lists hold one item, and a text without a form is the name of its property.
"""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contract import Validator

Json = Any

_GIVEN = ("const", "example", "default")
_FORMS = {
    "date-time": "2025-11-09T17:31:14.204Z",
    "date": "2025-11-09",
    "time": "17:31:14Z",
    "duration": "PT3M",
    "email": "asha@reals2chat.example",
    "hostname": "reals2chat.example",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://reals2chat.example/",
    "uri-reference": "/",
    "url": "https://reals2chat.example/",
    "uuid": "6910a1f2-5311-4236-a8a2-0b1160d0fe4f",
    "byte": "UjJD",
}
_OBJECT_ID = "6910a1f25311236168a20b11"
_PATIENCE = 2000  # attempts at a text that fits a pattern


class NoSample(Exception):
    """No value could be made up that fits the schema."""


def sample(validator: Validator) -> Json:
    """A value that the validator accepts. Raises NoSample where none was found."""
    return _first(validator.schema, "text")


def completed(validator: Validator, value: Json) -> Json:
    """The value, with made-up fields for those that it lacks where it does not fit without them.

    So a message carries the field that a team has added to its schema, and no other. Raises
    NoSample where it does not fit with them either.
    """
    if validator.accepts(value):
        return value
    made = sample(validator)
    whole = _filled(made, value)
    if not validator.accepts(whole):
        raise NoSample
    spared: frozenset[_Place] = frozenset()
    for place in dict.fromkeys(_lacking(made, value)):
        less = _filled(made, value, spared | {place})
        if validator.accepts(less):
            spared, whole = spared | {place}, less
    return whole


_Place = tuple[str, ...]
_ITEM = ""
"""What stands in a place for every item of a list."""


def _lacking(made: Json, value: Json, place: _Place = ()) -> Iterator[_Place]:
    """Where the value has no field and the one that was made has one."""
    if isinstance(made, dict) and isinstance(value, dict):
        for name, each in made.items():
            if name in value:
                yield from _lacking(each, value[name], (*place, name))
            else:
                yield (*place, name)
    elif isinstance(made, list) and made and isinstance(value, list):
        for item in value:
            yield from _lacking(made[0], item, (*place, _ITEM))


def _filled(
    made: Json, value: Json, spared: frozenset[_Place] = frozenset(), place: _Place = ()
) -> Json:
    """The value with the fields that it lacks, but for those at the places that are spared."""
    if isinstance(made, dict) and isinstance(value, dict):
        return {name: each for name, each in made.items() if (*place, name) not in spared} | {
            name: _filled(made.get(name), each, spared, (*place, name))
            for name, each in value.items()
        }
    if isinstance(made, list) and made and isinstance(value, list):
        return [_filled(made[0], each, spared, (*place, _ITEM)) for each in value]
    return value


def _values(schema: Json, name: str) -> Iterator[Json]:
    """Values to try for a JSON Schema (2020-12) without references; the likeliest first."""
    if not isinstance(schema, Mapping):
        yield {}
        return
    yield from (schema[key] for key in _GIVEN if key in schema)
    yield from schema.get("examples", ()) if isinstance(schema.get("examples"), list) else ()
    yield from (value for value in schema.get("enum", ()) if value is not None)
    whole = schema
    for part in schema.get("allOf", ()):
        whole = _both(whole, part)
    for choice in ("oneOf", "anyOf"):
        for option in whole.get(choice, ()):
            rest = {key: value for key, value in whole.items() if key != choice}
            with contextlib.suppress(NoSample):
                yield from _values(_both(rest, option), name)
    yield from _plain(whole, name)


def _both(one: Mapping[str, Json], other: Json) -> Mapping[str, Json]:
    """A schema for values that are to fit two; what they say differently is the second's."""
    if not isinstance(other, Mapping):
        return one
    merged = {key: value for key, value in {**one, **other}.items() if key != "allOf"}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
        for shared in one["properties"].keys() & other["properties"].keys():
            merged["properties"][shared] = _both(
                one["properties"][shared], other["properties"][shared]
            )
    for part in other.get("allOf", ()):
        merged = dict(_both(merged, part))
    return merged


def _plain(schema: Mapping[str, Json], name: str) -> Iterator[Json]:
    """Values by their type alone."""
    kinds = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), "null")
    match kinds:
        case "object" | None:
            yield _object(schema)
        case "array":
            item = _first(schema.get("items", {}), name)
            yield [item] * max(min(1, schema.get("maxItems", 1)), schema.get("minItems", 0))
        case "string":
            yield _text(schema, name)
        case "integer" | "number":
            yield from _numbers(schema)
        case "boolean":
            yield from (True, False)
        case _:
            yield None


def _object(schema: Mapping[str, Json]) -> Json:
    members = {}
    for name, member in schema.get("properties", {}).items():
        if isinstance(member, Mapping) and member.get("writeOnly"):
            continue
        try:
            members[name] = _first(member, name)
        except NoSample:
            if name in schema.get("required", ()):
                raise
    more = schema.get("additionalProperties")
    if not members and isinstance(more, Mapping):
        members["name"] = _first(more, "text")
    return members


def _first(schema: Json, name: str) -> Json:
    """The likeliest value that fits. Raises NoSample where none does."""
    accepts = Validator(schema).accepts
    for value in _values(schema, name):
        if accepts(value):
            return value
    raise NoSample


def _text(schema: Mapping[str, Json], name: str) -> str:
    if "pattern" in schema:
        return _matching(schema)
    text = _FORMS.get(schema.get("format", ""), name)
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if len(text) < least:
        text = (text * least)[:least]
    return text if len(text) <= most else text[: int(most)]


def _matching(schema: Mapping[str, Json]) -> str:
    """A text of the schema's pattern, by Hypothesis: the simplest that there is."""
    fits = Validator({**schema, "type": "string"}).accepts
    for likely in (_OBJECT_ID, *_FORMS.values()):
        if fits(likely):
            return likely
    # Imported here: it takes longer to import than the rest of the server, and few need it.
    from hypothesis import Phase, find, settings
    from hypothesis.errors import HypothesisException
    from hypothesis.strategies import from_regex

    thorough = settings(
        max_examples=_PATIENCE,
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
    )
    try:
        return str(find(from_regex(schema["pattern"]), fits, settings=thorough))
    except (HypothesisException, re.error, ValueError, OverflowError):
        raise NoSample from None


def _numbers(schema: Mapping[str, Json]) -> Iterator[int | float]:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        yield step
        low = high if high is not None else 0
    lowest = math.ceil(low / step) * step
    yield from (lowest, lowest + step, lowest - step)
    if high is not None:
        yield (low + high) / 2
