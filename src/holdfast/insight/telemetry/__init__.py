"""Telemetry: turns, steps and messages as spans, read off the journal after they were committed.

names   what OpenTelemetry calls things, pinned    spans   from entries to spans, without any SDK
"""
