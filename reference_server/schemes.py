"""Which ways of saying who one is the server can check: bearer tokens, and none other."""

from collections.abc import Iterator
from typing import Any

from contract import Contract
from contract.pointers import escaped
from reference_server.errors import StartError


def require_bearer(contract: Contract) -> None:
    """Raises StartError where the OpenAPI document asks for credentials of another kind."""
    known = contract.openapi.get("components", {}).get("securitySchemes", {})
    for place, name in _asked(contract):
        where = f"{contract.files[0]}, {place}"
        if name not in known:
            raise StartError(f"{where}: {name} is no security scheme of the document.")
        scheme = known[name]
        if "$ref" not in scheme and _kind(scheme) != ("http", "bearer"):
            raise StartError(
                f"{where}: {name} is no bearer scheme, and the server can check no other; give the"
                " operation `security: []`, or the bearer scheme."
            )


def _kind(scheme: Any) -> tuple[str, str]:
    return str(scheme.get("type")), str(scheme.get("scheme")).lower()


def _asked(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yields the place and the scheme of every security requirement."""
    owners = [("", contract.openapi)] + [
        (
            f"/paths/{escaped(operation.path)}/{operation.method.lower()}",
            contract.openapi["paths"][operation.path].get(operation.method.lower(), {}),
        )
        for operation in contract.operations.values()
    ]
    for place, node in owners:
        for number, requirement in enumerate(node.get("security", ())):
            for name in requirement:
                yield f"{place}/security/{number}", name
