"""Plan, then act: what a model planned before it read what nobody vouches for is done; whatever departs from that is asked
about, or refused.

Whether a step is in the plan is found out where the plan is kept (``thinking.planning``); here it is judged.
"""

from __future__ import annotations

from ..domain.intent import Approval, Decision, Intent, Verdict

RULE = "plan"


def judge(intent: Intent) -> Decision | None:
    """ASK, or DENY, for a step that departs from the plan; both the departure and the plan are among the reasons."""
    planned = intent.planned
    if planned is None or not planned.deviation:
        return None
    verdict = Verdict.DENY if planned.refused else Verdict.ASK
    reasons = (planned.deviation, "the plan: " + ("; ".join(planned.plan) or "no tool is called"))
    return Decision(verdict, reasons, (RULE, RULE), approval=None if planned.refused else Approval())


__all__ = ["RULE", "judge"]
