"""Public test kit: what authors of agents and adapters test with. Nothing in production imports it.

loop        an event loop whose time is virtual: hours pass in milliseconds
clock       the clock and the dice of a simulation
faults      a store that loses replies, stalls, refuses and crashes its worker, by seed
simulation  the real runtime under all of that, with workloads and checkers; `python -m holdfast.testing.simulate`
webhook     a receiver of what is told to people (`--notify`, `kind: Notifier`)
contracts   what every store must do, as tests
"""
