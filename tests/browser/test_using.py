"""What people do in the command center, done with keys and clicks, and seen in the server."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Route, expect

from windows import Window, ask, eventually, violations


def test_a_question_is_answered_with_a_key_and_leaves_the_inbox(window: Window) -> None:
    questions = [q for q in ask(window.base, "asks", limit=500) if not q.get("approval")]
    newest = max(questions, key=lambda q: q["since"])["id"]  # the tour answers the oldest itself
    page = window.open(f"/inbox?only=input&item={quote(newest)}")
    line = page.locator(".inbox-line[aria-current=true]")
    expect(line).to_be_visible()
    address = page.locator(".question header a").inner_text()
    before = {q["id"] for q in ask(window.base, "asks", limit=500)}
    page.keyboard.press("1")
    expect(page.locator(".toast")).to_contain_text(f"Answered {address}")
    gone = before - {q["id"] for q in ask(window.base, "asks", limit=500)}
    assert any(g.startswith(f"{address}#") for g in gone)


def test_an_agent_is_paused_and_resumed_with_its_reason_and_its_command(window: Window) -> None:
    page = window.open("/agents/bookkeeper/daily")
    page.keyboard.press("p")
    dialog = page.locator("dialog[open]")
    dialog.get_by_placeholder("Why?").fill("stocktaking")
    expect(dialog.locator(".cli code")).to_have_text("holdfast pause bookkeeper/daily --why stocktaking")
    page.keyboard.press("Enter")
    expect(page.locator(".agent-head .chip")).to_have_text("Paused")
    expect(page.locator(".agent-side")).to_contain_text("person: stocktaking")
    page.get_by_role("button", name="Resume").click()
    page.locator("dialog[open]").get_by_role("button", name="Resume").click()
    expect(page.locator(".agent-head .chip")).not_to_have_text("Paused")


def test_a_message_is_sent_and_its_turn_appears(window: Window) -> None:
    page = window.open("/agents/bookkeeper/daily")
    count = int(ask(window.base, "glance", address="bookkeeper/daily")["row"]["entries"])
    page.keyboard.press("m")
    page.locator("dialog[open] textarea").fill('["atlas", "fables"]')
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".toast").last).to_have_text("Sent")
    expect(page.locator(".turns .turn").first).to_contain_text("report")
    page.wait_for_timeout(2_000)
    assert int(ask(window.base, "glance", address="bookkeeper/daily")["row"]["entries"]) > count


def test_the_palette_finds_an_agent_by_its_address(window: Window) -> None:
    page = window.open("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("bookkeeper")
    expect(page.locator(".palette-list li").filter(has_text="bookkeeper/daily")).to_be_visible()
    page.locator(".palette-list li").filter(has_text="bookkeeper/daily").click()
    expect(page.locator(".agent-head h1")).to_have_text("bookkeeper/daily")
    assert page.title() == "bookkeeper/daily · Holdfast"


def test_filters_are_in_the_address_and_a_view_is_saved_and_forgotten(window: Window) -> None:
    page = window.open("/")
    page.keyboard.press("/")
    page.keyboard.type("order/")
    page.wait_for_url("**/?q=order%2F")
    page.locator(".strip-state").first.click()
    page.get_by_role("button", name="Save view").click()
    page.locator("dialog[open] input").fill("Orders that wait")
    page.keyboard.press("Enter")
    expect(page.locator(".view")).to_contain_text("Orders that wait")
    page.reload()
    expect(page.locator(".view.chosen")).to_contain_text("Orders that wait")
    page.get_by_role("button", name="Forget the view").click()
    expect(page.locator(".view")).to_have_count(0)


def test_the_fleet_is_walked_with_keys(window: Window) -> None:
    page = window.open("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator("a.fleet-row.chosen")
    expect(row).to_have_count(1)
    address = row.locator(".c-address").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".agent-head h1")).to_have_text(address)
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page.locator(".head h1")).to_have_text("Inbox")


def test_an_agent_that_nobody_knows_is_said_to_be_unknown(window: Window) -> None:
    page = window.page
    page.goto(f"{window.base}/agents/nobody/at-all")
    expect(page.get_by_text("Nobody is called nobody/at-all")).to_be_visible()
    window.wrong[:] = [w for w in window.wrong if "404" not in w]


def test_two_windows_share_one_stream(window: Window) -> None:
    window.open("/")
    other = window.context.new_page()
    other.goto(window.base + "/inbox")
    expect(other.locator(".live")).to_contain_text("Live")
    expect(window.page.locator(".live")).to_contain_text("Live")


def test_a_turn_is_steered_without_stopping_it_and_forked_before_a_step(window: Window) -> None:
    questions = [q for q in ask(window.base, "asks", limit=500) if not q.get("approval")]
    asked = max(questions, key=lambda q: q["since"])
    address = asked["address"]
    turn, _, path = asked["id"].partition("#")[2].partition(".")
    page = window.open(f"/agents/{address}?turn={turn}")
    page.keyboard.press("s")
    dialog = page.locator("dialog[open]")
    dialog.get_by_placeholder("What should it know").fill("mind the gap")
    expect(dialog.locator(".cli code")).to_have_text(f"holdfast steer {address} 'mind the gap'")
    assert not violations(window)
    dialog.get_by_role("button", name="Say it").click()
    expect(page.locator(".timeline")).to_contain_text("mind the gap")
    expect(page.locator(".agent-head .chip")).to_have_text("Needs input")
    entries = ask(window.base, "journal", address=address, turn=int(turn), limit=1000)
    [intent] = [e for e in entries if e["path"] == path and e["kind"] == "intent"]
    page.goto(f"{window.base}/agents/{address}?turn={turn}&entry={intent['seq']}")
    page.get_by_role("button", name="Fork before this step").click()
    page.locator("dialog[open]").get_by_label("Its key").fill("another-way")
    assert not violations(window)
    page.locator("dialog[open]").get_by_role("button", name="Fork", exact=True).click()
    name = address.rpartition("/")[0]
    expect(page.locator(".agent-head h1")).to_have_text(f"{name}/another-way")
    expect(page.locator(".agent-head .chip")).to_have_text("Needs input")
    ask(window.base, "kill", address=f"{name}/another-way")


def test_a_search_is_saved_watched_and_forgotten(window: Window) -> None:
    page = window.open("/search?q=stocktake-9&agent=bookkeeper")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_role("button", name="Save search").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_placeholder("Name").fill("Stocktakes")
    dialog.get_by_role("combobox").select_option("inbox")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".view.chosen")).to_contain_text("Stocktakes")
    expect(page.locator(".found-head[data-watched=true]")).to_be_visible()
    ask(window.base, "send", to="bookkeeper/daily", handler="report", payload=[["stocktake-9", "fables"]])
    expect(page.locator(".found-head")).to_contain_text("Watching: ", timeout=20_000)
    expect(page.locator(".event").first).to_contain_text("bookkeeper/daily")
    [told] = eventually(lambda: [q for q in ask(window.base, "asks", limit=500) if "'Stocktakes'" in q["question"]], 20)
    page.goto(f"{window.base}/inbox?item={quote(told['id'], safe='')}")
    expect(page.get_by_text("The search 'Stocktakes' found").first).to_be_visible()
    page.goto(window.base + "/search")
    page.get_by_role("link", name="Stocktakes").click()
    expect(page.locator(".found-head[data-watched=true]")).to_be_visible()
    page.get_by_role("button", name="Forget the search Stocktakes").click()
    expect(page.locator(".view")).to_have_count(0)
    assert ask(window.base, "searches") == []


def test_a_search_is_forgotten_while_its_watch_is_about_to_begin(window: Window) -> None:
    ask(window.base, "save_search", name="Atlases", text="atlas-nowhere")
    held: dict[str, list[Route]] = {"search": [], "searches": []}
    page = window.open("/search?q=atlas-nowhere")
    page.route("**/operations/search", lambda route: held["search"].append(route))
    page.get_by_role("link", name="Atlases").click()
    eventually(lambda: page.wait_for_timeout(20) or held["search"], 10)
    page.route("**/operations/searches", lambda route: held["searches"].append(route))
    page.get_by_role("button", name="Forget the search Atlases").click()
    eventually(lambda: page.wait_for_timeout(20) or held["searches"], 10)
    assert ask(window.base, "searches") == []
    for route in held["search"]:
        route.continue_()
    page.wait_for_timeout(500)  # what asks for a search that is gone would have done so
    for route in held["searches"]:
        route.continue_()
    expect(page.locator(".view")).to_have_count(0)
