"""Reads that a turn waits for: short, by index, on the writing connection."""

from __future__ import annotations

from typing import Any

from ...ports.store import Lease, Loaded, StateRead, Stored, Wait
from .files import Database


def head(db: Database, ref: int) -> tuple[int, bytes]:
    """The journal's last sequence number and hash."""
    for seq, digest in db.execute("SELECT seq, hash FROM journal WHERE agent=? ORDER BY seq DESC LIMIT 1", (ref,)):
        return seq, digest
    for seq, digest in db.execute("SELECT base_seq, base_hash FROM agent WHERE id=?", (ref,)):
        return seq, digest or b""
    return 0, b""


def ready(now: int, *, everything: bool) -> list[tuple[str, tuple[Any, ...]]]:
    """Queries for (ref, address, mode) of agents with work: due waits, due messages and, if there may be any that nobody
    holds, queued or orphaned ones."""
    agent = "SELECT {0}.agent, a.address, a.mode FROM {0} JOIN agent a ON a.id = {0}.agent "
    queries: list[tuple[str, tuple[Any, ...]]] = [
        (agent.format("wait") + "WHERE wait.due > 0 AND wait.due <= ? ORDER BY wait.due LIMIT 5000", (now,)),
        (
            agent.format("message") + "WHERE message.status = 0 AND message.due > 0 AND message.due <= ? "
            "ORDER BY message.due LIMIT 5000",
            (now,),
        ),
    ]
    if everything:
        queries.append((agent.format("message") + "WHERE message.status <= 1 AND message.due <= ? ", (now,)))
    return queries


def next_due(db: Database, now: int) -> int:
    """The next moment at which a wait or a message falls due, 0 for none."""
    found = 0
    for (due,) in db.execute(
        "SELECT min(due) FROM wait WHERE due > ?1 UNION ALL SELECT min(due) FROM message WHERE status=0 AND due > ?1",
        (now,),
    ):
        if due and (not found or due < found):
            found = due
    return found


def load(db: Database, lease: Lease, limit: int) -> Loaded:
    """Open messages, waits and the entries of turns begun."""
    ref = lease.ref
    rows: list[Stored] = []
    queued = "status <= 1 AND status = 0 AND kind = 0"
    for where, most in (
        ("status IN (2, 3)", -1),
        ("status <= 1 AND (status = 1 OR kind > 0)", -1),
        (queued, limit + 1),
    ):
        sql = (
            "SELECT id, status, turn, version, body, kind, name, due FROM message "
            f"WHERE agent=? AND {where} ORDER BY priority DESC, id LIMIT ?"
        )
        for id, st, turn, version, body, kind, name, due in db.execute(sql, (ref, most)):
            rows.append(Stored(id, st, turn, version, body, lease.address, 0, kind, name, due))
    more = sum(r.status == 0 and r.kind == 0 for r in rows) > limit
    if more:
        rows.pop()
    turns = sorted({r.turn for r in rows if r.status in (1, 2) and r.turn and r.kind == 0})
    entries: dict[int, list[bytes]] = {}
    if turns:
        entries = {t: [] for t in turns}
        for turn, body in db.execute(
            "SELECT turn, body FROM journal WHERE agent=? AND seq>=? ORDER BY seq", (ref, turns[0])
        ):
            if turn in entries:
                entries[turn].append(body)
    waits = [
        Wait(turn, path, verb, name, due, detail, since)
        for turn, path, verb, name, due, since, detail in db.execute(
            "SELECT turn, path, verb, name, due, since, detail FROM wait WHERE agent=?", (ref,)
        )
    ]
    return Loaded(rows, waits, entries, more)


def state_one(db: Database, ref: int, key: str) -> StateRead | None:
    """One state value, with what it was before its last writing turn."""
    sql = "SELECT value, labels, turn, prior, prior_labels FROM state WHERE agent=? AND key=?"
    for value, labels, turn, prior, prior_labels in db.execute(sql, (ref, key)):
        return StateRead(value, _labels(labels), turn, prior, _labels(prior_labels))
    return None


def state_all(db: Database, address: str) -> dict[str, StateRead]:
    """All state of an agent."""
    sql = (
        "SELECT key, value, labels, turn, prior, prior_labels FROM state "
        "WHERE agent=(SELECT id FROM agent WHERE address=?) AND value IS NOT NULL ORDER BY key"
    )
    return {
        key: StateRead(value, _labels(labels), turn, prior, _labels(prior_labels))
        for key, value, labels, turn, prior, prior_labels in db.execute(sql, (address,))
    }


def states(db: Database, after: tuple[str, str], limit: int) -> list[tuple[str, str, StateRead]]:
    """State values of all agents, by address and key."""
    sql = (
        "SELECT a.address, s.key, value, labels, turn, prior, prior_labels FROM agent a JOIN state s ON s.agent = a.id "
        "WHERE a.address >= ?1 AND (a.address > ?1 OR s.key > ?2) ORDER BY a.address, s.key LIMIT ?3"
    )
    return [
        (address, key, StateRead(value, _labels(labels), turn, prior, _labels(prior_labels)))
        for address, key, value, labels, turn, prior, prior_labels in db.execute(sql, (*after, limit))
    ]


def longest(db: Database, verb: str, limit: int) -> list[Wait]:
    """The oldest waits of each name. The verb is put into the text, so that a partial index serves."""
    its = f"w.verb = '{verb}'" if verb.isidentifier() else "0"
    rows = "SELECT w.turn, w.path, w.verb, w.name, w.due, w.detail, w.since, a.address FROM wait w"
    oldest = f"{rows} JOIN agent a ON a.id = w.agent WHERE {its} AND w.name = ? ORDER BY w.since, w.agent, w.turn LIMIT ?"
    found: list[Wait] = []
    name = ""
    next_name = f"SELECT min(w.name) FROM wait w WHERE {its} AND w.name > ?"
    while (name := next(db.execute(next_name, (name,)))[0]) is not None:
        found += [Wait(*row) for row in db.execute(oldest, (name, limit))]
    return sorted(found, key=lambda w: w.since)


def _labels(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()
