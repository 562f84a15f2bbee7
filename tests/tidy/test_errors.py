"""Every error code has a page, every page a code, and every page the same three sections."""

from __future__ import annotations

import re

from ground import shown
from scripts.error_codes import PAGES, SECTIONS, pages, raised


def test_every_code_has_a_page() -> None:
    missing = {code: places for code, places in raised().items() if code not in pages()}
    assert not missing, "write docs/errors/<code>.md for these"


def test_every_page_has_a_code() -> None:
    orphans = sorted(pages() - raised().keys())
    assert not orphans, "no code in src/holdfast is explained by these pages"


def test_every_page_says_what_happened_why_and_what_to_do_next() -> None:
    for page in PAGES.glob("*.md"):
        title, *sections = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert title == page.stem, f"{shown(page)} has another title"
        assert tuple(sections) == SECTIONS, f"{shown(page)} has other sections"
        for text in re.split(r"^## .+$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            assert text.strip(), f"{shown(page)} has an empty section"
