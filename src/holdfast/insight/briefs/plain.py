"""Plain words: what a model may add to the words of its facts, because a sentence claims nothing more with them.

No name, no number, no outcome (approved, refused, failed, fixed), nothing that denies, soothes or hurries is among them.
"""

from __future__ import annotations

_WORDS = """
a an the this that these those it its they their them which who whom whose there here
of in on at to for from by with about into onto over under after before between during since until as per
and or also then while when where both
is are was were be been being has have had do does did
agent agents person people question questions answer approval approvals message messages step steps turn turns entry entries
model models tool tools rule rules route routes resource resources version versions code call calls time times
reason reasons cost money brief inbox work works working
wait waits waiting asks asking want wants wanting need needs needing says saying tells named called
now still again newest latest oldest last first longest currently meanwhile
"""
PLAIN = frozenset(_WORDS.split())
_UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_NUMBERS = {word: number for number, word in enumerate(_UNITS.split())}
_MORE = "once twice thrice half double triple dozen dozens hundred hundreds thousand thousands million"
_LARGE = frozenset(_MORE.split())


def number_word(word: str) -> int | None:
    """The number that a word or a figure means; -1 for one in which nothing is counted; None for no number."""
    if word.isascii() and word.isdigit():
        return int(word) if len(word) < 12 else -1
    if word in _LARGE:
        return -1
    return _NUMBERS.get(word)


__all__ = ["PLAIN", "number_word"]
