"""The documentation holds together: its links lead somewhere, its Python is Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ground import ROOT, shown, tracked

PAGES = tracked("*.md")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
PYTHON = re.compile(r"^```(?:python|py)\b[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        link
        for link in (first or second for first, second in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
        if not re.match(r"[a-z]+:|#", link) and not (page.parent / link.partition("#")[0]).exists()
    ]
    assert not broken


def test_python_in_the_pages_is_python() -> None:
    for page in PAGES:
        for code in PYTHON.findall(page.read_text(encoding="utf-8")):
            try:
                ast.parse(code)
            except SyntaxError as error:
                pytest.fail(f"{shown(page)}: {error.msg} in {error.text!r}")


def test_pages_fit_the_width() -> None:
    wide = [
        f"{shown(page)}:{number}"
        for page in PAGES
        if page.is_relative_to(ROOT / "docs" / "errors")
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120 and "|" not in line and "](" not in line
    ]
    assert not wide
