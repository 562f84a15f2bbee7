"""Whatever is changed in an export is found, and the first bad entry is named: single bytes, deletions, truncations,
reorderings."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_world import forget, runtime_of, sealing_of, worked, write_export
from holdfast.insight.audit.exporting import ENTRIES, EXPORT, KEYS, LEAVES, ROOTS, files
from holdfast.insight.audit.statement import EntryLine, Root, decode, encode
from holdfast.insight.audit.verify import Report, verify
from seeded_signer import SeededSigner

Change = Callable[[random.Random, bytes], bytes]
Export = dict[str, bytes]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """An honest export: four agents, three segments, one of them with a cut."""
    folder = tmp_path_factory.mktemp("honest")

    async def make() -> None:
        async with runtime_of(f"sqlite:///{folder}/store.db") as runtime:
            sealing = sealing_of(runtime.store)
            await worked(runtime, sealing, segments=2)
            await forget(runtime)
            await worked(runtime, sealing, segments=2)
            await write_export(sealing, folder / "export")

    asyncio.run(make())
    assert verify(folder / "export").ok
    return {name: (folder / "export" / name).read_bytes() for name in files()}


def checked(export: Export, folder: Path) -> Report:
    for name, body in export.items():
        (folder / name).write_bytes(body)
    return verify(folder)


def flip(dice: random.Random, body: bytes) -> bytes:
    """One byte becomes another one."""
    place = dice.randrange(len(body))
    return body[:place] + bytes([(body[place] + dice.randrange(1, 256)) % 256]) + body[place + 1 :]


def delete(dice: random.Random, body: bytes) -> bytes:
    """A line, or some bytes, go."""
    if dice.random() < 0.5 and body.count(b"\n") > 1:
        lines = body.splitlines(keepends=True)
        start = dice.randrange(len(lines))
        del lines[start : start + dice.randrange(1, 4)]
        return b"".join(lines)
    place = dice.randrange(len(body))
    return body[:place] + body[place + dice.randrange(1, 40) :]


def truncate(dice: random.Random, body: bytes) -> bytes:
    """The end goes, at a line's end or anywhere."""
    if dice.random() < 0.5 and body.count(b"\n") > 1:
        lines = body.splitlines(keepends=True)
        return b"".join(lines[: dice.randrange(len(lines))])
    return body[: dice.randrange(len(body))]


def reorder(dice: random.Random, body: bytes) -> bytes:
    """Two lines change places, or two bytes in a file of one line."""
    parts: list[bytes] = body.splitlines(keepends=True)
    if len(parts) < 2:
        parts = [body[n : n + 1] for n in range(len(body))]
    while True:
        a, b = dice.randrange(len(parts)), dice.randrange(len(parts))
        if parts[a] != parts[b]:
            parts[a], parts[b] = parts[b], parts[a]
            return b"".join(parts)


@pytest.mark.parametrize("change", [flip, delete, truncate, reorder])
def test_a_thousand_changes_are_all_found(export: Export, change: Change, tmp_path: Path) -> None:
    missed: list[str] = []
    for seed in range(1000):
        dice = random.Random(f"{change.__name__} {seed}")
        name = (
            dice.choices(list(export), [len(body) for body in export.values()])[0] if seed % 2 else dice.choice(list(export))
        )
        changed = {**export, name: change(dice, export[name])}
        if checked(changed, tmp_path).ok:
            missed.append(f"{change.__name__} {seed} in {name}")
    assert not missed


def test_the_first_bad_entry_is_named(export: Export, tmp_path: Path) -> None:
    lines = export[ENTRIES].splitlines()
    dice = random.Random(5)
    for place in dice.sample(range(len(lines)), 40):
        entry: EntryLine = decode(EntryLine, lines[place])
        bad = {
            "body": EntryLine(entry.agent, entry.seq, entry.turn, entry.hash, entry.body[:-1] + b"?"),
            "hash": EntryLine(entry.agent, entry.seq, entry.turn, "0" * 64, entry.body),
            "agent": EntryLine("default/clerk/other", entry.seq, entry.turn, entry.hash, entry.body),
        }
        for line in [*map(encode, bad.values()), lines[place][:-1], b""]:
            told = checked({**export, ENTRIES: b"\n".join([*lines[:place], line, *lines[place + 1 :], b""])}, tmp_path)
            assert told.problem is not None
            assert (told.problem.agent, told.problem.seq) == (entry.agent, entry.seq), told.problem


def test_a_changed_turn_is_found_although_no_chain_covers_it(export: Export, tmp_path: Path) -> None:
    lines = export[ENTRIES].splitlines()
    for place in range(0, len(lines), 7):
        entry: EntryLine = decode(EntryLine, lines[place])
        line = encode(EntryLine(entry.agent, entry.seq, entry.turn + 1, entry.hash, entry.body))
        told = checked({**export, ENTRIES: b"\n".join([*lines[:place], line, *lines[place + 1 :], b""])}, tmp_path)
        assert told.problem is not None and told.problem.agent == entry.agent


def test_an_end_that_is_missing_as_a_whole_is_missed(export: Export, tmp_path: Path) -> None:
    """The last segment is taken out of every file; only the signed count still speaks of it, and roots kept elsewhere."""
    roots = export[ROOTS].splitlines(keepends=True)
    last: Root = decode(Root, roots[-1][:-1])
    leaves = export[LEAVES].splitlines(keepends=True)[: -last.statement.leaves]
    entries = export[ENTRIES].splitlines(keepends=True)[: -last.statement.entries]
    short = {**export, ROOTS: b"".join(roots[:-1]), LEAVES: b"".join(leaves), ENTRIES: b"".join(entries)}
    told = checked(short, tmp_path)
    assert told.problem is not None and told.problem.segment == last.statement.number


async def test_an_older_export_is_told_from_the_newest_by_roots_kept_elsewhere(tmp_path: Path) -> None:
    async with runtime_of(f"sqlite:///{tmp_path}/store.db") as runtime:
        sealing = sealing_of(runtime.store)
        await worked(runtime, sealing, segments=2)
        old = await write_export(sealing, tmp_path / "old")
        await worked(runtime, sealing, segments=1)
        new = await write_export(sealing, tmp_path / "new")
    witnessed = dict(enumerate((new / ROOTS).read_bytes().splitlines(), 1))
    assert verify(old).ok, "by itself it is honest"
    told = verify(old, witnessed=witnessed)
    assert told.problem is not None and told.problem.segment == 3
    assert verify(new, witnessed=witnessed).witnessed == 3


async def test_a_store_written_anew_with_another_key_is_not_believed(tmp_path: Path) -> None:
    async with runtime_of(f"sqlite:///{tmp_path}/store.db") as runtime:
        honest = SeededSigner("ours")
        forged = sealing_of(runtime.store, SeededSigner("theirs"))
        await worked(runtime, forged)
        folder = await write_export(forged, tmp_path / "forged")
    assert verify(folder).ok and not verify(folder).trusted
    told = verify(folder, trusted=[honest.key_id])
    assert told.problem is not None and told.problem.file == KEYS


def test_nothing_of_it_needs_a_store(export: Export, tmp_path: Path) -> None:
    report = checked(export, tmp_path)
    assert report.ok and report.segments == 4 and report.agents == 4
    assert (
        report.removed > 0
        and report.entries + report.removed == decode(Root, export[ROOTS].splitlines()[-1]).statement.total
    )
    assert (tmp_path / EXPORT).exists()
