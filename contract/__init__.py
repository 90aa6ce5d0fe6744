"""The documents as Python: operations, events, requirements and compiled validators.

from contract import load

contract = load()
contract.operations["sendMessage"].request.validator.violations({"text": "hello"})
"""

from contract.errors import DocumentError
from contract.events import Event
from contract.loading import Contract, Rest, load, load_rest
from contract.operations import Blame, Level, Operation, Parameter, Request, Response
from contract.parsing import line_of, read_file, read_text
from contract.places import Place, requirement_places
from contract.requirements import GROUPS, Clause, Requirement
from contract.schemas import Validator, Violation

__all__ = [
    "GROUPS",
    "Blame",
    "Clause",
    "Contract",
    "DocumentError",
    "Event",
    "Level",
    "Operation",
    "Parameter",
    "Place",
    "Request",
    "Requirement",
    "Response",
    "Rest",
    "Validator",
    "Violation",
    "line_of",
    "load",
    "load_rest",
    "read_file",
    "read_text",
    "requirement_places",
]
