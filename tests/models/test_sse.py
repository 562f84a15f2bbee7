"""Server-sent events come out whole, however the bytes are cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.models.dialects.dialect import Malformed
from holdfast.models.sse import Parser, write_event

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n\r\n"
    b'event: first\r\ndata: {"a": "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"}\r\n\r\n'
    b"data: one\ndata:two\ndata\nid: 7\nretry: 10\n\n"
    b"event: gone\n\n"
    b"event:  padded\rdata:  kept\r\r"
    b'error: {"code": 500}\n\n'
    b"unknown: x\ndata: a\xe2\x80\xa8b\n\n"
)
EVENTS = [
    ("first", '{"a": "ä€😀"}'),
    ("", "one\ntwo\n"),
    ("padded", " kept"),
    ("error", '{"code": 500}'),
    ("", "a\u2028b"),
]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Bytes in pieces."""
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=len(STREAM)))
def test_events_do_not_depend_on_how_the_bytes_are_cut(places: list[int]) -> None:
    parser = Parser()
    assert [event for piece in cut(STREAM, places) for event in parser.feed(piece)] == EVENTS
    assert parser.close() == []


def test_byte_for_byte() -> None:
    parser = Parser()
    assert [event for byte in STREAM for event in parser.feed(bytes([byte]))] == EVENTS


def test_an_event_comes_as_soon_as_its_last_byte_is_there() -> None:
    parser = Parser()
    assert parser.feed(b"data: x\r\n\r") == [("", "x")]
    assert parser.feed(b"\ndata: y\n\n") == [("", "y")]


lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))


@given(st.lists(st.tuples(st.sampled_from(["", "delta", "a b"]), st.lists(lines, min_size=1).map("\n".join))), st.data())
def test_what_is_written_is_read(events: list[tuple[str, str]], data: st.DataObject) -> None:
    stream = b"".join(write_event(text, event) for event, text in events)
    pieces = cut(stream, data.draw(st.lists(st.integers(0, len(stream)))))
    parser = Parser()
    assert [event for piece in pieces for event in parser.feed(piece)] == events


def test_the_end_of_the_stream_ends_an_event_but_not_half_a_line() -> None:
    whole, half = Parser(), Parser()
    assert whole.feed(b"data: [DONE]\n") == []
    assert whole.close() == [("", "[DONE]")]
    assert half.feed(b'data: a\n\ndata: {"b"') == [("", "a")]
    assert half.close() == []


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: 0123456789\n" * 20, b"data: " + b"x" * 200 + b"\n\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_held_is_bounded(stream: bytes, size: int) -> None:
    parser = Parser(event_bytes_max=100)
    with pytest.raises(Malformed, match="longer than 100 bytes"):
        for begin in range(0, len(stream), size):
            parser.feed(stream[begin : begin + size])


def test_bytes_that_are_no_text_do_not_break_the_stream() -> None:
    assert Parser().feed(b"data: \xff\xfe\n\ndata: ok\n\n") == [("", "\ufffd\ufffd"), ("", "ok")]


def test_a_long_event_in_small_pieces_takes_no_square_time() -> None:
    parser = Parser()
    piece = b"x" * 1024
    parser.feed(b"data: ")
    began = time.perf_counter()
    for _ in range(7 * 1024):
        parser.feed(piece)
    ((_, text),) = parser.feed(b"\n\n")
    assert len(text) == 7 << 20
    assert time.perf_counter() - began < 2
