"""Conditions of policies: CEL, read and checked when a policy is loaded, run by the library's own program."""

from .check import Found, TypeProblem, check
from .expression import Expression, Problem, read
from .functions import HISTORY, PYTHON
from .syntax import SyntaxProblem, parse
from .types import Type

__all__ = [
    "HISTORY",
    "PYTHON",
    "Expression",
    "Found",
    "Problem",
    "SyntaxProblem",
    "Type",
    "TypeProblem",
    "check",
    "parse",
    "read",
]
