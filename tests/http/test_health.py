"""Health and metrics: what a load balancer and a Prometheus see."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from api_ground import Site, site


async def test_it_is_ready_until_it_drains(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        assert (await s.client.get("/healthz")).json() == {"ok": True}
        assert (await s.client.get("/readyz")).json() == {"ready": True, "wrong": []}
        s.server.stopping.set()
        told = await s.client.get("/readyz")
        assert (told.status_code, told.headers["retry-after"]) == (503, "5")
        assert told.json()["wrong"] == ["draining: it takes no more work"]
        assert (await s.client.get("/healthz")).status_code == 200


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        session, s.server.engine.worker.session = s.server.engine.worker.session, ""
        told = await s.client.get("/readyz")
        assert told.status_code == 503 and "session lost" in told.json()["wrong"][0]
        s.server.engine.worker.session = session


async def test_metrics_count_what_happened(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await _metrics(s)  # from here on
        for n in range(3):
            await s.do("call", to=f"add/{n}", handler="plus", payload=[n])
        await s.do("call", to="add/0", handler="fail", payload=[])
        await s.do("send", to="add/9", handler="wonder", payload=[])
        found: dict[str, float] = {}
        async with asyncio.timeout(20):
            while sum(found.get(f"holdfast_turns_total{{outcome={o}}}", 0) for o in ("done", "failed")) < 4:
                found = await _metrics(s)
        assert found["holdfast_turns_total{outcome=done}"] == 3
        assert found["holdfast_agents"] >= 4
        assert found["holdfast_journal_entries_total"] >= 8
        assert found["holdfast_metrics_behind"] >= 0
        assert found["holdfast_draining"] == 0


async def _metrics(s: Site) -> dict[str, float]:
    answer = await s.client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
