"""Verifying an export: files and public keys, no store, no network, nothing of the installation that wrote it.

What is proved: the roots are signed and follow one another; the leaves are those under the roots; every entry that was added
is there and unchanged, unless a signed leaf says that retention removed it. The check reads from the outside in and stops at
the first thing that does not fit, which it names. Two things no export can prove by itself: that the key is really yours
(name it: ``trusted``), and that a later export does not exist (``witnessed``: roots that were kept elsewhere).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...domain.errors import NotFound
from ...journal import merkle
from ...journal.codec import chain
from .exporting import ENTRIES, EXPORT, KEYS, LEAVES, ROOTS, Keys, files
from .signatures import bytes_of, genuine, key_id_of
from .statement import (
    Added,
    EntryLine,
    Leaf,
    Manifest,
    Removed,
    Root,
    SignedManifest,
    Statement,
    decode,
    digest,
    row,
    to_sign,
)


class Problem(msgspec.Struct, frozen=True):
    """The first thing that does not fit. ``agent`` and ``seq`` name the entry; 0 where it is none of them."""

    file: str
    what: str
    agent: str = ""
    seq: int = 0
    segment: int = 0


class Report(msgspec.Struct, kw_only=True):
    """What verification found. ``lost``: entries that retention removed before any segment covered them."""

    ok: bool
    problem: Problem | None = None
    segments: int = 0
    entries: int = 0
    agents: int = 0
    removed: int = 0
    lost: int = 0
    first_at: int = 0
    last_at: int = 0
    last: int = 0
    keys: list[str] = []
    trusted: bool = False
    witnessed: int = 0


class _Bad(Exception):
    def __init__(self, file: str, what: str, agent: str = "", seq: int = 0, segment: int = 0) -> None:
        self.problem = Problem(file, what, agent, seq, segment)


def verify(folder: Path, *, trusted: Sequence[str] = (), witnessed: Mapping[int, bytes] | None = None) -> Report:
    """Check an export. Raises ``NotFound(audit.no_export)`` where there is none; whatever is wrong with one is in the
    report."""
    for name in files():
        if not (folder / name).is_file():
            raise NotFound(
                "audit.no_export", f"{folder} is not an export: it has no {name}. `holdfast audit export DIR` writes one."
            )
    check = _Check(folder)
    try:
        check.keys(trusted)
        check.roots(witnessed or {})
        check.leaves()
        check.entries()
    except _Bad as bad:
        check.report.problem = bad.problem
    check.report.ok = check.report.problem is None
    return check.report


class _Check:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report = Report(ok=False)
        self.public: dict[str, bytes] = {}
        self.statements: list[Statement] = []
        self.added: list[tuple[int, Added]] = []
        self.gone: dict[str, Removed] = {}

    # -- from the outside in ------------------------------------------------------------------------------------

    def keys(self, trusted: Sequence[str]) -> None:
        """The keys are named for what they are, and the manifest is signed by one of them."""
        found: Keys = self._whole(KEYS, Keys)
        for key in found.keys:
            try:
                self.public[key.kid] = public = bytes_of(key.x)
            except ValueError as error:
                raise _Bad(KEYS, f"key {key.kid}: {error}") from error
            if (key.kty, key.crv, key.kid) != ("OKP", "Ed25519", key_id_of(public)):
                raise _Bad(KEYS, f"key {key.kid} is not the key that it is called after")
        if len(self.public) != len(found.keys):
            raise _Bad(KEYS, "a key is there twice")
        self.report.keys = list(self.public)
        strangers = [kid for kid in self.public if trusted and kid not in trusted]
        if strangers:
            raise _Bad(KEYS, f"key {strangers[0]} is not one that you trust")
        self.report.trusted = bool(trusted)
        signed: SignedManifest = self._whole(EXPORT, SignedManifest)
        self.manifest = signed.manifest
        self._signed(EXPORT, "the manifest", signed.manifest, signed.signature)

    def roots(self, witnessed: Mapping[int, bytes]) -> None:
        """Every root is signed and names the one before; none is missing, none differs from what was kept elsewhere."""
        manifest = self.manifest
        previous, total = manifest.before, -1
        for line in self._lines(ROOTS):
            number = manifest.first + len(self.statements)
            root: Root = _decoded(Root, line, ROOTS, f"root {number}", segment=number)
            it = root.statement
            if it.number != number:
                raise _Bad(ROOTS, f"root {number} is missing or out of order: {it.number} is in its place", segment=number)
            self._signed(ROOTS, f"root {number}", it, root.signature)
            if it.previous != previous or (total >= 0 and it.total != total + it.entries):
                raise _Bad(ROOTS, f"root {number} does not follow from the one before it", segment=number)
            if number in witnessed:
                if witnessed[number] != line:
                    raise _Bad(ROOTS, f"root {number} is not the one that was kept elsewhere", segment=number)
                self.report.witnessed += 1
            previous, total = digest(it), it.total
            self.statements.append(it)
        last = manifest.first + len(self.statements) - 1
        if last != manifest.last or previous != manifest.end:
            raise _Bad(ROOTS, f"it ends with root {last}; the manifest says {manifest.last}", segment=last + 1)
        if beyond := [n for n in witnessed if n > last]:
            raise _Bad(ROOTS, f"it ends with root {last}; root {max(beyond)} was kept elsewhere", segment=last + 1)
        if {it.key for it in self.statements} | {manifest.key} != self.public.keys():
            raise _Bad(KEYS, "there is a key that signed nothing")
        report = self.report
        report.segments, report.last = len(self.statements), last
        report.first_at, report.last_at = self.statements[0].at, self.statements[-1].at

    def leaves(self) -> None:
        """The leaves add up to the roots, and each agent's ranges follow one another."""
        lines = self._lines(LEAVES)
        places: dict[str, tuple[int, str]] = {}
        count = 0
        for it in self.statements:
            mine = [line for _, line in zip(range(it.leaves), lines, strict=False)]
            if merkle.root(mine).hex() != it.root:
                raise self._leaf_at_fault(it, mine)
            count += len(mine)
            found: list[Leaf] = [_decoded(Leaf, line, LEAVES, "a leaf", segment=it.number) for line in mine]
            if sum(x.last - x.first + 1 for x in found if isinstance(x, Added)) != it.entries:
                raise _Bad(
                    LEAVES, f"segment {it.number} does not have the entries that it was signed for", segment=it.number
                )
            for leaf in found:
                self._place(it.number, leaf, places)
        if next(lines, None) is not None or count != self.manifest.leaves:
            raise _Bad(LEAVES, "there are leaves that no root covers", segment=self.manifest.last)
        self.report.agents = len(places)

    def _place(self, segment: int, leaf: Leaf, places: dict[str, tuple[int, str]]) -> None:
        known = places.get(leaf.agent)
        if isinstance(leaf, Removed):
            before = self.gone.get(leaf.agent)
            if before is None or leaf.last > before.last:
                self.gone[leaf.agent] = leaf
            self.report.lost += leaf.lost
            if known is None or leaf.last > known[0]:
                places[leaf.agent] = (leaf.last, leaf.head)
            return
        if known is None and self.manifest.first == 1:
            known = (0, "")
        if known is not None and known != (leaf.first - 1, leaf.before):
            raise _Bad(
                LEAVES, "the entries before it are not covered by any segment", leaf.agent, known[0] + 1, segment=segment
            )
        places[leaf.agent] = (leaf.last, leaf.head)
        self.added.append((segment, leaf))

    def entries(self) -> None:
        """Every entry that is not removed is there, in its place, and follows from the one before it."""
        lines = self._lines(ENTRIES)
        rests: dict[str, merkle.Tree] = {}
        for segment, leaf in self.added:
            gone = self.gone.get(leaf.agent)
            after = max(leaf.first - 1, gone.last if gone else 0)
            if after >= leaf.last:
                self.report.removed += leaf.last - leaf.first + 1
                continue
            self.report.removed += after - leaf.first + 1
            cut = gone is not None and after == gone.last
            head = bytes.fromhex(gone.head if cut and gone else leaf.before)
            tree = merkle.Tree()
            rest = rests.setdefault(leaf.agent, merkle.Tree()) if gone else None
            for seq in range(after + 1, leaf.last + 1):
                entry, head = self._entry(next(lines, None), leaf, seq, head, segment)
                data = row(seq, entry.turn, head)
                tree.add(data)
                if gone is not None and rest is not None and seq <= gone.until:
                    rest.add(data)
                    if seq == gone.until and rest.root.hex() != gone.rest:
                        raise _Bad(ENTRIES, "it is not what the removal left", leaf.agent, gone.last + 1, segment)
            if head.hex() != leaf.head:
                raise _Bad(ENTRIES, "it is not the entry that was signed", leaf.agent, leaf.last, segment)
            if tree.size == leaf.last - leaf.first + 1 and tree.root.hex() != leaf.tree:
                raise _Bad(
                    ENTRIES, "the turn of one of the entries from here on was changed", leaf.agent, leaf.first, segment
                )
        if next(lines, None) is not None or self.report.entries != self.manifest.entries:
            raise _Bad(ENTRIES, "there are entries that no leaf covers")

    def _entry(self, line: bytes | None, leaf: Added, seq: int, before: bytes, segment: int) -> tuple[EntryLine, bytes]:
        if line is None:
            raise _Bad(ENTRIES, "it is missing: the file ends before it", leaf.agent, seq, segment)
        entry: EntryLine = _decoded(EntryLine, line, ENTRIES, "it", leaf.agent, seq, segment)
        if (entry.agent, entry.seq) != (leaf.agent, seq):
            found = f"entry {entry.seq} of {entry.agent}"
            raise _Bad(ENTRIES, f"it is missing or out of order: {found} is in its place", leaf.agent, seq, segment)
        head = chain(before, entry.body)
        if head.hex() != entry.hash:
            raise _Bad(ENTRIES, "it was changed: it does not follow from the one before it", leaf.agent, seq, segment)
        self.report.entries += 1
        return entry, head

    # -- reading ------------------------------------------------------------------------------------------------

    def _lines(self, file: str) -> Iterator[bytes]:
        with (self.folder / file).open("rb") as source:
            for number, line in enumerate(source, 1):
                if not line.endswith(b"\n"):
                    raise _Bad(file, f"line {number} is cut off")
                yield line[:-1]

    def _whole(self, file: str, kind: Any) -> Any:
        body = (self.folder / file).read_bytes()
        if not body.endswith(b"\n"):
            raise _Bad(file, "it is cut off")
        return _decoded(kind, body[:-1], file, "it")

    def _signed(self, file: str, what: str, it: Statement | Manifest, signature: bytes) -> None:
        public = self.public.get(it.key)
        if public is None or not genuine(public, signature, to_sign(it)):
            number = it.number if isinstance(it, Statement) else 0
            raise _Bad(file, f"{what} does not bear the signature of key {it.key}", segment=number)

    def _leaf_at_fault(self, it: Statement, lines: list[bytes]) -> _Bad:
        """The leaves are not those that were signed. The first that cannot be read is at fault; else nothing in the segment
        is vouched for any more, from its first entry on."""
        for line in lines:
            leaf: Leaf = _decoded(Leaf, line, LEAVES, "a leaf", segment=it.number)
            if isinstance(leaf, Added):
                what = (
                    f"the leaves of segment {it.number} are not those that were signed; from here on nothing is vouched for"
                )
                return _Bad(LEAVES, what, leaf.agent, leaf.first, it.number)
        return _Bad(LEAVES, f"the leaves of segment {it.number} are not those that were signed", segment=it.number)


def _decoded(kind: Any, line: bytes, file: str, what: str, agent: str = "", seq: int = 0, segment: int = 0) -> Any:
    try:
        return decode(kind, line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _Bad(file, f"{what} cannot be read: {error}", agent, seq, segment) from error
