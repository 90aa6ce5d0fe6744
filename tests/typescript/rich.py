"""A copy of the OpenAPI document with all there is to make types of."""

from pathlib import Path
from typing import Any

from tests.reference_server.extending import answer, openapi

TEXT: dict[str, Any] = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "Colour": {
        "type": "string",
        "enum": ["red", "grün", 'it\'s "x"'],
        "nullable": True,
        "title": "A colour",
        "default": "red",
    },
    "Level": {"type": "integer", "enum": [-1, 0, 2], "deprecated": True},
    "Mixed": {"oneOf": [TEXT, {"type": "integer"}]},
    "Circle": {
        "type": "object",
        "required": ["radius"],
        "properties": {
            "radius": {"type": "number", "minimum": 0, "format": "double"},
            "x-ray": TEXT,
            "an odd name": {"type": "boolean", "readOnly": True},
            "secret": {**TEXT, "writeOnly": True, "description": "Says */ and\nmore"},
        },
    },
    "Shape": {
        "type": "object",
        "oneOf": [
            {"$ref": "#/components/schemas/Circle"},
            {"type": "object", "required": ["side"], "properties": {"side": {"type": "number"}}},
        ],
    },
    "Base": {"type": "object", "properties": {"id": TEXT, "kind": TEXT}},
    "Child": {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]},
        ]
    },
    "Strict": {
        "required": ["id", "extra"],
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"type": "object", "properties": {"extra": TEXT}},
        ],
    },
    "Orphan": {
        "type": "object",
        "properties": {"own": {"$ref": "#/components/schemas/Colour"}},
        "allOf": [{"$ref": "#/components/schemas/Base"}],
        "nullable": True,
    },
    "Some": {
        "type": "object",
        "required": ["a"],
        "description": "One of several",
        "properties": {
            "a": {**TEXT, "nullable": True},
            "b": {"$ref": "#/components/schemas/Colour"},
        },
        "anyOf": [
            {"required": ["b"]},
            {"properties": {"a": TEXT, "c": {"type": "integer"}}, "required": ["c"]},
        ],
    },
    "Map": {
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Mixed"}},
        },
    },
    "Open": {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True},
    "Opener": {"type": "object", "additionalProperties": {}},
    "Closed": {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
    "Empty": {"type": "object"},
    "Any": {},
    "List": {
        "type": "array",
        "items": {"anyOf": [TEXT, {"type": "boolean"}], "nullable": True},
        "example": [1, {"a": "ü"}],
    },
    "Choices": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    "Things": {"type": "array", "items": {}},
    "Perhaps": {"oneOf": [{"$ref": "#/components/schemas/Base"}, {**TEXT, "nullable": True}]},
    "Blank": {**TEXT, "example": ""},
    "Off": {"type": "boolean", "default": False},
    "Amount": {"type": "number", "default": 1.5, "example": 10000000.0},
    "Untyped": {"properties": {"q": TEXT}},
}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
PATHS: dict[str, Any] = {
    "/things/{id}": {
        "summary": "Things",
        "parameters": [ID, {"name": "lang", "in": "cookie", "schema": TEXT}],
        "get": {
            "operationId": "readThing",
            "deprecated": True,
            "description": "  One\n  thing\n",
            "parameters": [
                {"name": "X-A", "in": "header", "required": True, "schema": TEXT},
                {"name": "q", "in": "query", "schema": {"type": "array", "items": TEXT}},
                {"$ref": "#/components/parameters/Limit"},
            ],
            "responses": {
                "default": {"description": "Anything"},
                "2XX": {"description": "Fine"},
                "404": {"$ref": "#/components/responses/NotFound"},
                "200": {
                    "description": "The thing",
                    "headers": {
                        "X-H": {"$ref": "#/components/headers/Trace"},
                        "X-R": {"required": True, "schema": {"type": "integer"}},
                    },
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Some"}},
                        "text/plain": {},
                        "image/png": {"schema": {**TEXT, "format": "binary"}},
                    },
                },
            },
        },
        "patch": {
            "operationId": "change-thing.v2",
            "requestBody": {"$ref": "#/components/requestBodies/Change"},
            "responses": answer(204),
        },
        "delete": {
            "operationId": "removeThing",
            "parameters": [{**ID, "schema": TEXT}],
            "requestBody": {
                "description": "Why",
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "nullable": True},
                        "example": {"a": []},
                    }
                },
            },
            "responses": answer(200, {}),
        },
    }
}
COMPONENTS: dict[str, Any] = {
    "schemas": SCHEMAS,
    "parameters": {
        "Limit": {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "default": 5},
            "description": "How many",
        }
    },
    "headers": {"Trace": {"schema": TEXT, "description": "Which"}},
    "requestBodies": {
        "Change": {
            "required": True,
            "description": "What",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Child"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"f": {**TEXT, "format": "binary"}},
                    }
                },
            },
        }
    },
}


def rich_document(folder: Path) -> Path:
    """The file of that copy, in a folder."""
    return openapi(folder, PATHS, **COMPONENTS)
