"""Segments over real stores: what they cover, what retention may take away, and what makes signing stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from audit_world import clerk, forget, runtime_of, sealing_of, worked, write_export
from holdfast import Conflict
from holdfast.adapters.sqlite.files import database
from holdfast.adapters.witnesses.file import FileWitness
from holdfast.insight.audit import sealing as module
from holdfast.insight.audit.exporting import ENTRIES, ROOTS
from holdfast.insight.audit.statement import EntryLine, decode
from holdfast.insight.audit.verify import verify
from holdfast.journal.codec import chain, decode_entry
from postgres_server import connect
from seeded_signer import SeededSigner


class Shift:
    """Changes every byte; enough to tell sealed from plain."""

    def seal(self, body: bytes) -> bytes:
        """See the protocol."""
        return bytes((b + 1) % 256 for b in body)

    def open(self, body: bytes) -> bytes:
        """See the protocol."""
        return bytes((b - 1) % 256 for b in body)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=audit_{abs(hash(tmp_path))}"


async def test_an_export_of_everything_verifies(url: str, tmp_path: Path) -> None:
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store)
        await worked(runtime, sealing)
        report = verify(await write_export(sealing, tmp_path / "export"), trusted=[sealing.signer.key_id])
        stored = sum([len(await runtime.store.entries(a.address, 0, 10_000)) for a in await runtime.store.agents()])
    assert report.ok, report.problem
    assert (report.entries, report.segments, report.trusted) == (stored, 3, True)


async def test_retention_takes_bodies_and_the_rest_still_verifies(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cuts go through the middle of segments here, because a turn that waits keeps its entries and those after it."""
    monkeypatch.setattr(module, "ENTRIES", 13)
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store)
        await worked(runtime, sealing, segments=2)
        await runtime.send(clerk["1"].idle)
        await worked(runtime, sealing, agents=1, segments=1)
        before = verify(await write_export(sealing, tmp_path / "before"))
        assert before.ok and before.removed == 0
        await forget(runtime)
        await worked(runtime, sealing, agents=3, segments=1)
        await forget(runtime)
        await sealing.seal()
        report = verify(await write_export(sealing, tmp_path / "after"))
        later = verify(await write_export(sealing, tmp_path / "later", after=report.segments - 2))
    assert report.ok, report.problem
    assert report.removed > 0 and report.lost == 0
    assert report.entries < before.entries
    assert later.ok and later.segments == 2


async def test_what_was_removed_before_it_was_signed_is_told(url: str, tmp_path: Path) -> None:
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store)
        await runtime.call(clerk["1"].work, "first", 1)
        await forget(runtime)
        await sealing.seal()
        report = verify(await write_export(sealing, tmp_path / "export"))
    assert report.ok and report.lost == 4 and report.entries == 0


async def test_a_sealed_store_is_verified_without_its_key(tmp_path: Path) -> None:
    async with runtime_of(f"sqlite:///{tmp_path}/store.db", Shift()) as runtime:
        sealing = sealing_of(runtime.store)
        await worked(runtime, sealing)
        folder = await write_export(sealing, tmp_path / "export")
    assert verify(folder).ok
    assert b"supplier" not in (folder / ENTRIES).read_bytes()
    entry: EntryLine = decode(EntryLine, (folder / ENTRIES).read_bytes().splitlines()[0])
    assert decode_entry(Shift().open(entry.body)).verb == "run"


async def test_keys_are_rotated_and_old_roots_stay_good(tmp_path: Path) -> None:
    signer = SeededSigner("old")
    old = signer.key_id
    async with runtime_of(f"sqlite:///{tmp_path}/store.db") as runtime:
        sealing = sealing_of(runtime.store, signer)
        await worked(runtime, sealing, segments=1)
        signer.rotate("new")
        await worked(runtime, sealing, segments=1)
        folder = await write_export(sealing, tmp_path / "export")
    assert verify(folder, trusted=[old, signer.key_id]).ok
    assert not verify(folder, trusted=[old]).ok


async def test_an_entry_that_commits_late_under_a_lower_number_is_not_missed(postgres_url: str) -> None:
    """The row gets its number, others commit behind it and are signed, and only then it appears."""
    url = f"{postgres_url}?schema=audit_late"
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store)
        await runtime.call(clerk["late"].work, "first", 1)
        await sealing.seal()
        seq, body = (await runtime.store.entries("default/clerk/late", 0, 100))[-1].seq + 1, b"late"
        link: Any = await connect(postgres_url)
        late = link.transaction()
        await late.start()
        await link.execute("SET LOCAL search_path TO audit_late")
        await link.execute("SELECT txid_current()")
        head = await link.fetchval("SELECT hash FROM journal WHERE seq = $1", seq - 1)
        await link.execute(
            "INSERT INTO journal (agent, seq, turn, body, hash) SELECT id, $1, $1, $2, $3 FROM agent WHERE address = $4",
            seq,
            body,
            chain(head, body),
            "default/clerk/late",
        )
        for n in range(3):
            await runtime.call(clerk["other"].work, "meanwhile", n)
            assert (await sealing.seal()).entries > 0
        await late.commit()
        await link.close()
        assert (await sealing.seal()).entries == 1
        assert (await sealing.seal()).entries == 0


async def test_nothing_happened_nothing_is_signed(url: str) -> None:
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store)
        assert (await sealing.seal()).number == 0
        await worked(runtime, sealing, segments=1)
        assert (await sealing.seal()).segments == 0


async def test_auditors_of_one_store_share_its_segments(url: str, tmp_path: Path) -> None:
    async with runtime_of(url) as runtime:
        one, two = sealing_of(runtime.store), sealing_of(runtime.store)
        for n in range(4):
            await runtime.call(clerk[str(n)].work, "same", 2)
            await asyncio.gather(one.seal(), two.seal())
        report = verify(await write_export(one, tmp_path / "export"))
    assert report.ok, report.problem
    assert report.agents == 4


def _change(path: Path, sql: str, *args: Any) -> None:
    db = database(str(path))
    db.execute(sql, args)
    db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET body = substr(body, 1, length(body) - 1) || x'00' WHERE seq = 7",
        "DELETE FROM journal WHERE seq = 7",
        "UPDATE journal SET hash = x'00' WHERE seq = 7",
    ],
)
async def test_a_journal_that_was_changed_is_not_signed(sql: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with runtime_of(url) as runtime:
        await runtime.call(clerk["1"].work, "first", 1)
        await sealing_of(runtime.store).seal()
        await runtime.call(clerk["1"].work, "second", 3)
    _change(tmp_path / "store.db", sql)
    async with runtime_of(url) as runtime:
        with pytest.raises(Conflict) as caught:
            await sealing_of(runtime.store).seal()
    assert caught.value.code == "audit.broken_chain"
    assert (caught.value.details["agent"], caught.value.details["seq"]) == ("default/clerk/1", 7)


async def test_a_journal_that_was_changed_after_it_was_signed_is_found_in_the_export(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with runtime_of(url) as runtime:
        await worked(runtime, sealing_of(runtime.store), agents=2, segments=1)
    _change(tmp_path / "store.db", "UPDATE journal SET body = replace(body, 'supplier-1', 'supplier-2') WHERE seq = 4")
    async with runtime_of(url) as runtime:
        report = verify(await write_export(sealing_of(runtime.store), tmp_path / "export"))
    assert report.problem is not None and report.problem.seq == 4


async def test_a_store_that_was_rolled_back_is_not_signed_for(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path}/store.db", tmp_path / "copy.db"
    witness = FileWitness(tmp_path / "elsewhere.jsonl")
    async with runtime_of(url) as runtime:
        sealing = sealing_of(runtime.store, witnesses=[witness])
        await worked(runtime, sealing, segments=1)
        await runtime.backup(str(copy))
        await worked(runtime, sealing, segments=1)
    async with runtime_of(f"sqlite:///{copy}") as runtime:
        for _ in range(2):  # also when it has as many roots again
            with pytest.raises(Conflict) as caught:
                await sealing_of(runtime.store, witnesses=[witness]).seal()
            assert caught.value.code == "audit.rolled_back"
            await worked(runtime, sealing_of(runtime.store), segments=1)
    assert await witness.last() == 2


async def test_a_witness_that_was_away_gets_what_it_missed(tmp_path: Path) -> None:
    async with runtime_of(f"sqlite:///{tmp_path}/store.db") as runtime:
        await worked(runtime, sealing_of(runtime.store), segments=3)
        witness = FileWitness(tmp_path / "elsewhere.jsonl")
        sealing = sealing_of(runtime.store, witnesses=[witness])
        await sealing.seal()
        folder = await write_export(sealing, tmp_path / "export")
    assert (tmp_path / "elsewhere.jsonl").read_bytes() == (folder / ROOTS).read_bytes()
