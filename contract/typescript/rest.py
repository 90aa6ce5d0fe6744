"""Types of the REST operations: what `openapi-typescript` writes for the outright document."""

from collections.abc import Iterable, Mapping
from typing import Any

from contract.loading import Contract
from contract.operations import METHODS
from contract.pointers import unescaped
from contract.typescript.outright import outright
from contract.typescript.schemas import NEVER, UNKNOWN, block, member, reference, type_of

Json = Any

_NOTHING = "Record<string, never>"
_KINDS = ("schemas", "responses", "parameters", "requestBodies", "headers", "pathItems")


def rest_types(contract: Contract) -> str:
    """The types `paths`, `components` and `operations` of the OpenAPI document."""
    document = outright(contract.openapi)
    writer = _Writer(document)
    paths = block(
        member(path, writer.path(item), False) for path, item in document["paths"].items()
    )
    components = writer.components()
    return "\n".join(
        [
            f"export interface paths {paths}",
            f"export type webhooks = {_NOTHING};",
            f"export interface components {components}"
            if components
            else f"export type components = {_NOTHING};",
            f"export type $defs = {_NOTHING};",
            f"export interface operations {block(writer.operations)}"
            if writer.operations
            else f"export type operations = {_NOTHING};",
            "",
        ]
    )


class _Writer:
    """Writes the parts of one document, and keeps the operations that it comes across."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self.operations: list[str] = []

    def path(self, item: Json) -> str:
        """A path item; the operations in it are kept for an interface of their own."""
        if "$ref" in item:
            return reference(item["$ref"])
        shared = item.get("parameters", [])
        members = [member("parameters", self._parameters(shared), False)]
        for method in METHODS:
            node = item.get(method)
            if node is None:
                members.append(member(method, NEVER, True))
                continue
            name = node["operationId"]
            members.append(member(method, f'operations["{name}"]', False, _about(node)))
            parameters = {
                (found["in"], found["name"]): parameter
                for parameter in [*shared, *node.get("parameters", [])]
                for found in [self._found(parameter)]
            }
            self.operations.append(member(name, self._operation(node, parameters.values()), False))
        return block(members)

    def components(self) -> str | None:
        """The components by kind; None where the document has none."""
        if "components" not in self._document:
            return None
        writers = {
            "schemas": type_of,
            "responses": self._response,
            "parameters": _parameter,
            "requestBodies": _body,
            "headers": _header,
            "pathItems": self.path,
        }
        members = []
        for kind in _KINDS:
            nodes = self._document["components"].get(kind, {})
            inner = [member(name, writers[kind](node), False, node) for name, node in nodes.items()]
            members.append(member(kind, block(inner) if inner else NEVER, False))
        return block(members)

    def _operation(self, node: Json, parameters: Iterable[Json]) -> str:
        members = [member("parameters", self._parameters(parameters), False)]
        body = node.get("requestBody")
        if body is None:
            members.append(member("requestBody", NEVER, True))
        else:
            found = reference(body["$ref"]) if "$ref" in body else _body(body)
            optional = not self._found(body).get("required", False)
            members.append(member("requestBody", found, optional, _about(body)))
        responses = [
            member(
                status,
                reference(response["$ref"]) if "$ref" in response else self._response(response),
                False,
                _about(response),
            )
            for status, response in _by_status(node["responses"])
        ]
        members.append(member("responses", block(responses), False))
        return block(members)

    def _parameters(self, parameters: Iterable[Json]) -> str:
        found = [(parameter, self._found(parameter)) for parameter in parameters]
        members = []
        for location in ("query", "header", "path", "cookie"):
            inner = [
                (
                    member(
                        node["name"],
                        reference(own["$ref"]) if "$ref" in own else _parameter(node),
                        location != "path" and not node.get("required", False),
                        node,
                    ),
                    location == "path" or node.get("required", False),
                )
                for own, node in found
                if node["in"] == location
            ]
            kind = block(text for text, _ in inner) if inner else NEVER
            members.append(member(location, kind, not any(required for _, required in inner)))
        return block(members)

    def _response(self, node: Json) -> str:
        headers = [
            member(
                name,
                reference(header["$ref"]) if "$ref" in header else _header(header),
                "$ref" not in header and not header.get("required", False),
                header,
            )
            for name, header in node.get("headers", {}).items()
        ]
        content = _media(node.get("content", {}))
        return block(
            [
                member("headers", block([*headers, f"[name: string]: {UNKNOWN};"]), False),
                member("content", block(content), False)
                if content
                else member("content", NEVER, True),
            ]
        )

    def _found(self, node: Json) -> Json:
        while "$ref" in node:
            target: Json = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[unescaped(part)]
            node = target
        return node


def _body(node: Json) -> str:
    media = _media(node.get("content", {}))
    return block([member("content", block(media or [member("*/*", NEVER, True)]), False)])


def _media(content: Mapping[str, Json]) -> list[str]:
    return [
        member(kind, type_of(media["schema"]) if "schema" in media else UNKNOWN, False, media)
        for kind, media in content.items()
    ]


def _parameter(node: Json) -> str:
    return type_of(node["schema"]) if "schema" in node else "string"


def _header(node: Json) -> str:
    return type_of(node["schema"]) if "schema" in node else UNKNOWN


def _about(node: Json) -> Json:
    """What is said of an operation, a body or a response, without what a schema says."""
    return {key: node[key] for key in ("summary", "description", "deprecated") if key in node}


def _by_status(responses: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """The responses in the order in which JavaScript goes through them: numbers first."""
    return sorted(
        responses.items(),
        key=lambda item: (not item[0].isdecimal(), 0 if not item[0].isdecimal() else int(item[0])),
    )
