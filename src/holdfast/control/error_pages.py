"""The pages of error codes (``docs/errors``), from the package or from the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_HEAD = "## What happened"


def page(code: str) -> str | None:
    """The page of an error code; None if there is none."""
    if not code.replace(".", "").replace("_", "").isalnum():
        return None
    for place in _places():
        found = place / f"{code}.md"
        if found.is_file():
            return found.read_text()
    return None


def summary(code: str) -> str:
    """What happened, in one paragraph; ``""`` without a page."""
    _, _, rest = (page(code) or "").partition(_HEAD)
    return " ".join(rest.strip().partition("\n\n")[0].split())


def codes() -> list[str]:
    """Every code that has a page."""
    for place in _places():
        if place.is_dir():
            return sorted(p.name.removesuffix(".md") for p in place.iterdir() if p.name.endswith(".md"))
    return []


def _places() -> Iterator[Traversable]:
    yield files("holdfast") / "docs" / "errors"
    yield Path(__file__).parents[3] / "docs" / "errors"
