"""Every name of Schemathesis that its documentation does not promise, imported in one place.

Schemathesis is pinned exactly, since these names may move with any release.
`tests/conformance/fuzzing/test_schemathesis_names.py` shows that each exists and does what is
needed here, so that an upgrade fails there first and says why.
"""

from collections.abc import Iterator
from typing import Any

from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet

__all__ = [
    "NotSet",
    "coverage_cases",
    "described",
    "operation_id",
    "quieten",
]


def quieten(schema: Any) -> None:
    """Keep `schema` to what a contract can judge: no credentials varied, no other HTTP methods."""
    schema.config.generation.update(with_security_parameters=False, database="none")
    schema.config.phases.coverage.unexpected_methods = set()


def operation_id(operation: Any) -> str:
    """The `operationId` of an operation."""
    return str(operation.definition.raw["operationId"])


def coverage_cases(operation: Any, modes: list[GenerationMode]) -> Iterator[Case[Any]]:
    """The cases of the coverage phase: each keyword of the schema kept and broken, one after the
    other."""
    generation = operation.schema.config.generation_for(operation=operation, phase="coverage")
    yield from operation.schema.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=generation
    )


def described(case: Case[Any]) -> tuple[str, str, str]:
    """Phase, mode (`positive` or `negative`) and what the case is about, in Schemathesis' words."""
    meta = case.meta
    if meta is None:
        return ("", "", "")
    return (meta.phase.name.value, meta.generation.mode.value, meta.phase.data.description or "")
