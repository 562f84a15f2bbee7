"""Reading the ledger: usage row by row, and its sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...ports.ledger import CostRow, UsageRow, label_of
from .charging import COLUMNS
from .files import Database

_NAME = "substr(agent, instr(agent, '/') + 1)"
_KEYS = {
    "name": f"substr({_NAME}, 1, instr({_NAME} || '/', '/') - 1)",
    "day": "strftime('%Y-%m-%d', at / 1000, 'unixepoch')",
    "hour": "strftime('%Y-%m-%dT%H', at / 1000, 'unixepoch')",
    "minute": "strftime('%Y-%m-%dT%H:%M', at / 1000, 'unixepoch')",
    "root": "coalesce(json_extract(chain, '$[0]'), agent)",
    "tenant": "substr(agent, 1, instr(agent, '/') - 1)",
}
"""Keys of ``cost`` that are no columns."""
_LABEL = "coalesce((SELECT value FROM json_each(labels) WHERE key = ?), '')"
_SUMS = (
    "count(*), sum(input), sum(output), sum(cached), sum(written), sum(reasoning), coalesce(sum(nanos), 0) AS money, "
    "sum(took_ms)"
)


def usage(db: Database, after: int, since: int, until: int, agent: str, limit: int, like: str = "") -> list[UsageRow]:
    """See the port."""
    where, args = _between(since, until)
    if like:
        where += ["agent >= ?", "agent < ?"]
        args += [like, like + "\U0010ffff"]
    where.append("id > ?")
    args.append(after)
    if agent:
        where.append("agent = ?")
        args.append(agent)
    sql = f"SELECT {', '.join(COLUMNS)}, id FROM usage WHERE {' AND '.join(where)} ORDER BY id LIMIT ?"
    return [_usage(*row) for row in db.execute(sql, (*args, limit))]


def _usage(*values: Any) -> UsageRow:
    row = UsageRow(*values)
    row.chain = msgspec.json.decode(values[COLUMNS.index("chain")], type=tuple[str, ...])
    row.labels = msgspec.json.decode(values[COLUMNS.index("labels")], type=dict[str, str])
    return row


def cost(db: Database, by: Sequence[str], since: int, until: int, where: dict[str, str], limit: int) -> list[CostRow]:
    """See the port."""
    keys, args = _expressions(by)
    only, bounds = _between(since, until)
    asked, wanted = _expressions(list(where))
    for expression, value in zip(asked, where.values(), strict=True):
        only.append(f"{expression} = ?")
        bounds += [wanted.pop(0)] if expression == _LABEL else []
        bounds.append(value)
    places = ", ".join(str(n + 1) for n in range(len(keys)))
    sql = (
        f"SELECT {', '.join([*keys, _SUMS])} FROM usage {'WHERE ' + ' AND '.join(only) if only else ''} "
        f"{'GROUP BY ' + places if keys else ''} HAVING count(*) > 0 "
        f"ORDER BY money DESC{', ' + places if keys else ''} LIMIT ?"
    )
    rows = db.execute(sql, (*args, *bounds, limit))
    return [CostRow(tuple(row[: len(keys)]), *row[len(keys) :]) for row in rows]


def _expressions(names: Sequence[str]) -> tuple[list[str], list[Any]]:
    """What to select for keys, and the labels among them."""
    labels = [label_of(name) for name in names]
    found = [_LABEL if label else _KEYS.get(name, name) for name, label in zip(names, labels, strict=True)]
    return found, [label for label in labels if label]


def _between(since: int, until: int) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    args: list[Any] = []
    for bound, sign in ((since, ">="), (until, "<")):
        if bound:
            where.append(f"at {sign} ?")
            args.append(bound)
    return where, args
