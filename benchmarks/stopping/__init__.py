"""Stopping everything: how soon after the order the last effect begins, on worker processes over one PostgreSQL."""

from .run import run

__all__ = ["run"]
