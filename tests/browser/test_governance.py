"""Governance in a real browser, on a server with resources, a policy and an agent that it bounds: propose, plan, apply,
compare, roll back, be refused when things changed, see what drifts, which tests fail, and why the gate said what it said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from windows import PHONE, WIDE, Window, ask, eventually, free_port, violations

AGENTS = '''"""A cashier that pays."""
import holdfast

cashier = holdfast.Agent("cashier", description="Pays.")


async def wire(to: str, cents: int) -> str:
    return f"paid {cents}"


@cashier.handler
async def pay(ctx: holdfast.Context, to: str, cents: int) -> str:
    return await ctx.run(wire, to, cents)
'''
POLICY = """
kind: Policy
name: money
spec:
  description: What may be paid, and to whom.
  rules:
    - {name: never eve, does: run wire, when: "args['0'] == 'eve'", then: deny, reason: eve is not paid}
    - {name: large, does: run wire, when: "args['1'] > 100", then: ask, reason: a person looks at large ones}
    - {name: cap, does: run wire, when: "args['1'] > 50", then: transform, transform: {cap: {'1': 50}}}
  tests:
    - {name: eve is refused, given: {run: wire, args: [eve, 5]}, expect: {outcome: deny, rule: never eve}}
    - {name: small ones pass, given: {run: wire, args: [ada, 5]}, expect: allow}
"""
HOUSE = """
kind: Policy
name: house
spec:
  rules:
    - {name: no mail, does: tool mail, then: deny, reason: nobody writes letters here}
  tests:
    - {name: letters are refused, given: {tool: mail, agent: cashier/1}, expect: allow}
"""
BUDGET = "kind: Budget\nname: small\nscope: agent:cashier\nper: day\nusd: 5\n"
GROUP = "kind: Group\nname: leads\nlabels: {team: care}\nmembers:\n- person:ada\n- person:bob\n"
SCHEDULE = "kind: Schedule\nname: report\nto: cashier/1\nhandler: pay\nargs: [ada, 1]\ncron: 0 9 * * *\n"


def _up(folder: Path, *options: str, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    (folder / "agents.py").write_text(AGENTS)
    (folder / "house.yaml").write_text(HOUSE)
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "holdfast", "up", "agents.py", "--unix", "wire", "--http", str(port), "--no-reload"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--policies", "house.yaml", *options],
            cwd=folder,
            env=os.environ | environment,
            stdout=out,
            stderr=out,
        )
    until = time.monotonic() + 30
    while "open" not in log.read_text():
        assert server.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    return server, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def house(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server where something was declared, changed behind its back, and decided."""
    server, base = _up(tmp_path_factory.mktemp("house"))
    try:
        ask(base, "apply", text=f"{BUDGET}---\n{GROUP}---\n{SCHEDULE}---\n{POLICY}", reason="the first ones", by="ann")
        ask(base, "apply", text=GROUP.replace("person:bob", "person:cleo"), reason="bob is on leave", by="ben")
        ask(base, "apply", text=GROUP.replace("person:bob", "person:dan"), reason="dan helps out", by="ann")
        ask(base, "set_budget", name="small", scope="agent:cashier", per="day", usd=9)
        pay(base, "ada", 5)
        pay(base, "eve", 5)
        pay(base, "ada", 70)
        ask(base, "send", to="cashier/asks", handler="pay", payload=["ada", 700])
        eventually(lambda: len(ask(base, "decisions")["found"]) == 3, 20)
        yield base
    finally:
        server.terminate()
        server.wait(20)


def pay(base: str, to: str, cents: int) -> None:
    with suppress(HTTPError):
        ask(base, "call", to="cashier/1", handler="pay", payload=[to, cents])


@pytest.fixture
def desk(browser: Browser, house: str, request: pytest.FixtureRequest) -> Iterator[Window]:
    theme, viewport = getattr(request, "param", ("dark", WIDE))
    context = browser.new_context(viewport=viewport, color_scheme=theme, has_touch=viewport == PHONE, accept_downloads=True)
    window = Window(house, context)
    try:
        yield window
    finally:
        context.close()
    assert not window.wrong, window.wrong


def write(page: Page, text: str) -> None:
    page.get_by_label("Documents, as YAML").fill(text)


def keep(page: Page, name: str) -> None:
    """A screenshot, if somebody wants them."""
    if folder := os.environ.get("HOLDFAST_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"governance-{name}.png"))


LOOKS: list[tuple[str, ViewportSize]] = [("dark", WIDE), ("light", WIDE), ("dark", PHONE), ("light", PHONE)]
PLACES = {
    "overview": "/governance",
    "resources": "/governance/resources",
    "resource": "/governance/resources/Budget/small",
    "versions": "/governance/resources/Group/leads?tab=versions",
    "propose": "/governance/propose?kind=Budget&name=small",
    "policies": "/governance/policies",
    "policy": "/governance/policies/house",
    "decisions": "/governance/decisions",
    "unknown": "/governance/policies/nobody",
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("desk", LOOKS, indirect=True, ids=["dark", "light", "dark-phone", "light-phone"])
def test_a_part_of_governance_is_sound(desk: Window, name: str, request: pytest.FixtureRequest) -> None:
    page = desk.open(PLACES[name])
    page.wait_for_timeout(400)
    if name == "decisions":
        page.locator(".decision").first.click()
        page.wait_for_selector(".considered")
    assert page.title().endswith("Holdfast") and (name == "overview" or page.title() != "Governance · Holdfast")
    found = violations(desk)
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
    keep(page, f"{name}-{request.node.callspec.id.removesuffix(f'-{name}')}")
    if name == "unknown":
        desk.wrong[:] = [w for w in desk.wrong if "404" not in w]


def test_a_change_is_proposed_planned_and_applied(desk: Window) -> None:
    page = desk.open("/governance/resources")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Propose a change")).to_be_visible()
    write(
        page,
        "kind: Budget\nname: large\nscope: agent:cashier\nper: day\nusd: fifty\n---\nkind: Group\nname: it\ncolour: red\n",
    )
    flaws = page.locator(".flaws li")
    expect(flaws).to_have_count(2)
    expect(flaws.first).to_contain_text("line 5")
    expect(flaws.first).to_contain_text("resource.malformed")
    expect(flaws.last).to_contain_text("line 9")
    expect(page.locator(".editor-numbers .wrong")).to_have_text(["5", "9"])
    assert not violations(desk)
    keep(page, "wrong-dark")
    write(page, "kind: Budget\nname: large\nscope: agent:cashier\nper: day\nusd: 50\n")
    expect(page.locator(".flaws")).to_have_text("Nothing is wrong with it.")
    page.keyboard.press("Control+Enter")
    change = page.get_by_role("article", name="Budget large is created")
    expect(change.locator(".fields li", has_text="usd")).to_contain_text("50")
    digest = page.locator(".plan-digest code").inner_text()
    expect(page.locator(".cli code")).to_have_text(f"holdfast apply -f FILE --plan {digest}")
    assert [r["name"] for r in ask(desk.base, "resources", kind="Budget")] == ["small"], "planning changed nothing"
    page.get_by_placeholder("Why?").fill("payday")
    assert not violations(desk)
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Applied as revision")
    expect(page.locator(".crumbs h2")).to_have_text("large")
    expect(page.locator(".resource-facts")).to_contain_text("payday")
    assert page.title() == "Budget/large · Governance · Holdfast"
    ask(desk.base, "delete_resource", kind="Budget", name="large")


def test_versions_are_compared_and_one_is_put_back_as_planned(desk: Window) -> None:
    page = desk.open("/governance/resources/Group/leads")
    page.keyboard.press("v")
    expect(page.locator(".versions tbody tr")).to_have_count(3)
    expect(page.locator("del.diff-line")).to_contain_text("person:cleo")
    expect(page.locator("ins.diff-line")).to_contain_text("person:dan")
    page.get_by_role("group", name="Compare version 1").get_by_role("button", name="from").click()
    expect(page.locator("del.diff-line")).to_contain_text("person:bob")
    expect(page.locator(".cli code")).to_have_text("holdfast history Group/leads --diff 1..3")
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".diff-pair del")).to_contain_text("person:bob")
    page.reload()
    expect(page.locator("del.diff-line")).to_contain_text("person:bob")

    page.get_by_role("button", name="Roll back to version 1").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("del")).to_contain_text("person:dan")
    expect(dialog.locator("ins")).to_contain_text("person:bob")
    assert not violations(desk)
    keep(page, "rollback-dark")
    ask(desk.base, "apply", text=GROUP.replace("person:bob", "person:eve"), reason="meanwhile", by="ben", force=True)
    dialog.get_by_placeholder("Why?").fill("bob is back")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is not what was planned")
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing of yours was done")
    desk.wrong[:] = [w for w in desk.wrong if "409" not in w]
    assert ask(desk.base, "resource", kind="Group", name="leads")["version"] == 4
    dialog.get_by_role("button", name="Plan again").click()
    expect(dialog.locator("del")).to_contain_text("person:eve")
    expect(dialog.locator(".cli code")).to_contain_text("-m 'bob is back'")
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.locator(".toast").last).to_contain_text("Version 1 holds again")
    expect(page.locator(".versions tbody tr").first).to_contain_text("bob is back")
    now = ask(desk.base, "resource", kind="Group", name="leads")
    assert (now["version"], now["reason"]) == (5, "bob is back")
    page.keyboard.press("v")
    expect(page.get_by_role("region", name="Drift")).to_contain_text("was declared since is not what the files say")


def test_what_drifts_is_shown_and_put_back(desk: Window) -> None:
    page = desk.open("/governance/resources?drift=1")
    page.locator(".resource-row", has_text="small").click()
    drift = page.get_by_role("region", name="Drift")
    expect(drift).to_contain_text("What runs is not what was declared")
    expect(drift.locator("del")).to_contain_text("5")
    expect(drift.locator("ins")).to_contain_text("9")
    page.keyboard.press("e")
    write(page, page.get_by_label("Documents, as YAML").input_value().replace("5.0", "7"))
    page.get_by_role("button", name="See what would happen").click()
    expect(page.get_by_role("region", name="Clashes")).to_contain_text("usd")
    keep(page, "clash-dark")
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_disabled()
    assert not violations(desk)
    page.get_by_label("Put back what others changed").check()
    page.get_by_role("button", name="See what would happen").click()
    page.get_by_placeholder("Why?").fill("seven it is")
    page.get_by_role("button", name="Apply 1 change").click()
    expect(page.locator(".resource-facts")).to_contain_text("seven it is")
    expect(page.get_by_role("region", name="Drift")).to_have_count(0)
    assert [b["limit_usd"] for b in ask(desk.base, "budgets")] == [7.0]


def test_what_changed_while_somebody_edited_is_told_before_it_is_written_over(desk: Window) -> None:
    page = desk.open("/governance/propose?kind=Schedule&name=report")
    mine = page.get_by_label("Documents, as YAML").input_value().replace("0 9 * * *", "0 10 * * *")
    ask(desk.base, "apply", text=SCHEDULE.replace("ada", "bob"), reason="bob is paid now", by="ben")
    write(page, mine)
    page.get_by_role("button", name="See what would happen").click()
    alert = page.get_by_role("alert").filter(has_text="You began with version 1; now version 2 holds")
    expect(alert).to_be_visible()
    expect(page.locator(".effects")).to_contain_text("10:00")
    alert.get_by_role("button", name="Begin again").click()
    expect(page.get_by_label("Documents, as YAML")).to_have_value(re.compile("- bob"))


def test_a_plan_of_a_policy_says_what_it_would_have_said_of_late(desk: Window) -> None:
    page = desk.open("/governance/propose?kind=Policy&name=money")
    text = page.get_by_label("Documents, as YAML").input_value()
    write(page, text.replace("== 'eve'", "!= 'eve'"))
    expect(page.locator(".flaws li")).to_contain_text("Policy 'money' does not do what the tests beside it say")
    line = 1 + text[: text.index("name: eve is refused")].count("\n")
    expect(page.locator(".editor-numbers .wrong")).to_have_text([str(line)])
    write(page, text.replace("> 50", "> 20"))
    page.get_by_role("button", name="See what would happen").click()
    effects = page.get_by_role("list", name="What it will do")
    expect(effects).to_contain_text(re.compile(r"would have said transform to \d+ of \d+ actions of the last week"))
    expect(effects.get_by_role("link", name="cashier/1").first).to_have_attribute("href", "/agents/cashier/1")
    assert ask(desk.base, "resource", kind="Policy", name="money")["version"] == 1


def test_thousands_of_resources_take_as_many_rows_as_are_seen(desk: Window) -> None:
    many = [{"kind": "Group", "name": f"team-{n:04}", "members": ["person:ada"]} for n in range(2_000)]
    ask(desk.base, "apply", documents=many, reason="many", set="many")
    page = desk.open("/governance/resources?q=team-")
    expect(page.locator("a.resource-row").first).to_contain_text("team-0000")
    assert page.locator("a.resource-row").count() < 60
    assert page.evaluate("document.getElementsByTagName('*').length") < 900
    page.get_by_role("list", name="Resources").evaluate("box => box.scrollTop = box.scrollHeight")
    expect(page.locator("a.resource-row").last).to_contain_text("team-1999")
    ask(desk.base, "apply", documents=[], prune=True, reason="enough", set="many")


def test_everything_declared_is_exported_as_it_can_be_applied(desk: Window) -> None:
    page = desk.open("/governance/resources?kind=Group")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "Group.yaml"
    text = Path(download.value.path()).read_text()
    assert {c["action"] for c in ask(desk.base, "plan", text=text)["results"]} <= {"record"}, "it is so already"


def test_resources_are_filtered_and_walked_with_keys(desk: Window) -> None:
    page = desk.open("/governance")
    page.keyboard.press("2")
    page.wait_for_url("**/governance/resources")
    page.keyboard.press("/")
    page.keyboard.type("group/leads")
    expect(page.locator("a.resource-row")).to_have_count(1)
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator("a.resource-row.chosen")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".crumbs h2")).to_have_text("leads")
    page.keyboard.press("Escape")
    page.wait_for_url("**/governance/resources")


def test_tests_of_policies_run_and_the_past_is_asked(desk: Window) -> None:
    page = desk.open("/governance/policies")
    row = page.locator("tr", has_text="house")
    expect(row).to_contain_text("1 of 1 fail")
    expect(page.locator("tr", has_text="money")).to_contain_text("2 pass")
    row.get_by_role("link", name="house").click()
    expect(page.locator(".tests")).to_contain_text("expected allow")
    page.goto(desk.base + "/governance/policies/money")
    expect(page.locator(".tests .tag")).to_have_text(["✓ passed", "✓ passed"])
    page.get_by_role("button", name="Look back").click()
    back = page.get_by_role("region", name="Looking back")
    expect(back.locator(".figure", has_text="denied").locator("b")).to_have_text("1")
    keep(page, "look-back-dark")
    expect(back.locator(".rule-counts")).to_contain_text("money/never eve")
    expect(back.get_by_role("row", name="eve is not paid")).to_contain_text("cashier/1")
    assert not violations(desk)


def test_decisions_come_as_they_are_made_and_say_why(desk: Window) -> None:
    page = desk.open("/governance/decisions")
    expect(page.locator(".decision")).to_have_count(3)
    expect(page.locator(".decision").nth(1)).to_contain_text("changed")
    page.keyboard.press("j")
    why = page.get_by_role("region", name="Why")
    expect(why).to_contain_text("a person looks at large ones")
    expect(why).to_contain_text("700")
    expect(why.locator(".considered li").first).to_contain_text("matched")
    pay(desk.base, "eve", 1)
    expect(page.locator(".found-head")).to_contain_text("1 new since you came", timeout=20_000)
    expect(why).to_contain_text("700")  # what is looked at stays
    page.get_by_role("button", name="denied", exact=True).click()
    expect(page.locator(".decision")).to_have_count(2)
    page.locator(".decision").first.click()
    expect(why).to_contain_text("eve is not paid")
    expect(why.locator(".cli code")).to_contain_text("holdfast why cashier/1#")
    expect(why.get_by_role("link", name="cashier/1#")).to_have_attribute(
        "href", re.compile(r"/agents/cashier/1\?turn=\d+&entry=\d+")
    )
    page.get_by_placeholder("Agents").fill("nobody/")
    expect(page.get_by_text("No decision fits")).to_be_visible()
    page.goto(desk.base + "/governance/decisions?outcome=allow")
    expect(page.locator(".decision").first).to_contain_text("allowed")


def test_something_is_switched_off_and_on_again(desk: Window) -> None:
    page = desk.open("/governance")
    page.get_by_role("button", name="Switch something off").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_placeholder("Which agent?").fill("cashier/9")
    dialog.get_by_placeholder("Why?").fill("it behaves oddly")
    expect(dialog.locator(".cli code")).to_have_text(
        "holdfast breaker trip agent cashier/9 --action hold --reason 'it behaves oddly'"
    )
    assert not violations(desk)
    dialog.get_by_role("button", name="Switch off").click()
    row = page.get_by_role("row", name="it behaves oddly")
    expect(row).to_contain_text("open")
    row.get_by_role("button", name="Switch agent:default/cashier/9 on again").click()
    page.locator("dialog[open]").get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("All are closed")).to_be_visible()
    assert ask(desk.base, "breakers") == []


def test_who_may_only_look_is_told_which_permission_is_missing(browser: Browser, bundle: None, tmp_path: Path) -> None:
    admin = "hf_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
    server, base = _up(tmp_path, "--auth", HOLDFAST_ADMIN_TOKEN=admin)
    try:
        given = {"authorization": f"Bearer {admin}"}
        ask(base, "apply", headers=given, text=GROUP, reason="first")
        ask(base, "apply", headers=given, text=GROUP.replace("bob", "cleo"), reason="second")
        token = ask(base, "create_token", headers=given, who="person:vera", scopes=["viewer"], tenant="*")["secret"]
        context = browser.new_context(viewport=WIDE)
        window = Window(base, context)
        page = window.page
        page.goto(f"{base}/governance/resources/Group/leads?tab=versions")
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator(".versions tbody tr")).to_have_count(2)
        expect(page.get_by_role("note")).to_contain_text("To roll back takes the permission configure; yours are read")
        expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
        page.goto(f"{base}/governance/propose?kind=Group&name=leads")
        write(page, GROUP.replace("bob", "dan"))
        page.get_by_role("button", name="See what would happen").click()
        expect(page.get_by_role("article", name="Group leads changes")).to_be_visible()
        expect(page.get_by_role("note")).to_contain_text("To apply it takes the permission configure")
        expect(page.get_by_role("button", name="Apply")).to_have_count(0)
        page.goto(f"{base}/governance")
        expect(page.get_by_role("note")).to_contain_text("To switch something off takes the permission steer")
        assert not violations(window)
        context.close()
    finally:
        server.terminate()
        server.wait(20)
