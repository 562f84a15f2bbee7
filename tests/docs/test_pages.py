"""The documentation's code runs, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def program(page: str) -> dict[str, Any]:
    """All Python blocks of a page, as one module."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    module: dict[str, Any] = {"__name__": "tutorial"}
    exec(compile("\n".join(blocks), page, "exec", dont_inherit=True), module)
    return module


@pytest.mark.parametrize("part", ["tutorial", "going_wrong"])
async def test_the_tutorial_runs(part: str, tmp_path: Path) -> None:
    run = cast(Callable[[str], Awaitable[None]], program("tutorial.md")[part])
    await run(f"sqlite:///{tmp_path}/tutorial.db")


@pytest.mark.parametrize("page", sorted(p.relative_to(DOCS).as_posix() for p in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link:
            assert (DOCS / page).parent.joinpath(link).exists(), link
