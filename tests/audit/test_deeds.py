"""Who did what: found by principal, agent, verb, name, arguments, time and decision; and as events that a SIEM takes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from audit_world import clerk
from holdfast import Rejected, Runtime
from holdfast.domain.intent import ALLOW, Decision, Intent, Verdict
from holdfast.gate import Gate
from holdfast.insight.audit.deeds import Deed
from holdfast.insight.audit.ocsf import event

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "ocsf_api_activity.json").read_text())


class Cautious(Gate):
    """Refuses payments to the third supplier."""

    def review(self, intent: Intent) -> Decision:
        if intent.name == "pay" and intent.arguments["0"] == "supplier-2":
            return Decision(Verdict.DENY, ("supplier-2 is not paid any more",), ("no-supplier-2",))
        return ALLOW


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    """Anna's and Ben's clerks have worked; Ben's was stopped at supplier-2."""
    async with Runtime([clerk], f"sqlite:///{tmp_path}/store.db", gate=Cautious()) as runtime:
        await runtime.options(sender="anna").call(clerk["a"].work, "invoices", 2)
        with pytest.raises(Rejected, match="supplier-2"):
            await runtime.options(sender="ben").call(clerk["b"].work, "reminders", 3)
        yield runtime


async def found(runtime: Runtime, **wanted: Any) -> list[Deed]:
    return (await runtime.operations.audit_query(**wanted)).deeds


async def test_deeds_are_found_by_everything_that_is_known_of_them(runtime: Runtime) -> None:
    every = await found(runtime)
    assert [d.id for d in every] == sorted(d.id for d in every)
    assert {d.by for d in every if d.agent == "default/clerk/a"} == {"anna"}
    assert {d.agent for d in await found(runtime, by="ben")} == {"default/clerk/b"}
    assert {d.verb for d in await found(runtime, agent="clerk/a", verb="run")} == {"run"}
    assert len(await found(runtime, agent="clerk/")) == len(every)
    assert len(await found(runtime, name="pay", text="SUPPLIER-1")) == 2
    first, last = every[0], every[-1]
    assert await found(runtime, until=first.at) == []
    assert await found(runtime, since=last.at + 1) == []
    [denied] = await found(runtime, decision="deny")
    assert (denied.name, denied.by, denied.rules) == ("pay", "ben", ["no-supplier-2"])
    assert denied.arguments == {"0": "supplier-2", "1": 20}
    assert denied.reasons == ["supplier-2 is not paid any more"]


async def test_a_search_goes_on_where_it_stopped(runtime: Runtime) -> None:
    every = await found(runtime)
    paged: list[Deed] = []
    after, more = 0, True
    while more:
        page = await runtime.operations.audit_query(after=after, limit=3)
        paged += page.deeds
        after, more = page.after, page.more
    assert paged == every


async def test_deeds_become_ocsf_events(runtime: Runtime) -> None:
    check: Any = jsonschema.Draft202012Validator(SCHEMA)
    events = [json.loads(json.dumps(event(deed, "0.1"))) for deed in await found(runtime)]
    for it in events:
        check.validate(it)
    [denied] = [it for it in events if it["action_id"] == 2]
    assert (denied["status_id"], denied["actor"]["user"]["name"]) == (2, "ben")
    assert denied["api"]["operation"] == "run pay"
    broken = {**denied, "class_uid": 6002}
    assert list(check.iter_errors(broken)), "the schema can refuse"
