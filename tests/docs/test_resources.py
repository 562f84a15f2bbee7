"""What docs/resources.md shows is so: its files can be applied, its program says what it says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from holdfast import Agent, Runtime
from holdfast.cli.documents import read
from holdfast.control.resources.registered import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "resources.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_its_files_can_be_applied(tmp_path: Path) -> None:
    [text] = blocks("yaml")
    (tmp_path / "all.yaml").write_text(text)
    documents, sources = read([str(tmp_path)])
    async with Runtime([Agent("desk")], f"sqlite:///{tmp_path}/s.db") as runtime:
        plan = await runtime.plan(documents=documents, sources=sources)
        done = await runtime.apply(documents=documents, sources=sources, plan=plan.digest)
        assert plan.changes == len(documents) == 7 and done.failed == []
        assert (await runtime.plan(documents=documents)).changes == 0
        assert (await runtime.plan(documents=await runtime.export())).changes == 0


async def test_its_program_says_what_it_says(tmp_path: Path) -> None:
    [code] = blocks("python")
    module: dict[str, Any] = {"__name__": "program"}
    exec(compile(code, "docs/resources.md", "exec", dont_inherit=True), module)
    run = cast(Callable[[str], Awaitable[list[str]]], module["declare"])
    assert await run(f"sqlite:///{tmp_path}/s.db") == ["usd: 5.0 -> 9.0", "5.0"]


def test_it_names_every_kind() -> None:
    assert {kind for kind in KINDS if f"`{kind}`" not in PAGE} == set()
