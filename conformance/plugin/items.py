"""The items of a suite that stand for requirements."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conformance.plugin import MARKER
from conformance.plugin.results import Kind, Result, result
from conformance.plugin.settings import Misconfigured, Settings
from conformance.plugin.sharing import run_of
from conformance.plugin.verifying import unknown_name


class ContractWarning(Warning):
    """A *should* of the contract that the backend breaks."""


def requirements(*names: str) -> Callable[..., None]:
    """A test function with an item for each of the requirements, which are named by id ("SEND-09")
    or group ("CHAT"); all there are, without names.

        test_contract = requirements()

    What they say comes from one run of the suite, which the first of them has done.
    """

    def contract(_r2c_word: "Word") -> None:
        _r2c_word.say()

    # pytest shows where a test stands: for these it is where they were asked for.
    caller = sys._getframe(1)
    contract.__code__ = contract.__code__.replace(
        co_filename=caller.f_code.co_filename, co_firstlineno=caller.f_lineno
    )
    contract.r2c_names = names  # type: ignore[attr-defined]
    return contract


def generate(metafunc: pytest.Metafunc) -> None:
    """Makes the items of a function that `requirements` has made."""
    names = metafunc.function.r2c_names
    try:
        contract = Settings.of(metafunc.config).contract()
        chosen = contract.ids(*names) if names else frozenset(contract.requirements)
    except Misconfigured as error:
        raise pytest.Collector.CollectError(str(error)) from None
    except KeyError as unknown:
        raise pytest.Collector.CollectError(unknown_name(unknown.args[0])) from None
    ids = [id for id in contract.requirements if id in chosen]
    mark = getattr(pytest.mark, MARKER)
    params = [pytest.param(id, id=id, marks=mark(id)) for id in ids]
    metafunc.parametrize("_r2c_word", params, indirect=True)


@dataclass(frozen=True, slots=True)
class Word:
    """What an item has to say once its turn comes."""

    node: pytest.Item
    result: Result
    again: str
    """How to repeat the run, and where its reports are."""

    def say(self) -> None:
        """Passes, warns, or raises what pytest takes for a failure."""
        for text in self.result.warnings:
            try:
                self.node.warn(ContractWarning(text))
            except ContractWarning:  # where the suite makes errors of warnings
                _fail(f"{text}\n\n{self.again}")
        match self.result.kind:
            case Kind.FAILED:
                _fail(f"{self.result.text}\n\n{self.again}")
            case Kind.KNOWN:
                pytest.xfail(self.result.text)


def word(request: pytest.FixtureRequest) -> Word:
    """What the item of a requirement has to say. What says nothing about the backend happens here,
    before the test: where nothing could be judged this is an error and no failure.
    """
    ran, node = run_of(request), request.node
    found = result(ran.report, request.param, ran.baseline)
    if found.kind is Kind.SKIPPED:
        pytest.skip(found.text)
    again = f"again: pytest {node.nodeid!r} --r2c-seed {ran.report.seed}\nreports in {ran.folder}"
    if found.kind is Kind.OPEN:
        _fail(f"{found.text}\n\n{again}")
    return Word(node, found, again)


def _fail(text: str) -> None:
    pytest.fail(text, pytrace=False)
