"""Writing results: tables for people, JSON, JSON lines and YAML for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec

from ..control.views import Done
from .options import Format

Column = tuple[str, Callable[[Any], Any]]


def say(text: str) -> None:
    """Progress and messages, for people."""
    print(text, file=sys.stderr, flush=True)


def plain(value: Any) -> Any:
    """A view as JSON values."""
    return msgspec.to_builtins(value, enc_hook=str, str_keys=True)


def show(rows: Sequence[Any], columns: Sequence[Column], how: Format, empty: str = "nothing") -> None:
    """Many things of one kind."""
    if how is Format.table:
        if not rows:
            say(empty)
            return
        table([c[0] for c in columns], [[_cell(c[1](row)) for c in columns] for row in rows])
    elif how is Format.jsonl:
        for row in rows:
            line(row)
    else:
        dump([plain(r) for r in rows], how)


def show_one(value: Any, how: Format) -> None:
    """One thing: a table shows its fields."""
    found = plain(value)
    if how is Format.table:
        if isinstance(value, Done):
            print(value.note)
        elif isinstance(found, dict):
            fields = cast("dict[str, Any]", found)
            width = max((len(k) for k in fields), default=0)
            for key, item in fields.items():
                print(f"{key:<{width}}  {_cell(item)}")
        else:
            print(_cell(found))
    elif how is Format.jsonl:
        line(value)
    else:
        dump(found, how)


def show_value(value: Any, how: Format) -> None:
    """What an agent answered: as JSON, unless YAML was asked for."""
    if how is Format.yaml:
        dump(plain(value), how)
    elif how is Format.jsonl:
        line(value)
    else:
        print(json.dumps(plain(value), ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None))


def line(value: Any) -> None:
    """One JSON line."""
    print(json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")), flush=True)


def dump(value: Any, how: Format) -> None:
    """JSON or YAML."""
    print(json.dumps(value, ensure_ascii=False, indent=2) if how is not Format.yaml else "\n".join(_yaml(value)))


def _yaml(value: Any, indent: str = "") -> Iterable[str]:
    """Block style; every scalar is JSON, which YAML reads."""
    if isinstance(value, dict) and value:
        for key, item in cast("dict[str, Any]", value).items():
            nested = isinstance(item, dict | list) and bool(cast("list[Any]", item))
            yield f"{indent}{_key(str(key))}:{'' if nested else ' ' + json.dumps(item, ensure_ascii=False)}"
            if nested:
                yield from _yaml(item, indent + "  ")
    elif isinstance(value, list) and value:
        for item in cast("list[Any]", value):
            if isinstance(item, dict | list) and item:
                first, *rest = _yaml(item, indent + "  ")
                yield f"{indent}- {first.strip()}"
                yield from rest
            else:
                yield f"{indent}- {json.dumps(item, ensure_ascii=False)}"
    else:
        yield indent + json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() and not key[0].isdigit() else json.dumps(key)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; in colour on a terminal."""
    if coloured():
        from rich.console import Console
        from rich.table import Table

        drawn = Table(*headers, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            drawn.add_row(*(_tinted(cell) for cell in row))
        Console().print(drawn)
        return
    widths = [max(len(h), *(len(r[n]) for r in rows)) for n, h in enumerate(headers)]
    for row in [list(headers), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


_TINTS = {"stuck": "red", "dead": "red", "paused": "yellow", "waiting for person": "yellow", "working": "green"}


def _tinted(cell: str) -> Any:
    from rich.text import Text

    return Text(cell, style=_TINTS.get(cell, ""))


def tinted(text: str) -> str:
    """The state of something, in its colour on a terminal."""
    code = {"ok": 32, "warning": 33, "broken": 31}.get(text.strip())
    return f"\033[{code}m{text}\033[0m" if code and coloured() else text


def coloured() -> bool:
    """Whether stdout is a terminal that wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and all(isinstance(v, str) for v in cast("list[Any]", value)):
        return ", ".join(cast("list[str]", value)) or "-"
    return json.dumps(plain(value), ensure_ascii=False)


def age(ms: int, now: int) -> str:
    """How long ago (or, with a sign, how soon), in one unit."""
    if not ms:
        return "-"
    seconds = (now - ms) / 1000
    sign, seconds = ("in ", -seconds) if seconds < 0 else ("", seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{sign}{seconds / size:.0f}{unit}"
    return f"{sign}{seconds:.0f}s"


def clock(ms: int) -> str:
    """A moment in local time."""
    from datetime import datetime

    return datetime.fromtimestamp(ms / 1000).strftime("%Y-%m-%d %H:%M:%S") if ms else "-"


def short(value: Any, limit: int = 100) -> str:
    """A value in one line."""
    text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
