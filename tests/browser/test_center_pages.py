"""Every page in both themes, wide and on a phone: no error in the console, nothing that axe finds, a screenshot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windows import PHONE, WIDE, Window, ask, violations

LOOKS = [("dark", WIDE), ("light", WIDE), ("dark", PHONE), ("light", PHONE)]
PAGES = {
    "fleet": "/",
    "inbox": "/inbox",
    "agent": "agent",
    "agent-tree": "agent-tree",
    "agent-time": "agent-time",
    "brief": "/brief",
    "search": "/search?q=atlas",
    "causality": "causality",
    "causality-live": "/causality?last=1m",
    "causality-list": "/causality?last=10m&as=list",
    "causality-empty": "/causality?from=1000&to=9000",
    "money": "/money?by=name",
    "governance": "/governance",
}


def place_of(base: str, name: str) -> str:
    """The path of a page; an agent that has something to show is found first."""
    path = PAGES[name]
    if path.startswith("/"):
        return path
    row = ask(base, "fleet", order="entries", text="airline/" if name == "agent-time" else "", limit=1)["rows"]
    if not row or name == "agent-tree":
        row = ask(base, "fleet", text="bookkeeper/", limit=1)["rows"]
    if name == "causality":
        row = ask(base, "fleet", text="stock/", limit=1)["rows"]
        turn = ask(base, "glance", address=row[0]["address"])["turns"][0]["turn"]
        return f"/causality?agent={row[0]['address']}&turn={turn}"
    tab = {"agent-tree": "?tab=tree", "agent-time": "?tab=time"}.get(name, "")
    return f"/agents/{row[0]['address']}{tab}"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("window", LOOKS, indirect=True, ids=["dark", "light", "dark-phone", "light-phone"])
def test_a_page_is_sound(window: Window, name: str, request: pytest.FixtureRequest) -> None:
    page = window.open(place_of(window.base, name))
    page.wait_for_timeout(400)
    assert page.title().endswith("Holdfast")
    found = violations(window)
    assert not found, "\n".join(found)
    wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert wide, "the page is wider than the window"
    if folder := os.environ.get("HOLDFAST_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}-{request.node.callspec.id.removesuffix(f'-{name}')}.png"))
