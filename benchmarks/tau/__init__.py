"""Recorded conversations of a real support agent, run by Holdfast under kill -9."""
