"""Reading the ledger: usage row by row, and its sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...ports.ledger import CostRow, UsageRow, label_of
from .link import Pool
from .text import plain, safe

_KEYS = {
    "name": "split_part(agent, '/', 2)",
    "day": "to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "hour": "to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')",
    "minute": "to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI')",
    "root": "coalesce(chain[1], agent)",
    "tenant": "split_part(agent, '/', 1)",
}
"""Keys of ``cost`` that are no columns."""
_SUMS = ", ".join(
    f"coalesce(sum({name}), 0)::bigint" for name in ("input", "output", "cached", "written", "reasoning", "nanos", "took_ms")
)
_USAGE = """
    SELECT at, agent, turn, path, trace, chain, labels::text, route, target, vendor, model, input, output, cached, written,
        reasoning, nanos, took_ms, first_ms, attempts, outcome, reason, id
    FROM usage
    WHERE id > $1 AND id <= $2 AND ($3::bigint = 0 OR at >= $3) AND ($4::bigint = 0 OR at < $4) AND ($5 = '' OR agent = $5)
        AND ($6 = '' OR (agent COLLATE "C" >= $6 AND agent COLLATE "C" < $6 || U&'\\+10FFFF'))
    ORDER BY id LIMIT $7
"""


_LABELS = UsageRow.__struct_fields__.index("labels")
_TEXTS = ("agent", "path", "trace", "route", "target", "vendor", "model", "outcome", "reason")


async def usage(pool: Pool, after: int, since: int, until: int, agent: str, limit: int, like: str = "") -> list[UsageRow]:
    """See the port. The end is looked for first, by a statement of its own: rows may still be missing beyond it."""
    end: int = await pool.value("SELECT usage_end()")
    rows = await pool.rows(_USAGE, after, end, since, until, safe(agent), safe(like), limit) if end > after else []
    return [_usage(*row) for row in rows]


def _usage(*values: Any) -> UsageRow:
    row = UsageRow(*values)
    labels: dict[str, str] = msgspec.json.decode(values[_LABELS])
    for name in _TEXTS:
        setattr(row, name, plain(getattr(row, name)))
    row.chain = tuple(plain(address) for address in row.chain)
    row.labels = {plain(key): plain(value) for key, value in labels.items()}
    return row


async def cost(pool: Pool, by: Sequence[str], since: int, until: int, where: dict[str, str], limit: int) -> list[CostRow]:
    """See the port."""
    args: list[Any] = []

    def given(value: Any) -> str:
        args.append(value)
        return f"${len(args)}"

    def expression(key: str) -> str:
        label = label_of(key)
        if label:
            return f"coalesce(labels ->> {given(safe(label))}::text, '') COLLATE \"C\""
        return _KEYS.get(key, key)

    keys = [expression(key) for key in by]
    only = [f"{expression(key)} = {given(safe(value))}" for key, value in where.items()]
    only += [f"at >= {given(since)}"] if since else []
    only += [f"at < {given(until)}"] if until else []
    places = "".join(f", {n + 1}" for n in range(len(keys)))
    sql = f"""
        SELECT {", ".join([*keys, "count(*)", _SUMS])} FROM usage {"WHERE " + " AND ".join(only) if only else ""}
        {"GROUP BY " + places[2:] if keys else ""} HAVING count(*) > 0 ORDER BY sum(nanos) DESC{places} LIMIT {given(limit)}
    """
    rows = await pool.rows(sql, *args)
    return [CostRow(tuple(plain(key) for key in row[: len(keys)]), *row[len(keys) :]) for row in map(tuple, rows)]
