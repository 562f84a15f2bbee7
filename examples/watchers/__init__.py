"""A fleet of standing watchers over a package manager's log: ``python -m examples.watchers``."""
