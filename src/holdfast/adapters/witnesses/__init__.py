"""Places outside the store that keep signed roots: a file, a bucket, another database."""

from __future__ import annotations

from ...domain.errors import Conflict, Unavailable


def disagrees(where: str, number: int) -> Conflict:
    """A witness has something else under this number already."""
    return Conflict(
        "audit.witness_disagrees",
        f"{where} keeps another root {number} than the one that was to be kept. Either it witnesses another store too, or "
        "one of the two was tampered with. Nothing was replaced.",
        witness=where,
        number=number,
    )


def away(where: str, error: BaseException) -> Unavailable:
    """A witness does not answer."""
    return Unavailable("audit.witness_away", f"{where} keeps no roots at the moment: {error}.", witness=where)
