"""What people declare, and what is counted for it: versions, revisions, news, windows."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence

import pytest

from ...domain.errors import Conflict, HoldfastError, LimitExceeded, Rejected
from ...ports.resources import LARGEST_BYTES, Change, Resource, Tally
from ...ports.store import Store
from .case import NOW, Case, Contract, scenario

HOUR_MS = 3_600_000


def change(name: str = "a", body: bytes | None = b"{}", expected: int | None = None, kind: str = "Policy") -> Change:
    """A change of a resource of the whole installation."""
    return Change(kind, name, "", body, expected)


async def put(store: Store, *changes: Change, author: str = "ann", reason: str = "", at: int = NOW) -> int:
    """Apply changes."""
    return await store.apply_resources(changes, author, reason, at)


def names(found: Sequence[Resource]) -> list[str]:
    """Of resources, in their order; deletions with a minus."""
    return [("-" if r.deleted else "") + r.name for r in found]


class Resources(Contract):
    """``apply_resources``, ``resources``, ``resource_versions``."""

    @scenario
    async def test_a_resource_is_read_back_whole(self, c: Case) -> None:
        made = Change("Po\0licy", "n\x1b\0", "te\0nant", b'{"a": 1}\0\xff', 0, {"team": "sal\0es", 'k"': "\x1b"})
        revision = await c.store.apply_resources([made], "an\0n", "be\0cause", NOW)
        wanted = Resource(
            made.kind, made.name, made.tenant, 1, revision, made.body or b"", "an\0n", "be\0cause", NOW, False, made.labels
        )
        assert await c.store.resources() == [wanted]
        assert await c.store.resource_versions(made.kind, made.name, made.tenant) == [wanted]

    @scenario
    async def test_every_change_is_a_version_and_the_old_ones_stay(self, c: Case) -> None:
        await put(c.store, change(body=b"1"), author="ann", reason="first")
        await put(c.store, change(body=b"2"), author="bob", reason="second", at=NOW + 1)
        await put(c.store, change(body=None), author="cid")
        await put(c.store, change(body=b"3", expected=0))
        versions = await c.store.resource_versions("Policy", "a")
        assert [(v.version, v.body, v.deleted) for v in versions] == [
            (4, b"3", False), (3, b"", True), (2, b"2", False), (1, b"1", False)
        ]  # fmt: skip
        assert [(v.author, v.reason, v.at) for v in versions[1:]] == [
            ("cid", "", NOW), ("bob", "second", NOW + 1), ("ann", "first", NOW)
        ]  # fmt: skip
        assert await c.store.resource_versions("Policy", "b") == []

    @scenario
    async def test_changes_of_one_call_are_one_revision(self, c: Case) -> None:
        first = await put(c.store, change("a"), change("b"))
        second = await put(c.store, change("b", b"2"), change("c"))
        assert second > first > 0
        found = await c.store.resources()
        assert [(r.name, r.version, r.revision) for r in found] == [("a", 1, first), ("b", 2, second), ("c", 1, second)]

    @scenario
    async def test_one_change_that_does_not_match_holds_up_all(self, c: Case) -> None:
        before = await put(c.store, change("a", b"1"), change("b", b"1"), author="ann")
        await put(c.store, change("b", b"2"), author="bob")
        with pytest.raises(Conflict) as caught:
            await put(c.store, change("a", b"3", 1), change("b", b"3", 1), change("c", b"3", 7))
        assert caught.value.code == "resource.changed"
        assert (caught.value.details["name"], caught.value.details["version"]) == ("b", 2)
        assert "bob" in caught.value.message
        assert [(r.name, r.body) for r in await c.store.resources()] == [("a", b"1"), ("b", b"2")]
        assert await put(c.store, change("b", b"3", 2)) == before + 2

    @scenario
    async def test_what_should_not_be_there_may_not_be(self, c: Case) -> None:
        await put(c.store, change("a", b"1", 0))
        for wrong in (change("a", b"2", 0), change("b", b"2", 1), change("a", None, 3)):
            with pytest.raises(Conflict):
                await put(c.store, wrong)
        await put(c.store, change("a", None, 1))
        await put(c.store, change("a", b"3", 0))

    @scenario
    async def test_a_change_that_changes_nothing_is_none(self, c: Case) -> None:
        labelled = Change("Policy", "a", "", b"1", 0, {"x": "1", "y": "2"})
        revision = await put(c.store, labelled)
        assert await put(c.store, labelled) == revision, "as after a lost reply"
        assert await put(c.store, change("b", None, 4)) == revision
        assert await put(c.store, Change("Policy", "a", "", b"1", 1, {"x": "1"})) == revision + 1, "labels count"
        await put(c.store, change("a", None))
        assert await put(c.store, change("a", None, 2)) == revision + 2
        assert await c.store.apply_resources([], "ann", "", NOW) == revision + 2

    @scenario
    async def test_whoever_reads_on_misses_nothing(self, c: Case) -> None:
        first = await put(c.store, change("a"), change("b"), change("c", kind="Route"))
        second = await put(c.store, change("a", None), change("d"))
        third = await put(c.store, change("b", b"2"))
        assert names(await c.store.resources()) == ["c", "d", "b"]
        assert names(await c.store.resources(after=first)) == ["-a", "d", "b"]
        assert names(await c.store.resources("Policy", after=second)) == ["b"]
        assert names(await c.store.resources("Route")) == ["c"]
        assert await c.store.resources(after=third) == []

    @scenario
    async def test_a_page_ends_with_a_whole_revision(self, c: Case) -> None:
        for n in range(5):
            await put(c.store, change(f"x{n}"), change(f"y{n}"), change(f"z{n}"))
        read: list[str] = []
        after, pages = 0, 0
        while page := await c.store.resources(after=after, limit=4):
            read += names(page)
            after, pages = page[-1].revision, pages + 1
        assert sorted(read) == sorted(f"{a}{n}" for a in "xyz" for n in range(5))
        assert pages == 3, "two revisions each, but for the last"
        assert len(await c.store.resources(limit=0)) == 3

    @scenario
    async def test_tenants_do_not_meet(self, c: Case) -> None:
        changes = [Change("Policy", "a", tenant, tenant.encode()) for tenant in ("", "blue", "red")]
        await put(c.store, *changes)
        assert [r.body for r in await c.store.resources(tenant="blue")] == [b"blue"]
        assert [r.body for r in await c.store.resources(tenant="")] == [b""]
        await put(c.store, Change("Policy", "a", "blue", None))
        assert [r.tenant for r in await c.store.resources()] == ["", "red"]
        assert len(await c.store.resource_versions("Policy", "a", "red")) == 1

    @scenario
    async def test_what_makes_no_sense_is_refused(self, c: Case) -> None:
        with pytest.raises(Rejected) as caught:
            await put(c.store, change("a", b"1"), change("b"), change("a", b"2"))
        assert caught.value.code == "resource.twice"
        with pytest.raises(LimitExceeded) as large:
            await put(c.store, change("a", b"x" * LARGEST_BYTES), change("b", b"x"))
        assert large.value.code == "resource.too_large"
        assert await c.store.resources() == []

    @scenario
    async def test_of_those_that_change_the_same_thing_at_once_one_wins(self, c: Case) -> None:
        await put(c.store, change("a", b"0"))
        stores = [c.store, await c.second()]
        tries = [put(stores[n % 2], change("a", str(n).encode(), 1), change(f"only{n}")) for n in range(1, 9)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        won = [n for n, result in enumerate(results, 1) if not isinstance(result, BaseException)]
        assert len(won) == 1 and all(isinstance(r, int | Conflict) for r in results)
        assert names(await c.store.resources()) == ["a", f"only{won[0]}"]

    @scenario
    async def test_revisions_become_visible_in_their_order(self, c: Case) -> None:
        stores, seen, done = [c.store, await c.second()], list[int](), 0

        async def write(n: int) -> None:
            nonlocal done
            for k in range(10):
                await put(stores[n % 2], change(f"{n}.{k}"))
            done += 1

        async def follow() -> None:
            while done < 4 or seen != list(range(1, 41)):
                await asyncio.sleep(0)
                seen.extend(r.revision for r in await stores[1].resources(after=seen[-1] if seen else 0))

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(follow())
            for n in range(4):
                group.create_task(write(n))
        assert seen == list(range(1, 41))

    @scenario
    async def test_every_session_hears_of_a_change(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        revision = await put(c.store, change("a"))
        for member in (one, two):
            await member.hears("resources", revision)
        heard = len(one.signals)
        assert await put(c.store, change("a")) == revision
        await put(two.store, change("a", None))
        await two.hears("resources", revision + 1)
        await one.hears("resources", revision + 1)
        assert len(one.signals) == heard + 1, "what changes nothing is no news"

    @scenario
    async def test_resources_survive_compaction_backup_and_a_restart(self, c: Case) -> None:
        await put(c.store, change("a", b"1"))
        await put(c.store, change("a", b"2"), change("b", b"1"))
        last = await put(c.store, change("b", None))
        while await c.store.compact(NOW * 2, 100):
            pass
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "copy.db")
            try:
                await c.store.backup(target)
            except HoldfastError as error:
                assert error.code == "store.no_backup"
        if not self.volatile:
            await c.restart()
        assert names(await c.store.resources(after=1)) == ["a", "-b"]
        assert [v.body for v in await c.store.resource_versions("Policy", "a")] == [b"2", b"1"]
        assert await put(c.store, change("c")) == last + 1


class Tallies(Contract):
    """``tally`` and ``untally``."""

    @scenario
    async def test_a_sum_has_what_is_in_the_window(self, c: Case) -> None:
        assert await c.store.tally([Tally("k", "1", 2.0, 1000)], NOW) == [2.0]
        assert await c.store.tally([Tally("k", "2", 0.5, 1000)], NOW + 999) == [2.5]
        assert await c.store.tally([Tally("k", "3", 4.0, 1000)], NOW + 1000) == [4.5], "the first is older than the window"
        assert await c.store.tally([Tally("k\0", "1", 1.0, 1000)], NOW + 1000) == [1.0], "keys do not meet"

    @scenario
    async def test_the_same_occurrence_counts_once(self, c: Case) -> None:
        for later in (0, 1, 500):
            assert await c.store.tally([Tally("k", "i\0d", 3.0, 1000)], NOW + later) == [3.0]
        assert await c.store.tally([Tally("k", "i\0d", 3.0, 1000)], NOW + 1000) == [3.0], "forgotten, and counted anew"
        assert await c.store.tally([Tally("k", "other", 0.0, 1000)], NOW + 1999) == [3.0]

    @scenario
    async def test_occurrences_of_one_call_come_one_after_the_other(self, c: Case) -> None:
        counts = [Tally("a", "1", 1, 1000), Tally("b", "1", 10, 1000), Tally("a", "2", 1, 1000), Tally("a", "1", 1, 1000)]
        assert await c.store.tally(counts, NOW) == [1.0, 10.0, 2.0, 2.0]
        assert await c.store.tally([], NOW) == []

    @scenario
    async def test_what_did_not_happen_is_taken_back(self, c: Case) -> None:
        await c.store.tally([Tally("k", "1", 1, 1000), Tally("k", "2", 1, 1000)], NOW)
        for _ in range(2):
            await c.store.untally("k", "1")
        assert await c.store.tally([Tally("k", "3", 1, 1000)], NOW) == [2.0]
        await c.store.untally("nothing", "1")

    @scenario
    async def test_a_limit_holds_whoever_counts_at_once(self, c: Case) -> None:
        stores = [c.store, await c.second()]
        counts = [
            stores[n % 2].tally([Tally("k", str(n), 1, HOUR_MS), Tally("all", str(n), 1, HOUR_MS)], NOW) for n in range(40)
        ]
        sums = await asyncio.gather(*counts)
        assert sorted(s for s, _ in sums) == [float(n) for n in range(1, 41)], "each sees another place in the row"
        assert sorted(s for _, s in sums) == [float(n) for n in range(1, 41)]

    @scenario
    async def test_counts_survive_a_restart_and_go_when_they_are_old(self, c: Case) -> None:
        counts = [Tally(f"k{n}", "1", 1, 1000 + n) for n in range(10)]
        await c.store.tally(counts, NOW)
        if not self.volatile:
            await c.restart()
        assert await c.store.tally(counts, NOW) == [1.0] * 10
        assert await c.store.compact(NOW + 1005, 100) == 5
        assert await c.store.compact(NOW + 1005, 100) == 0
        assert await c.store.compact(NOW + 9999, 3) == 3
        assert await c.store.compact(NOW + 9999, 100) == 2

    @scenario
    async def test_what_cannot_be_counted_is_refused(self, c: Case) -> None:
        for wrong in (Tally("k", "1", 1, 0), Tally("k", "1", 1, -5), Tally("k", "1", float("nan"), 9)):
            with pytest.raises(Rejected) as caught:
                await c.store.tally([Tally("k", "0", 1, 1000), wrong], NOW)
            assert caught.value.code == "tally.malformed"
        assert await c.store.tally([Tally("k", "2", 1, 1000)], NOW) == [1.0]
