"""The ledger as a file: CSV, JSON lines, or Parquet (with pyarrow, the extra ``parquet``)."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..domain.errors import Rejected

if TYPE_CHECKING:
    from ..sdk.client import Client

_PAGE = 5_000


async def write(client: Client, file: str, since: int) -> int:
    """Write every row since then; how many."""
    path = Path(file)
    kind = path.suffix.lower()
    writers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    if kind not in writers:
        raise Rejected("cost.export", f"{file} has no known ending: .csv, .jsonl or .parquet.", file=file)
    part = path.with_name(f".{path.name}.part")
    try:
        count = await writers[kind](part, _rows(client, since))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


async def _rows(client: Client, since: int) -> AsyncIterator[list[dict[str, Any]]]:
    after = 0
    while rows := await client.usage(after=after, since=since, limit=_PAGE):
        after = rows[-1].id
        yield [_plain(row) for row in rows]


def _plain(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(row)
    nanos: int = found.pop("nanos")
    found["chain"] = " ".join(found["chain"])
    found["labels"] = msgspec.json.encode(found["labels"]).decode()
    return {"id": found.pop("id"), **found, "usd": nanos / 1e9}


async def _csv(path: Path, pages: AsyncIterator[list[dict[str, Any]]]) -> int:
    count = 0
    with path.open("w", newline="") as file:
        writer: Any = None
        async for page in pages:
            if writer is None:
                writer = csv.DictWriter(file, list(page[0]))
                writer.writeheader()
            writer.writerows(page)
            count += len(page)
    return count


async def _jsonl(path: Path, pages: AsyncIterator[list[dict[str, Any]]]) -> int:
    count = 0
    with path.open("wb") as file:
        async for page in pages:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in page)
            count += len(page)
    return count


async def _parquet(path: Path, pages: AsyncIterator[list[dict[str, Any]]]) -> int:
    try:
        import pyarrow as arrow  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise Rejected("cost.export", "Parquet needs pyarrow: pip install 'holdfast[parquet]', or write .csv.") from error
    table: Any = arrow
    count = 0
    writer: Any = None
    try:
        async for page in pages:
            batch = table.Table.from_pylist(page)
            if writer is None:
                writer = parquet.ParquetWriter(str(path), batch.schema)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            writer.write_table(batch.cast(writer.schema))  # pyright: ignore[reportUnknownMemberType]
            count += len(page)
    finally:
        if writer is not None:
            writer.close()  # pyright: ignore[reportUnknownMemberType]
    if writer is None:
        path.touch()
    return count
