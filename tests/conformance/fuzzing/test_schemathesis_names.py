"""Schemathesis is pinned; what is used of it beyond its documentation is looked at here."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
import schemathesis
from schemathesis import GenerationMode

from conformance.fuzzing import schemathesis_names as names

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
ID = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "A document", "version": "1"},
    "security": [{"token": []}],
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/things/{id}": {
            "put": {
                "operationId": "putThing",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": ID}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"type": "string", "minLength": 1}},
                            },
                            "examples": {"one": {"value": {"name": "a thing"}}},
                        }
                    },
                },
                "responses": {"200": {"description": "success"}},
            }
        }
    },
}
BOTH = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.fixture
def operation():
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    names.quieten(schema)
    return schema["/things/{id}"]["PUT"]


@pytest.fixture
def cases(operation):
    return list(names.coverage_cases(operation, BOTH))


def test_the_installed_release_is_the_one_that_is_pinned():
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    assert f"schemathesis=={importlib.metadata.version('schemathesis')}" in dependencies


def test_an_operation_tells_its_id(operation):
    assert names.operation_id(operation) == "putThing"


def test_coverage_keeps_and_breaks_each_keyword(cases):
    bodies = [case.body for case in cases]
    assert {"name": "a thing"} in bodies
    for broken in ({}, {"name": None}, {"name": 0}, {"name": ""}, None):
        assert broken in bodies


def test_coverage_of_one_mode_holds_nothing_of_the_other(operation):
    for mode in BOTH:
        modes = {names.described(case)[1] for case in names.coverage_cases(operation, [mode])}
        assert modes == {mode.value}


def test_a_body_that_is_not_sent_is_told_from_null(cases):
    absent = [case for case in cases if isinstance(case.body, names.NotSet)]
    assert len(absent) == 1
    assert any(case.body is None for case in cases)


def test_no_other_method_and_no_credentials_are_varied(cases):
    assert {case.method for case in cases} == {"PUT"}
    assert not any("authorization" in map(str.lower, case.headers) for case in cases)
    assert not any(case.cookies or case.query for case in cases)


def test_other_media_types_stand_in_the_headers(cases):
    sent = {case.headers.get("Content-Type", case.media_type) for case in cases}
    assert {"application/json", "text/plain"} <= sent


def test_path_parameters_come_percent_encoded(cases):
    values = [case.path_parameters["id"] for case in cases]
    assert all(str(value).isascii() for value in values)
    assert any("%" in value for value in values)


def test_a_case_tells_phase_mode_and_what_it_is_about(cases):
    described = {names.described(case) for case in cases}
    assert ("coverage", "negative", "name: Incorrect type") in described
    assert ("coverage", "negative", "Missing required property: name") in described
    assert ("coverage", "positive", "Example value") in described


@pytest.mark.parametrize("mode", BOTH)
def test_a_strategy_draws_cases_of_its_mode(operation, mode):
    from hypothesis import HealthCheck, Phase, given, settings

    drawn = []

    @settings(
        max_examples=20,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case):
        drawn.append(names.described(case)[:2])

    draw()
    assert set(drawn) == {("fuzzing", mode.value)}
