"""Turns: how a handler runs, replays, waits and ends; one file per step verb."""
