"""What can be done to one agent, done in the page: each action says which command does the same, and the server did it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from windows import Window, ask, eventually, violations


def sleeper(base: str, key: str) -> str:
    """An order that waits for its courier or for a person: a turn that stays open."""
    ask(base, "send", to=f"order/{key}", handler="place", payload=["atlas", 220, "visa-1", "anna"])
    address = f"order/{key}"
    eventually(lambda: open_turn(base, address), 20)
    return address


def open_turn(base: str, address: str) -> Any:
    return any(t["status"] == "waiting" for t in ask(base, "describe", address=address)["turns"])


def do(page: Page, button: str, command: str, why: str = "", word: str = "") -> None:
    page.locator(".acting").get_by_role("button", name=button, exact=True).click()
    dialog = page.locator("dialog[open]")
    if why:
        dialog.get_by_placeholder("Why?").fill(why)
    expect(dialog.locator(".cli code")).to_have_text(command)
    dialog.get_by_role("button", name=word or button, exact=True).click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize(
    ("button", "verb", "state"), [("Cancel turn", "cancel", "cancelled"), ("Kill turn", "kill", "killed")]
)
def test_a_turn_is_ended(window: Window, button: str, verb: str, state: str) -> None:
    address = sleeper(window.base, f"end-{verb}")
    page = window.open(f"/agents/{address}")
    do(page, button, f"holdfast {verb} {address} --why 'wrong book'", "wrong book")
    expect(page.locator(".turns .turn").first).to_contain_text(state)
    assert ask(window.base, "glance", address=address)["turns"][0]["state"] == state


def test_an_agent_is_retired_and_brought_back(window: Window) -> None:
    address = sleeper(window.base, "retired")
    page = window.open(f"/agents/{address}")
    do(page, "Retire", f"holdfast retire {address} --why sold", "sold")
    expect(page.locator(".agent-head .chip")).to_have_text("Retired")
    expect(page.locator(".agent-side")).to_contain_text("Retired by")
    do(page, "Resume", f"holdfast resume {address}")
    expect(page.locator(".agent-head .chip")).not_to_have_text("Retired")
    ask(window.base, "kill", address=address)


def test_every_action_is_in_the_palette(window: Window) -> None:
    address = sleeper(window.base, "palette")
    page = window.open(f"/agents/{address}")
    expect(page.locator(".acting")).to_be_visible()
    for words, title in (
        ("send", "Message to"),
        ("steer", "Steer"),
        ("fork", "Fork"),
        ("pause", "Pause"),
        ("cancel the", "Cancel turn"),
        ("kill the", "Kill turn"),
        ("retire", "Retire"),
    ):
        page.keyboard.press("Control+k")
        expect(page.locator(".palette-input")).to_be_focused()
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        dialog = page.locator("dialog[open]")
        expect(dialog).to_have_attribute("aria-label", f"{title} {address}")
        expect(dialog.locator(".cli code")).to_contain_text(f"holdfast {words.split()[0]}")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    ask(window.base, "kill", address=address)


def test_a_thinking_turn_shows_where_its_context_came_from_and_what_it_cost(window: Window) -> None:
    def talked() -> Any:
        return next((r for r in ask(window.base, "fleet", text="clerk/", order="cost", limit=20)["rows"] if r["usd"]), None)

    address = eventually(talked, 60)["address"]
    page = window.open(f"/agents/{address}?tab=tree")
    context = page.locator(".step-part", has_text="context from")
    expect(context.first).to_contain_text("user")
    expect(context.last).to_contain_text("tool:find_order")
    assert not violations(window)
    page.get_by_role("tab", name="Time and cost").click()
    page.get_by_role("button", name="By cost").click()
    expect(page.get_by_label("What this turn cost")).to_be_visible()
    page.locator(".flame .bar.f-model").first.click()
    expect(page.locator(".inspector")).to_contain_text("Cost")
    page.locator("summary", has_text="Raw entries").click()
    expect(page.locator(".raw pre")).to_contain_text('"kind": "step"')
    assert not violations(window)


def test_the_fleet_is_grouped_and_filtered_by_whose_agents_they_are(window: Window) -> None:
    page = window.open("/")
    page.get_by_label("Group").select_option("team")
    page.wait_for_url("**group=team*")
    expect(page.locator(".fleet-heading h2").first).to_have_text("delivery")
    expect(page.locator("a.fleet-row .c-team").first).to_have_text("delivery")
    page.get_by_label("Owner", exact=True).select_option("mara")
    expect(page.locator(".fleet-heading h2").first).to_have_text("sales")
    expect(page.locator("a.fleet-row .c-owner").first).to_have_text("mara")
    page.reload()
    expect(page.get_by_label("Owner", exact=True)).to_have_value("mara")
    expect(page.locator("a.fleet-row .c-owner").first).to_have_text("mara")
    page.keyboard.press("j")
    expect(page.locator("a.fleet-row.chosen .c-owner")).to_have_text("mara")
    assert not violations(window)


def test_money_tells_who_spent_when_what_will_run_out_and_why_a_model_was_chosen(window: Window) -> None:
    ask(window.base, "set_budget", name="ample", scope="team:service", per="day", usd=1000, note="for the tour")
    ask(window.base, "set_budget", name="none", scope="agent:nobody", per="hour", usd=0)
    page = window.open("/money?by=team&since=1h")
    expect(page.locator(".over-legend")).to_contain_text("service")
    expect(page.locator(".over-bar i").first).to_be_visible()
    expect(page.locator(".budget", has_text="ample")).to_contain_text("At this rate")
    expect(page.locator(".budget", has_text="none")).to_contain_text("Used up")
    decisions = page.get_by_role("region", name="Table of decisions")
    expect(decisions).to_contain_text("first of the route")
    expect(page.get_by_role("region", name="Table of models")).to_contain_text(
        re.compile("answers|away|being tried|resting")
    )
    assert not violations(window)
    decisions.get_by_role("link").first.click()
    expect(page.locator(".agent-head h1")).to_be_visible()
    for name in ("ample", "none"):
        ask(window.base, "drop_budget", name=name)
