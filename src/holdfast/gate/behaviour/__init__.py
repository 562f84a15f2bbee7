"""Behaviour: what is usual for a kind of agent, and what is not."""

from .baselines import Baselines, Behaviour
from .checks import Anomaly

__all__ = ["Anomaly", "Baselines", "Behaviour"]
