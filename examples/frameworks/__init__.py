"""Agents of other frameworks, killed and resumed. One command each: ``python -m examples.frameworks.langgraph``."""
