"""Rules: policies that say who may do what, on what, after what, how often, and with whose leave.

``reading`` takes documents in, ``compiling`` makes rules of them, ``Rulebook`` answers intents by them, ``explaining`` says
why, ``trial`` runs the tests beside them and ``record`` asks them about what was recorded.
"""

from .compiling import compile_policy
from .facts import Lookup
from .reading import Document, from_resource, read_documents
from .rule import Policy, Rule
from .rulebook import EMPTY, Plugin, Rulebook

__all__ = [
    "EMPTY",
    "Document",
    "Lookup",
    "Plugin",
    "Policy",
    "Rule",
    "Rulebook",
    "compile_policy",
    "from_resource",
    "read_documents",
]
