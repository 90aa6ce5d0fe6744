"""The items of a suite that stand for requirements."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conformance.plugin import MARKER
from conformance.plugin.results import Kind, Result, result
from conformance.plugin.settings import Misconfigured, Settings, chosen
from conformance.plugin.sharing import run_of


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
    try:
        contract = Settings.of(metafunc.config).contract()
        wanted = chosen(contract, metafunc.function.r2c_names)
    except Misconfigured as error:
        raise pytest.Collector.CollectError(str(error)) from None
    ids = [id for id in contract.requirements if id in wanted]
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
        broken = [text for text in self.result.warnings if not self._warned(text)]
        if self.result.kind is Kind.FAILED:
            broken.insert(0, self.result.text)
        if broken:
            _fail("\n\n".join((*broken, self.again)))
        if self.result.kind is Kind.KNOWN:
            pytest.xfail(self.result.text)

    def _warned(self, text: str) -> bool:
        """Whether it was a warning; False where the suite makes errors of them."""
        try:
            self.node.warn(ContractWarning(text))
        except ContractWarning:
            return False
        return True


def word(request: pytest.FixtureRequest) -> Word:
    """What the item of a requirement has to say. What says nothing about the backend happens here,
    before the test: where nothing could be judged this is an error and no failure.
    """
    ran, node = run_of(request), request.node
    found = result(ran.report, request.param)
    if found.kind is Kind.SKIPPED:
        pytest.skip(found.text)
    again = (
        f"again: pytest {shlex.quote(node.nodeid)} --r2c-seed {ran.report.seed}\n"
        f"reports in {ran.folder}"
    )
    if found.kind is Kind.OPEN:
        _fail(f"{found.text}\n\n{again}")
    return Word(node, found, again)


def _fail(text: str) -> None:
    pytest.fail(text, pytrace=False)
