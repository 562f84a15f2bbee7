"""Briefs: what was decided, what changed, what was unusual, what needs a person, as sentences that link to what they say.

``facts`` are made from what the store says (``telling``, ``recent``) and are true without a model. A model may word them
better; ``checking`` lets through what they bear out and puts the facts back in the place of everything else.
"""

from .facts import KINDS, Fact, Link
from .recent import Recent
from .telling import Gathered

__all__ = ["KINDS", "Fact", "Gathered", "Link", "Recent"]
