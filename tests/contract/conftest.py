"""Two small documents that tests break in one place, and a way to load them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract import Contract, load

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.4",
    "info": {"title": "Notes", "version": "2.1.0"},
    "x-requirements": [
        {"id": "ERR-01", "level": "must", "notes": "§5", "text": "An error has a body."}
    ],
    "servers": [{"url": "https://notes.example"}],
    "paths": {
        "/notes/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "put": {
                "operationId": "writeNote",
                "x-blame": {"accepts": "META-01", "refuses": "META-02", "unknown": "META-02"},
                "x-requirements": [
                    {
                        "id": "META-01",
                        "level": "must",
                        "notes": "§2.2",
                        "text": "A note is written.",
                        "accepts": "Either form.",
                        "decisions": ["D1"],
                        "also": [{"level": "should", "text": "It is written at once."}],
                    },
                    {"id": "META-02", "level": "should", "notes": "§5", "text": "It is checked."},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Note"},
                            "example": {"text": "milk"},
                        }
                    }
                },
                "responses": {
                    "200": {
                        "description": "It is written.",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Note"}}
                        },
                    },
                    "404": {"description": "There is none."},
                },
            },
        }
    },
    "components": {
        "schemas": {
            "Note": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string", "x-violation": "META-02"}},
            }
        }
    },
}
ASYNCAPI: dict[str, Any] = {
    "asyncapi": "3.1.0",
    "info": {"title": "Notes", "version": "2.1.0"},
    "channels": {
        "all": {"address": "/", "messages": {"note": {"$ref": "#/components/messages/note"}}}
    },
    "operations": {
        "onNote": {
            "action": "receive",
            "channel": {"$ref": "#/channels/all"},
            "messages": [{"$ref": "#/channels/all/messages/note"}],
            "reply": {"messages": [{"$ref": "#/channels/all/messages/note"}]},
            "x-requirements": ["META-01"],
        }
    },
    "components": {
        "messages": {
            "note": {
                "name": "note",
                "payload": {
                    "schemaFormat": "application/vnd.oai.openapi;version=3.0.0",
                    "schema": {"$ref": "../openapi/openapi.yaml#/components/schemas/Note"},
                },
                "examples": [{"payload": {"text": "milk"}}],
            }
        }
    },
}


class Project:
    """The two documents in a folder; changed in memory, written when they are loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.openapi = copy.deepcopy(OPENAPI)
        self.asyncapi = copy.deepcopy(ASYNCAPI)
        self.openapi_file = folder / "openapi" / "openapi.yaml"
        self.asyncapi_file = folder / "asyncapi" / "asyncapi.yaml"

    @property
    def operation(self) -> dict[str, Any]:
        """The one operation of the OpenAPI document."""
        operation: dict[str, Any] = self.openapi["paths"]["/notes/{id}"]["put"]
        return operation

    @property
    def event(self) -> dict[str, Any]:
        """The one operation of the AsyncAPI document."""
        event: dict[str, Any] = self.asyncapi["operations"]["onNote"]
        return event

    def overlay(self, *actions: Any, extends: str = "../openapi/openapi.yaml") -> Path:
        """Writes an overlay with these actions."""
        file = self.folder / f"overlay-{len(list(self.folder.glob('overlay-*')))}.yaml"
        overlay = {"overlay": "1.0.0", "extends": extends, "actions": list(actions)}
        file.write_text(json.dumps(overlay), "utf-8")
        return file

    def load(self, *overlays: Path) -> Contract:
        """Writes both documents and loads them."""
        for file, root in (
            (self.openapi_file, self.openapi),
            (self.asyncapi_file, self.asyncapi),
        ):
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(root), "utf-8")
        return load(overlays, self.openapi_file, self.asyncapi_file)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes text or bytes to a file of that name."""

    def write(content: str | bytes, name: str = "document.yaml") -> Path:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract that ships with the project."""
    return load()
