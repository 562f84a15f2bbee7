"""Tables, indexes and forward migrations.

The journal and the messages are append-only by rowid with a narrow index beside them: clustering them by agent would
touch one page per agent and commit (measured: five times the CPU per row, see ADR 0001). Partial indexes hold only what
is open, so that a million ended turns cost nothing to look past.
"""

from __future__ import annotations

from ...domain.errors import Conflict
from .files import Database

VERSION = 7

_V1 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE agent(
    id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, mode TEXT NOT NULL DEFAULT 'active',
    reason TEXT NOT NULL DEFAULT '', created INT NOT NULL, base_seq INT NOT NULL DEFAULT 0, base_hash BLOB);
CREATE INDEX agent_mode ON agent(mode) WHERE mode <> 'active';
CREATE TABLE journal(
    id INTEGER PRIMARY KEY, agent INT NOT NULL, seq INT NOT NULL, turn INT NOT NULL, body BLOB NOT NULL,
    hash BLOB NOT NULL, sent BLOB);
CREATE UNIQUE INDEX journal_agent ON journal(agent, seq);
CREATE TABLE message(
    id INTEGER PRIMARY KEY, agent INT NOT NULL, status INT NOT NULL, kind INT NOT NULL, turn INT NOT NULL,
    priority INT NOT NULL, due INT NOT NULL, ended INT NOT NULL, key TEXT, name TEXT NOT NULL, version TEXT NOT NULL,
    origin TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX message_hot ON message(agent) WHERE status <= 1;
CREATE INDEX message_parked ON message(agent) WHERE status IN (2, 3);
CREATE INDEX message_dead ON message(id) WHERE status = 8;
CREATE INDEX message_due ON message(due) WHERE status = 0 AND due > 0;
CREATE UNIQUE INDEX message_key ON message(agent, key) WHERE key IS NOT NULL;
CREATE TABLE wait(
    agent INT NOT NULL, turn INT NOT NULL, path TEXT NOT NULL, verb TEXT NOT NULL, name TEXT NOT NULL,
    due INT NOT NULL, since INT NOT NULL, detail BLOB NOT NULL, PRIMARY KEY(agent, turn, path)) WITHOUT ROWID;
CREATE INDEX wait_due ON wait(due) WHERE due > 0;
CREATE INDEX wait_ask ON wait(agent) WHERE verb = 'ask';
CREATE TABLE state(
    agent INT NOT NULL, key TEXT NOT NULL, value BLOB, labels TEXT NOT NULL, turn INT NOT NULL, prior BLOB,
    prior_labels TEXT NOT NULL, UNIQUE(agent, key));
CREATE TABLE subscription(
    pattern TEXT NOT NULL, agent INT NOT NULL, handler TEXT NOT NULL, tenant TEXT NOT NULL,
    PRIMARY KEY(tenant, pattern, agent, handler)) WITHOUT ROWID;
CREATE INDEX subscription_agent ON subscription(agent);
CREATE TABLE definition(
    name TEXT NOT NULL, version TEXT NOT NULL, handlers BLOB NOT NULL, published INT NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY(name, version)) WITHOUT ROWID;
CREATE TABLE archive(key TEXT PRIMARY KEY, body BLOB NOT NULL);
"""

_V2 = """
ALTER TABLE archive RENAME TO artifact;
CREATE TABLE usage(
    id INTEGER PRIMARY KEY, at INT NOT NULL, agent TEXT NOT NULL, turn INT NOT NULL, path TEXT NOT NULL,
    trace TEXT NOT NULL, chain TEXT NOT NULL, labels TEXT NOT NULL, route TEXT NOT NULL, target TEXT NOT NULL,
    vendor TEXT NOT NULL, model TEXT NOT NULL, input INT NOT NULL, output INT NOT NULL, cached INT NOT NULL,
    written INT NOT NULL, reasoning INT NOT NULL, nanos INT NOT NULL, took_ms INT NOT NULL, first_ms INT NOT NULL,
    attempts INT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX usage_at ON usage(at);
CREATE INDEX usage_agent ON usage(agent);
CREATE TABLE budget(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, per TEXT NOT NULL, nanos INT, tokens INT,
    calls INT, zone TEXT NOT NULL, note TEXT NOT NULL);
CREATE TABLE spending(
    budget INT NOT NULL, "window" TEXT NOT NULL, session TEXT NOT NULL, nanos INT NOT NULL, tokens INT NOT NULL,
    calls INT NOT NULL, touched INT NOT NULL, PRIMARY KEY(budget, "window", session)) WITHOUT ROWID;
CREATE INDEX spending_touched ON spending(touched);
"""

_V3 = """
CREATE TABLE segment(
    number INTEGER PRIMARY KEY, statement BLOB NOT NULL, signature BLOB NOT NULL, public BLOB NOT NULL,
    leaves BLOB NOT NULL);
CREATE TABLE covered(agent INTEGER PRIMARY KEY, seq INT NOT NULL, hash BLOB NOT NULL, cut INT NOT NULL);
CREATE TABLE cut(agent INTEGER PRIMARY KEY, seq INT NOT NULL, hash BLOB NOT NULL);
INSERT INTO cut SELECT id, base_seq, base_hash FROM agent WHERE base_seq > 0 AND base_hash IS NOT NULL;
"""

_V4 = """
CREATE TABLE resource(
    kind TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, version INT NOT NULL, revision INT NOT NULL,
    body BLOB NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, at INT NOT NULL, deleted INT NOT NULL,
    labels TEXT NOT NULL, newest INT NOT NULL, PRIMARY KEY(kind, tenant, name, version));
CREATE UNIQUE INDEX resource_named ON resource(kind, tenant, name) WHERE newest;
CREATE INDEX resource_newest ON resource(revision) WHERE newest;
CREATE TABLE tally(
    key TEXT NOT NULL, id TEXT NOT NULL, amount REAL NOT NULL, at INT NOT NULL, until INT NOT NULL,
    PRIMARY KEY(key, id)) WITHOUT ROWID;
CREATE INDEX tally_at ON tally(key, at, amount);
CREATE INDEX tally_until ON tally(until);
"""

_V5 = """
ALTER TABLE artifact ADD COLUMN at INT NOT NULL DEFAULT 0;
CREATE INDEX artifact_at ON artifact(key) WHERE at > 0;
CREATE INDEX wait_provider ON wait(name, since, agent, turn) WHERE verb = 'provider';
"""

_V6 = """
ALTER TABLE artifact RENAME TO former;
DROP INDEX artifact_at;
CREATE TABLE artifact(
    tenant TEXT NOT NULL, key TEXT NOT NULL, at INT NOT NULL DEFAULT 0, body BLOB NOT NULL, PRIMARY KEY(tenant, key));
INSERT INTO artifact SELECT CASE WHEN at = 0 THEN '' ELSE (
    SELECT CASE WHEN count(*) = 1 THEN max(tenant) ELSE '?' END
    FROM (SELECT DISTINCT substr(address, 1, instr(address, '/') - 1) AS tenant FROM agent)) END, key, at, body FROM former;
DROP TABLE former;
CREATE INDEX artifact_at ON artifact(tenant, key) WHERE at > 0;
"""

_V7 = ""
"""The words of schema 7 lie in a file of their own here (``lookup``); the number keeps step with PostgreSQL's."""

MIGRATIONS: dict[int, str] = {1: _V1, 2: _V2, 3: _V3, 4: _V4, 5: _V5, 6: _V6, 7: _V7}
"""Schema version to the statements that lead there from the one before."""


def migrate(db: Database, url: str) -> None:
    """Bring the schema to ``VERSION`` inside one transaction. Raises ``Conflict(store.newer_schema)``."""
    (have,) = next(db.execute("PRAGMA user_version"))
    if have > VERSION:
        raise Conflict(
            "store.newer_schema",
            f"The store {url} has schema {have}; this Holdfast knows up to {VERSION}. "
            "Nothing was changed. Use the Holdfast that wrote it, or a newer one.",
            have=have,
            known=VERSION,
        )
    if have == VERSION:
        return
    with db:
        for version in range(have + 1, VERSION + 1):
            for statement in MIGRATIONS[version].split(";"):
                if statement.strip():
                    db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
