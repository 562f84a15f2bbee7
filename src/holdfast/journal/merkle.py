"""Merkle trees as in RFC 6962: one hash that stands for a list, whose inner nodes can never be taken for leaves.

Our own, because the known library (pymerkle) is under the GPL, and because the whole of it is shorter than its adapter would
be. A tree here never holds its leaves, only the roots of its perfect subtrees: one hash per bit of its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_LEAF, _NODE = b"\x00", b"\x01"
EMPTY = hashlib.sha256().digest()
"""The root over nothing."""


def leaf(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(_LEAF + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees beside each other."""
    return hashlib.sha256(_NODE + left + right).digest()


class Tree:
    """Grows leaf by leaf; ``root`` may be asked for at any time."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self._peaks: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        """Append a leaf."""
        digest = leaf(data)
        self.size = left = self.size + 1
        while not left & 1:  # two perfect subtrees of one size become one
            digest = node(self._peaks.pop(), digest)
            left >>= 1
        self._peaks.append(digest)

    @property
    def root(self) -> bytes:
        """The root over the leaves so far."""
        if not self._peaks:
            return EMPTY
        digest = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            digest = node(peak, digest)
        return digest


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over all of these."""
    tree = Tree()
    for data in leaves:
        tree.add(data)
    return tree.root
