"""The page about identity runs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from test_pages import program


def _zeros(chars: int) -> str:
    return "0" * chars


def test_an_agent_acts_for_a_person_as_the_page_says() -> None:
    who = program("identity.md")["an_agent_acts_for_a_person"](lambda: 1_700_000_000_000, _zeros)
    assert who.actor == "acme/desk/42" and who.chain == ("acme/person:ada",)


async def test_a_secret_is_looked_up_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Environment:
        """Forgets what was set when the test ends."""

        def __setitem__(self, name: str, value: str) -> None:
            monkeypatch.setenv(name, value)

    page: dict[str, Any] = program("identity.md")
    await page["looked_up_at_the_moment_of_use"](Environment())
    assert os.environ["BILLING_KEY"]
