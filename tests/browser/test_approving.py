"""Approvals in the inbox, of the tour's real policy: what is shown, one let through with a key, and similar ones, too."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from windows import PHONE, Window, ask, eventually


def an_approval(base: str) -> dict[str, Any]:
    """The newest one: nobody else answers it meanwhile."""
    found: list[dict[str, Any]] = eventually(lambda: ask(base, "approvals"), 60)
    return max(found, key=lambda q: q["since"])


@pytest.mark.parametrize("window", [("light", PHONE)], indirect=True, ids=["phone"])
def test_an_approval_shows_exactly_what_would_run_and_why(window: Window) -> None:
    question = an_approval(window.base)
    page = window.open(f"/inbox?only=approval&item={quote(question['id'])}")
    exactly = page.locator(".exactly")
    expect(exactly.locator("del")).to_have_text("480")
    expect(exactly.locator("ins")).to_have_text("300")
    expect(exactly).to_contain_text("bookshop/very dear orders")
    expect(exactly).to_contain_text("the shift lead looks at orders over 240")
    expect(exactly.locator(".facts")).to_contain_text("user")
    expect(exactly.locator(".facts")).to_contain_text("shift lead; when the time is over: deny")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "it fits"
    for name in ("Approve", "Deny"):
        box = page.get_by_role("button", name=name, exact=False).first.bounding_box()
        assert box is not None and box["height"] >= 44, "a thumb hits it"


def test_similar_ones_are_let_through_within_bounds_that_are_shown_against_the_past(window: Window) -> None:
    question = an_approval(window.base)
    page = window.open(f"/inbox?only=approval&item={quote(question['id'])}")
    page.keyboard.press("s")
    form = page.get_by_role("form", name="Approve similar ones, too")
    form.get_by_label("1 of similar ones").select_option("at_most")
    form.get_by_label("the most for 1").fill("10")
    expect(form.get_by_role("alert")).to_contain_text("1 is 300 now, which is more than 10")
    expect(form.get_by_role("button", name="Approve these")).to_be_disabled()
    form.get_by_label("the most for 1").fill("310")
    form.get_by_label("0 of similar ones").select_option("any")
    form.get_by_label("whose").select_option("order/*")
    expect(form.get_by_role("status")).to_contain_text("asked about in the last 30 days")
    expect(form).to_contain_text("holdfast approve")
    expect(form).to_contain_text("--at-most 1=310 --any 0")
    form.get_by_role("button", name="Approve these").click()
    expect(page.locator(".toasts")).to_contain_text("similar actions are allowed by grant charge-")
    [granted] = [g for g in ask(window.base, "grants") if g["approval"].endswith(question["id"])]
    assert (granted["agent"], granted["at_most"], granted["any"]) == ("default/order/*", {"1": 310}, ["0"])
    ask(window.base, "drop_grant", name=granted["name"], reason="the test is over")


def test_one_is_denied_with_a_key(window: Window) -> None:
    question = an_approval(window.base)
    page = window.open(f"/inbox?only=approval&item={quote(question['id'])}")
    expect(page.locator(".question-text")).to_have_text(question["question"])
    page.keyboard.press("d")
    eventually(lambda: question["id"] not in {q["id"] for q in ask(window.base, "approvals")}, 20)
