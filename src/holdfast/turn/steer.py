"""``steer``: what a person says to a turn under way. It is noted in the turn's journal at once, whether the turn is in
memory or not, and heard where the turn listens: a thinking agent before its next request, a handler when it asks.

Where it was heard is part of the step that heard it, so that a replay hears the same words at the same place. What nobody
has heard yet is what was noted without such a step.
"""

from __future__ import annotations

import asyncio

from ..domain import labels as provenance
from ..domain.entry import Entry, EntryKind
from ..domain.words import Word, without
from ..journal.codec import Shape, decode_entry, encode_entry
from ..journal.replay import STEER
from ..mailbox.active import Active, Parked
from .branches import BRANCHES
from .turn import Turn

HEAR = "steered"
"""The verb of the step by which a handler listens."""
_WORDS = Shape(list[Word])


def say(turn: Turn, word: Word) -> None:
    """To a turn in memory."""
    turn.size += turn.active.append(turn.number, _note(word))
    turn.words.append(word)


def leave_word(active: Active, number: int, parked: Parked, word: Word) -> None:
    """To a turn that is rows only. It stays there: it has not got what it waits for."""
    entry = _note(word)
    parked.size += active.append(number, entry)
    if parked.stub:
        active.again = active.again or active.loading  # what is being read is older than this
    else:
        parked.entries.append(decode_entry(encode_entry(entry)))


def _note(word: Word) -> Entry:
    return Entry(EntryKind.NOTE, "", STEER, word.by, word.at, None, None, word.labels, word)


async def hear(turn: Turn) -> list[Word]:
    """What was said since the last time, oldest first."""
    path, recorded = await turn.step(HEAR, "")
    if recorded is not None and recorded.result is not None:
        words: list[Word] = _WORDS.decode(recorded.result.value, "words")
        heard(turn, words)
        return words
    words = list(turn.words)
    heard(turn, words)
    labels = tuple(sorted({label for word in words for label in word.labels}))

    def write() -> None:
        turn.journal(EntryKind.STEP, path, HEAR, "", words, None, labels)

    if turn.item.id:
        write()
    else:
        turn.deferred.append(write)
    return words


def unheard(turn: Turn) -> bool:
    """Whether somebody has said something which a handler that is about to end could still hear in one more request.
    Where the journal has that it ended here, it ends here again: what was said later was too late."""
    if not turn.words:
        return False
    branch = BRANCHES.get(asyncio.current_task())  # type: ignore[arg-type]
    if turn.replay is None or branch is None:
        return True
    return turn.replay.verb_at(f"{branch.prefix}{branch.n + 1}") in ("", "model")


def heard(turn: Turn, words: list[Word]) -> None:
    """These words have reached the handler: whatever comes now is made of them, too."""
    turn.words = without(turn.words, words)
    for word in words:
        turn.labels = provenance.join(turn.labels, word.labels)
        if turn.sources is not None:
            turn.sources.add(word.text, word.labels)


__all__ = ["HEAR", "hear", "heard", "leave_word", "say", "unheard"]
