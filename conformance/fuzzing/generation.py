"""Draws stimuli from the contract with Schemathesis: deterministic, finite, without any network."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from conformance.fuzzing.projection import Strictness, projected
from conformance.fuzzing.schemathesis_names import (
    NotSet,
    coverage_cases,
    described,
    operation_id,
    quieten,
)
from conformance.fuzzing.stimulus import ABSENT, Stimulus
from contract import Contract

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is generated for each operation and event, beside the coverage phase.

    `examples` is the number of cases drawn for what has to be taken and again for what has to be
    refused; a third as many are drawn from what lies between.
    """

    examples: int
    seed: int = 0
    only: frozenset[str] | None = None
    """Ids of the operations to fuzz, over both protocols; None for all."""

    def wants(self, operation: str) -> bool:
        """Whether an operation takes part."""
        return self.only is None or operation in self.only


class _OutOfTime(BaseException):
    # Not an Exception: Hypothesis would take that for a failure of the case and shrink it.
    pass


class Generator:
    """Stimuli for each operation and event of one contract.

    Holds its own Schemathesis schemas and registers nothing with the library, so that runs in one
    process do not touch each other.
    """

    def __init__(self, contract: Contract) -> None:
        self._operations: dict[Strictness, dict[str, Any]] = {}
        for strictness in Strictness:
            schema = schemathesis.openapi.from_dict(projected(contract, strictness))
            quieten(schema)
            self._operations[strictness] = {
                operation_id(schema[path][method]): schema[path][method]
                for path in schema
                for method in schema[path]
            }

    def stimuli(
        self, operation: str, plan: Plan, until: Callable[[], bool] = lambda: False
    ) -> Iterator[Stimulus]:
        """Different stimuli for an operation or event, named by its operation id.

        First those that take the schema apart keyword by keyword, then drawn ones. The same
        contract, operation and plan give the same stimuli in the same order. Ends early when
        `until` says so.
        """
        seen: set[str] = set()
        for case in self._cases(operation, plan, until):
            stimulus = _stimulus(operation, case)
            if stimulus.fingerprint not in seen:
                seen.add(stimulus.fingerprint)
                yield stimulus
            if until():
                return

    def valid(self, operation: str, plan: Plan) -> Iterator[Stimulus]:
        """Stimuli from what every backend takes alone, in the same way and not all different."""
        narrow = self._operations[Strictness.MUST_ACCEPT][operation]
        salt = zlib.crc32(f"{plan.seed}/{operation}".encode())
        for case in coverage_cases(narrow, [POSITIVE]):
            yield _stimulus(operation, case)
        for case in _drawn(narrow, POSITIVE, plan.examples, salt, lambda: False):
            yield _stimulus(operation, case)

    def _cases(self, name: str, plan: Plan, until: Callable[[], bool]) -> Iterator[Case[Any]]:
        natural = self._operations[Strictness.NATURAL][name]
        narrow = self._operations[Strictness.MUST_ACCEPT][name]
        wide = self._operations[Strictness.MAY_ACCEPT][name]
        yield from coverage_cases(narrow, [POSITIVE])
        yield from coverage_cases(natural, [POSITIVE, NEGATIVE])
        draws = (
            (narrow, POSITIVE, plan.examples),
            (wide, NEGATIVE, plan.examples),
            (natural, POSITIVE, plan.examples // 3),
        )
        for number, (operation, mode, count) in enumerate(draws):
            if count and not until():
                salt = zlib.crc32(f"{plan.seed}/{name}/{number}".encode())
                yield from _drawn(operation, mode, count, salt, until)


def _drawn(
    operation: Any, mode: GenerationMode, count: int, salt: int, until: Callable[[], bool]
) -> list[Case[Any]]:
    cases: list[Case[Any]] = []

    @seed(salt)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate,),
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Case[Any]) -> None:
        if until():
            raise _OutOfTime
        cases.append(case)

    # Out of time: what there is will do. Unsatisfiable: nothing can be wrong with such a request.
    with suppress(_OutOfTime, Unsatisfiable):
        draw()
    return cases


def _stimulus(operation: str, case: Case[Any]) -> Stimulus:
    phase, mode, about = described(case)
    origin = f"Schemathesis, {phase}, {mode}"
    return Stimulus(
        operation=operation,
        body=ABSENT if isinstance(case.body, NotSet) else case.body,
        path={name: unquote(str(value)) for name, value in case.path_parameters.items()},
        content_type=_content_type(case),
        origin=f"{origin}: {' '.join(about.split())}" if about else origin,
    )


def _content_type(case: Case[Any]) -> str | None:
    if isinstance(case.body, NotSet):
        return None
    return str(case.headers.get("Content-Type", case.media_type))
