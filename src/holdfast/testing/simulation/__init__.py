"""The real runtime under simulated time, with faults by seed: workers die, stall, lose replies; clocks jump.

world      several workers over one store; starting, killing, restarting them
agents     the agents of the workloads
workloads  what clients do with them, and what they were promised
checks     invariants, read from the store alone
run        one seed, from start to verdict
"""

from .checks import Broken
from .run import Report, simulate
from .world import World

__all__ = ["Broken", "Report", "World", "simulate"]
