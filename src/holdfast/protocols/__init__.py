"""Protocols: how the world outside reaches the operations, and how messages leave."""
