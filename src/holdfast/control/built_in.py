"""The agents that every worker has, and the handlers that every agent has."""

from __future__ import annotations

from ..turn.forking import FORK, PLANT
from .approvals import approval
from .briefs import brief
from .desk import desk
from .habits import habits
from .identity.held import token
from .outside import ASK, ASK_SPEC, outside
from .schedules import schedule
from .searches import search
from .subscriptions import subscription

BUILT_IN = (schedule, subscription, outside, token, approval, habits, desk, search, brief)
COMMON = {ASK: ASK_SPEC, FORK: PLANT}

__all__ = ["BUILT_IN", "COMMON"]
