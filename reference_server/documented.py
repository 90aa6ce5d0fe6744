"""The answers that the document holds for an operation, as answers to give."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract import Operation, Response
from reference_server.errors import Invalid
from reference_server.payloads import BODY


@dataclass(frozen=True, slots=True)
class DocumentedAnswer:
    """An answer as the document has it."""

    status: int
    body: Any
    """A JSON value, None where the document promises no body."""
    headers: tuple[tuple[bytes, bytes], ...]
    example: str | None
    """The name of the example that the body is."""
    generated: bool = False
    """Whether the body was made from the schema."""


async def choose(
    operation: Operation,
    code: int | None,
    example: str | None = None,
    *,
    seed_of: Mapping[str, Any] | None = None,
) -> DocumentedAnswer:
    """The answer of this status and with this example; where they are not named, of success and
    the first one.

    With the ASGI scope of a request in `seed_of` the body is made from the schema, unless an
    example is named: the same one for the same request. An example without a status is looked for
    among those of success first. Raises Invalid, which lists what there is.
    """
    if example is not None:
        return _example(operation, code, example)
    status = operation.success if code is None else code
    if status not in operation.responses:
        known = ", ".join(map(str, sorted(operation.responses)))
        raise Invalid(f"{operation.id} has no answer {status} in the document; it has {known}.")
    response = operation.responses[status]
    if response.validator is None:
        return DocumentedAnswer(status, None, _headers(response), None)
    if response.examples and seed_of is None:
        name, body = next(iter(response.examples.items()))
        return DocumentedAnswer(status, body, _headers(response), name)
    # Hypothesis is behind it, which a server that never generates need not import.
    from reference_server.generated import NothingGenerated, generate

    try:
        body = await generate(response.validator, _seed(operation, status, seed_of or {}))
    except NothingGenerated:
        raise Invalid(
            f"No value was found that fits the schema of {operation.id} {status}; give it an"
            " example in the document."
        ) from None
    return DocumentedAnswer(status, body, _headers(response), None, generated=True)


def _example(operation: Operation, code: int | None, example: str) -> DocumentedAnswer:
    statuses = [operation.success, *sorted(operation.responses)] if code is None else [code]
    for status in statuses:
        response = operation.responses.get(status)
        if response is not None and example in response.examples:
            body = response.examples[example]
            return DocumentedAnswer(status, body, _headers(response), example)
    known = "; ".join(
        f"{status}: {', '.join(response.examples)}"
        for status, response in sorted(operation.responses.items())
        if response.examples
    )
    wanted = example if code is None else f"{example} for {code}"
    raise Invalid(
        f"{operation.id} has no example {wanted} in the document; it has {known or 'none'}."
    )


def _headers(response: Response) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(
        (name.lower().encode(), " ".join(value.split()).encode("latin-1", "replace"))
        for name, value in response.headers.items()
    )


def _seed(operation: Operation, status: int, scope: Mapping[str, Any]) -> int:
    """A number that is the same for the same request: method, path and query, and body."""
    request = (
        operation.id.encode(),
        b"%d" % status,
        scope.get("raw_path", b""),
        scope.get("query_string", b""),
        repr(scope.get("extensions", {}).get(BODY)).encode(),
    )
    return int.from_bytes(hashlib.blake2b(b"\0".join(request), digest_size=8).digest())
