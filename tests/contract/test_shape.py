from collections.abc import Callable
from typing import Any

import pytest

from contract import DocumentError
from tests.contract.conftest import Project

OPERATION = "/paths/~1notes~1{id}/put"
BODY = f"{OPERATION}/requestBody"

Change = Callable[[Project], Any]


def put(*path: Any) -> Change:
    """Sets the last item of the path at the place that the items before it name."""

    def change(project: Project) -> None:
        node: Any = project
        *keys, last, value = path
        for key in keys:
            node = node[key] if isinstance(node, dict | list) else getattr(node, key)
        node[last] = value

    return change


def drop(*path: Any) -> Change:
    def change(project: Project) -> None:
        node: Any = project
        *keys, last = path
        for key in keys:
            node = node[key] if isinstance(node, dict | list) else getattr(node, key)
        del node[last]

    return change


PARAMETER = ("openapi", "paths", "/notes/{id}", "parameters", 0)
AT_PARAMETER = "/paths/~1notes~1{id}/parameters/0"
MEDIA = ("operation", "requestBody", "content", "application/json")
NOTE = ("asyncapi", "components", "messages", "note")


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (put("openapi", "openapi", "3.1.0"), "/openapi", "3.1.0 does not match"),
        (put("openapi", "openapi", 3.0), "/openapi", "has to be a text"),
        (drop("openapi", "openapi"), "", "needs the field openapi"),
        (drop("openapi", "info"), "", "needs the field info"),
        (drop("openapi", "info", "version"), "/info", "needs the field version"),
        (put("openapi", "info", "version", 1.0), "/info/version", "has to be a text"),
        (drop("openapi", "paths"), "", "needs the field paths"),
        (put("openapi", "paths", []), "/paths", "has to be a mapping"),
        (put("openapi", "paths", None), "/paths", "has to be a mapping"),
        (put("openapi", "paths", "notes", {}), "/paths", "notes is no name for a field here"),
        (put("openapi", "paths", "/x", []), "/paths/~1x", "has to be a mapping"),
        (put("openapi", "paths", "/x", {"get": None}), "/paths/~1x/get", "has to be a mapping"),
        (drop("operation", "operationId"), OPERATION, "needs the field operationId"),
        (put("operation", "operationId", 5), f"{OPERATION}/operationId", "has to be a text"),
        (put("operation", "operationId", ""), f"{OPERATION}/operationId", "must not be empty"),
        (drop(*PARAMETER, "name"), AT_PARAMETER, "needs the field name"),
        (drop(*PARAMETER, "in"), AT_PARAMETER, "needs the field in"),
        (put(*PARAMETER, "in", "body"), f"{AT_PARAMETER}/in", "one of path, query, header, cookie"),
        (put(*PARAMETER, "required", "yes"), f"{AT_PARAMETER}/required", "true or false"),
        (put(*PARAMETER, "schema", "string"), f"{AT_PARAMETER}/schema", "has to be a mapping"),
        (put("operation", "parameters", {}), f"{OPERATION}/parameters", "has to be a list"),
        (put("operation", "requestBody", []), BODY, "has to be a mapping"),
        (put("operation", "requestBody", {}), BODY, "needs the field content"),
        (put(*MEDIA, "examples", ["a"]), f"{BODY}/content/application~1json/examples", "a mapping"),
        (put(*MEDIA, "schema", True), f"{BODY}/content/application~1json/schema", "a mapping"),
        (drop("operation", "responses"), OPERATION, "needs the field responses"),
        (put("operation", "responses", []), f"{OPERATION}/responses", "has to be a mapping"),
        (put("operation", "responses", "ok", {}), f"{OPERATION}/responses", "ok is no name"),
        (put("operation", "responses", "200", None), f"{OPERATION}/responses/200", "a mapping"),
        (put("asyncapi", "asyncapi", "2.6.0"), "/asyncapi", "2.6.0 does not match"),
        (drop("asyncapi", "operations"), "", "needs the field operations"),
        (put("asyncapi", "operations", []), "/operations", "has to be a mapping"),
        (drop("event", "action"), "/operations/onNote", "needs the field action"),
        (put("event", "action", "emit"), "/operations/onNote/action", "one of receive, send"),
        (drop("event", "channel"), "/operations/onNote", "needs the field channel"),
        (put("event", "channel", "all"), "/operations/onNote/channel", "has to be a mapping"),
        (drop("event", "messages"), "/operations/onNote", "needs the field messages"),
        (put("event", "reply", []), "/operations/onNote/reply", "has to be a mapping"),
        (drop(*NOTE, "name"), "/operations/onNote/messages/0", "needs the field name"),
        (put(*NOTE, "payload", []), "/operations/onNote/messages/0/payload", "a mapping"),
        (drop(*NOTE, "payload", "schema"), "/operations/onNote/messages/0/payload", "schema"),
        (put(*NOTE, "examples", {}), "/operations/onNote/messages/0/examples", "a list"),
        (put(*NOTE, "examples", [5]), "/operations/onNote/messages/0/examples/0", "a mapping"),
    ],
)
def test_a_document_of_the_wrong_shape_stops_with_one_line_that_names_file_and_place(
    project: Project, change: Change, place: str, says: str
) -> None:
    project.load()  # right before the change
    change(project)

    with pytest.raises(DocumentError) as caught:
        project.load()

    assert caught.value.file in (project.openapi_file, project.asyncapi_file)
    assert caught.value.place == place
    assert says in caught.value.problem
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_wrong_is_said_without_showing_the_whole_document(project: Project) -> None:
    project.operation["responses"] = ["x" * 10_000]

    with pytest.raises(DocumentError) as caught:
        project.load()

    assert len(str(caught.value)) < 300
