"""From a url to a witness of signed roots."""

from __future__ import annotations

from pathlib import Path

from ..domain.errors import Rejected
from ..ports.witness import Witness


def make_witness(url: str) -> Witness:
    """The witness for a url. Raises ``Rejected(audit.witness_url)`` for one that nobody understands."""
    scheme, _, rest = url.partition("://")
    if scheme == "file" and rest.startswith("/"):
        from ..adapters.witnesses.file import FileWitness

        return FileWitness(Path(rest))
    if scheme == "s3":
        from ..adapters.witnesses.bucket import BucketWitness

        return BucketWitness(url)
    if scheme == "sqlite":
        from ..adapters.witnesses.database import SqliteWitness

        return SqliteWitness(url)
    if scheme in ("postgresql", "postgres"):
        from ..adapters.witnesses.database import PostgresWitness

        return PostgresWitness(url)
    if "://" not in url and url:
        from ..adapters.witnesses.file import FileWitness

        return FileWitness(Path(url).absolute())
    raise Rejected(
        "audit.witness_url",
        f"{url!r} is no place for signed roots. Write a file's path, file:///absolute/file.jsonl, s3://bucket/prefix, "
        "sqlite:///other.db or postgresql://user@host/database.",
        url=url,
    )
