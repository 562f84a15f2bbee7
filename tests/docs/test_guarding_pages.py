"""The code of docs/audit.md and docs/behaviour.md runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


def program(page: str) -> dict[str, Any]:
    """All Python blocks of a page, as one module."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    module: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n".join(blocks), page, "exec", dont_inherit=True), module)
    return module


async def test_audits_are_made_as_the_page_says(tmp_path: Path) -> None:
    await program("audit.md")["audited"](f"sqlite:///{tmp_path}/store.db", tmp_path / "export")


async def test_breakers_and_habits_work_as_the_page_says(tmp_path: Path) -> None:
    await program("behaviour.md")["guarded"](f"sqlite:///{tmp_path}/store.db")
