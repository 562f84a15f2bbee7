"""Causality in a real browser: walked with keys, zoomed and moved with the pointer, and the same as words."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from windows import Window, ask, eventually, violations


def query(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def effect(base: str) -> dict[str, Any]:
    """A turn of a shelf that an order caused."""
    found: Any = eventually(
        lambda: next((s for s in reversed(ask(base, "lanes", agent="stock")["spans"]) if s["cause"] and s["ended"]), None),
        20,
    )
    return found


def test_an_effect_is_walked_back_to_its_cause_with_keys(window: Window) -> None:
    span = effect(window.base)
    page = window.open(f"/causality?agent={span['agent']}&turn={span['turn']}")
    expect(page.locator(".causes-turn[aria-current=true]")).to_contain_text(span["agent"])
    cause = page.locator(".causes-turn").first
    expect(cause).to_contain_text(span["cause"][0])
    expect(page.locator(".cli code")).to_have_text(f"holdfast causes {span['agent']} {span['turn']}")
    page.wait_for_url("**from=*")  # the window is around the chain, and in the address
    page.keyboard.press("c")
    expect(page.locator(".causes-head h2")).to_contain_text(span["cause"][0])
    assert query(page)["path"] == span["cause"][2]
    expect(page.locator(".causes .inspector h2")).to_contain_text("call")
    expect(page.locator(".causality-main [role=status]")).to_contain_text(span["cause"][0])
    page.keyboard.press("e")
    expect(page.locator(".causes-turn[aria-current=true]")).not_to_contain_text(span["cause"][0])
    page.keyboard.press("o")
    expect(page.get_by_label("Only this chain")).to_be_checked()
    assert page.locator(".lane-name").count() <= 12
    assert not violations(window)
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    expect(page.locator(".agent-head h1")).to_have_text(span["cause"][0])


def test_a_window_is_zoomed_and_moved_with_keys_wheel_and_drag_and_is_in_the_address(window: Window) -> None:
    span = effect(window.base)
    page = window.open(f"/causality?from={span['began'] - 30_000}&to={span['began'] + 30_000}")
    canvas = page.locator("canvas.lanes-canvas")
    expect(canvas).to_be_visible()

    def bounds() -> tuple[int, int]:
        page.wait_for_timeout(400)  # the address follows a moment later
        return int(query(page)["from"]), int(query(page)["to"])

    page.keyboard.press("+")
    near = bounds()
    assert near[1] - near[0] < 40_000
    page.keyboard.press("ArrowRight")
    later = bounds()
    assert later[0] > near[0] and abs((later[1] - later[0]) - (near[1] - near[0])) < 3
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + box["height"] - 12)
    page.mouse.wheel(0, 400)
    wide = bounds()
    assert wide[1] - wide[0] > later[1] - later[0]
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + box["height"] - 12, steps=5)
    page.mouse.up()
    earlier = bounds()
    assert earlier[0] < wide[0]
    page.reload()
    page.wait_for_selector("canvas.lanes-canvas")
    assert bounds() == earlier
    page.get_by_role("button", name="1 hour").click()
    page.wait_for_url("**last=1h*")
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()


def test_a_bar_is_pressed_and_told(window: Window) -> None:
    report = ask(window.base, "lanes", agent="bookkeeper")["spans"][0]
    page = window.open(f"/causality?in=bookkeeper&agent=bookkeeper/daily&turn={report['turn']}")
    expect(page.locator(".causes-head")).to_be_visible()
    page.get_by_role("button", name="Around it").click()
    page.keyboard.press("Escape")
    expect(page.locator(".causes-head")).to_have_count(0)
    page.wait_for_timeout(400)
    name, canvas = page.locator(".lane-name").first.bounding_box(), page.locator("canvas.lanes-canvas").bounding_box()
    assert name is not None and canvas is not None
    at = canvas["x"] + canvas["width"] / 2, name["y"] + name["height"] / 2
    page.mouse.move(*at)
    expect(page.locator(".lanes-tip")).to_contain_text("bookkeeper/daily report")
    page.mouse.click(*at)
    expect(page.locator(".causes-head h2")).to_contain_text("bookkeeper/daily")
    assert query(page)["turn"] == str(report["turn"])


def test_the_same_is_there_as_words_and_follows_what_happens(window: Window) -> None:
    page = window.open("/causality?last=1m&as=list&in=bookkeeper")
    lines = page.locator(".lane-line")
    expect(lines.first).to_be_visible()
    newest = lines.first.inner_text()
    ask(window.base, "send", to="bookkeeper/daily", handler="report", payload=[["atlas"]])
    expect(lines.first).not_to_have_text(newest, timeout=10_000)
    expect(lines.first).to_contain_text("bookkeeper/daily")
    page.get_by_role("button", name="Lanes", exact=True).click()
    expect(page.locator(".lane-name")).to_have_count(1)
    wide = window.open("/causality?last=1h")
    assert wide.locator(".lane-name").count() < 60
    assert wide.evaluate("document.querySelectorAll('.main *').length") < 600


def test_a_window_in_which_nothing_happened_says_what_to_do(window: Window) -> None:
    page = window.open("/causality?from=1000&to=9000")
    expect(page.get_by_text("Nothing happened in this window")).to_be_visible()
    page.get_by_role("button", name="Look at the last day").click()
    expect(page.locator("canvas.lanes-canvas")).to_be_visible()


def test_a_step_leads_to_what_others_did_around_it(window: Window) -> None:
    span = effect(window.base)
    agent, turn, path = span["cause"]
    entries = ask(window.base, "journal", address=agent, turn=turn, limit=100)
    seq = next(e["seq"] for e in entries if e["path"] == path)
    page = window.open(f"/agents/{agent}?turn={turn}&entry={seq}")
    page.get_by_role("link", name="What others did around this").click()
    expect(page.locator(".causes-head h2")).to_contain_text(agent)
    assert query(page)["path"] == path and int(query(page)["to"]) > int(query(page)["from"])
