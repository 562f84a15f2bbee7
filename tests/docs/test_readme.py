"""What the README shows, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from holdfast import Runtime

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


async def test_the_ten_lines_count_and_go_on_counting() -> None:
    code, *_ = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)
    counter = names["counter"]
    async with Runtime(agents=[counter], store="memory://") as runtime:
        assert await runtime.call(names["add"]["tickets"], 1) == 1
        assert await runtime.call(names["add"]["tickets"], 2) == 3
        assert await runtime.call(names["add"]["others"], 1) == 1


def test_the_two_commands_are_named() -> None:
    assert re.findall(r"^\./dev \w+", README, re.MULTILINE) == ["./dev demo", "./dev test"]
