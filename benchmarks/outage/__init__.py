"""Conversations while model vendors fail: what is lost, what is asked twice, what finishes."""
