"""Ports: what the runtime needs from outside, as protocols with their guarantees in the docstrings."""
