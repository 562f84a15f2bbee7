"""The codec of journal and messages against the standard library's: ``python -m benchmarks.codecs``.

Encodes and decodes one journal entry of a typical step (a dict of a few hundred bytes as its result). JSON and pickle get
the same entry as plain lists, which is what they are fastest with. The best of several rounds counts. The figures are in
docs/adr/0002-codec.md.
"""

from __future__ import annotations

import json
import pickle
import timeit
from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.domain.entry import Entry, EntryKind
from holdfast.journal.codec import Raw, decode_entry, encode, encode_entry

ROUNDS, TIMES = 7, 20_000
RESULT = {
    "order": 4711,
    "customer": {"name": "Ada Lovelace", "email": "ada@example.org", "since": "1843-09-05"},
    "lines": [{"sku": f"A-{n:05}", "amount": n, "price": 19.99 * n} for n in range(1, 6)],
    "note": "Deliver to the side door; the bell does not work.",
    "paid": True,
}


def entry() -> Entry:
    """A step's entry as the turn makes it."""
    body = Raw(encode(RESULT))
    return Entry(EntryKind.STEP, "3.1", "run", "fetch_order", 1_800_000_000_000, body, None, ("run:fetch_order", "user"))


def plain() -> list[Any]:
    """The same for codecs without types."""
    return [0, "3.1", "run", "fetch_order", 1_800_000_000_000, RESULT, None, ["run:fetch_order", "user"], None, 0, 1, None]


def best(call: Callable[[], object]) -> float:
    """Nanoseconds of one call."""
    return min(timeit.repeat(call, number=TIMES, repeat=ROUNDS)) / TIMES * 1e9


def main() -> None:
    """Measure all, print a table."""
    packed = encode_entry(entry())
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()
    text, pickled = json.dumps(plain(), separators=(",", ":")).encode(), pickle.dumps(plain(), 5)
    json_encoder, json_decoder = msgspec.json.Encoder(), msgspec.json.Decoder()
    rows: list[tuple[str, int, Callable[[], object], Callable[[], object]]] = [
        (
            "msgspec MessagePack, typed entry (ours)",
            len(packed),
            lambda: encode_entry(entry()),
            lambda: decoder.decode(bytes(decode_entry(packed).value or b"")),
        ),
        (
            "msgspec MessagePack, plain",
            len(encoder.encode(plain())),
            lambda: encoder.encode(plain()),
            _decode(decoder, packed),
        ),
        ("msgspec JSON, plain", len(text), lambda: json_encoder.encode(plain()), lambda: json_decoder.decode(text)),
        ("json", len(text), lambda: json.dumps(plain(), separators=(",", ":")).encode(), lambda: json.loads(text)),
        ("pickle 5", len(pickled), lambda: pickle.dumps(plain(), 5), lambda: pickle.loads(pickled)),
    ]
    print(f"{'':42} {'bytes':>6} {'encode ns':>10} {'decode ns':>10}")
    for name, size, write, read in rows:
        print(f"{name:42} {size:6} {best(write):10,.0f} {best(read):10,.0f}")


def _decode(decoder: msgspec.msgpack.Decoder[Any], packed: bytes) -> Callable[[], object]:
    return lambda: decoder.decode(packed)


if __name__ == "__main__":
    main()
