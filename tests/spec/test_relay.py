"""What happens in turns on one worker is heard on another: batches, numbers, expiry. In virtual time, over a real store."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.conversation import Ended, PartBegan, PartGrew, Text, Thinking, Usage
from holdfast.domain.errors import Unavailable
from holdfast.domain.limits import Limits
from holdfast.mailbox.carried import Carried, Pieces, carried, decode, pack
from holdfast.mailbox.feed import LOST, RESTART, Asked
from holdfast.mailbox.relay import BATCH_SECONDS, FORGET_SECONDS, RENEW_SECONDS
from holdfast.mailbox.worker import Worker
from holdfast.models.job import Attempt, Facts
from holdfast.ports import store as ports
from holdfast.ports.notes import NOTE_BYTES, Note
from holdfast.testing.clock import SeededRandom, SimulatedClock
from holdfast.testing.loop import SimulatedLoop

AGENT = "default/writer/1"
WORDS = PartBegan(0, Text(""))
OVER = Ended("stop", Usage())


class Lossy(SqliteStore):
    """A store in memory that loses notes while it is told to, and remembers what it was told."""

    lose = refuse = False

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__("memory://", Limits(), clock)
        self.told: list[tuple[float, Note]] = []

    async def tell(self, session: str, notes: Sequence[Note]) -> None:
        if self.refuse:
            raise Unavailable("store.unreachable", "Not now.")
        self.told += [(self.clock.monotonic(), note) for note in notes]
        if not self.lose:
            await super().tell(session, notes)


class Backwards:
    """A seal that anybody can open."""

    def seal(self, body: bytes) -> bytes:
        return body[::-1]

    def open(self, body: bytes) -> bytes:
        return body[::-1]


class Ground:
    """One store, two workers: ``runs`` has the agent, somebody listens at ``sees``."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.clock = SimulatedClock(loop)
        self.store = Lossy(self.clock)
        self.heard: list[Any] = []

    async def worker(self, name: str, seal: Any = None, serves: str = "writer") -> Worker:
        worker = Worker(self.store, self.clock, SeededRandom(name), Limits(), seal)
        me = ports.Worker(name, {serves: ("v1",)}, lease_seconds=1e6)
        worker.begin_session(await self.store.enlist(me, worker.on_signal), frozenset([serves]))
        return worker

    async def listen(self, worker: Worker) -> Callable[[], None]:
        worker.feed.listen(AGENT, lambda trace, path, what: self.heard.append(what))
        return await worker.relay.listen(AGENT)

    @property
    def pieces(self) -> list[tuple[float, Note]]:
        return [(at, note) for at, note in self.store.told if note.to]


def tell(worker: Worker, *news: Any, path: str = "1") -> None:
    for what in news:
        worker.feed.tell(AGENT, "t", path, what)


def play(body: Callable[[Ground], Coroutine[Any, Any, None]]) -> None:
    with SimulatedLoop() as loop:

        async def run() -> None:
            ground = Ground(loop)
            await ground.store.open()
            await body(ground)

        loop.run(run())


def test_pieces_go_at_once_and_then_in_batches() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        await g.listen(sees)
        began = g.clock.monotonic()
        tell(runs, Asked(7), WORDS)
        await g.clock.sleep(0)
        for n in range(100):
            tell(runs, PartGrew(0, f"{n} "))
            await g.clock.sleep(0.01)
        tell(runs, OVER)
        await g.clock.sleep(BATCH_SECONDS)
        assert g.heard[:2] == [Asked(7), WORDS] and g.heard[-1] == OVER
        assert "".join(e.text for e in g.heard[2:-1]) == "".join(f"{n} " for n in range(100))
        times = [at - began for at, _ in g.pieces]
        assert times[0] == 0 and len(times) <= 1.0 / BATCH_SECONDS + 2
        assert min(b - a for a, b in itertools.pairwise(times)) >= BATCH_SECONDS * 0.99

    play(body)


def test_where_nobody_listens_nothing_is_said() -> None:
    async def body(g: Ground) -> None:
        runs, _ = await g.worker("runs"), await g.worker("sees")
        tell(runs, Asked(), WORDS, PartGrew(0, "x"), OVER)
        await g.clock.sleep(30)
        assert not g.store.told and not runs.feed.heard(AGENT)

    play(body)


def test_a_listener_is_believed_for_a_while_and_renews() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        stop = await g.listen(sees)
        await g.clock.sleep(FORGET_SECONDS * 5)
        tell(runs, {"tool": "look", "arguments": "{}"}, path="")
        await g.clock.sleep(1)
        assert g.heard == [{"tool": "look", "arguments": "{}"}]
        renewals = [note for _, note in g.store.told if not note.to]
        assert len(renewals) == 1 + int(FORGET_SECONDS * 5 / RENEW_SECONDS)
        stop()
        await g.clock.sleep(FORGET_SECONDS + 1)
        tell(runs, {"tool": "look", "arguments": "{}"}, path="")
        await g.clock.sleep(1)
        assert len(g.pieces) == 1 and not runs.feed.heard(AGENT)

    play(body)


def test_what_was_said_while_the_listener_was_forgotten_is_missed() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        stop = await g.listen(sees)
        tell(runs, Asked(), WORDS, PartGrew(0, "one "))
        await g.clock.sleep(1)
        stop_again = await g.listen(sees)
        g.store.lose = True  # its renewals do not get through
        await g.clock.sleep(FORGET_SECONDS + 1)
        tell(runs, PartGrew(0, "two "))
        await g.clock.sleep(1)
        g.store.lose = False
        await g.clock.sleep(RENEW_SECONDS + 1)
        g.heard.clear()
        tell(runs, PartGrew(0, "three"), OVER)
        await g.clock.sleep(1)
        assert set(g.heard) == {LOST}
        stop()
        stop_again()

    play(body)


@pytest.mark.parametrize("how", ["lost", "refused"])
def test_after_a_hole_nothing_more_of_that_answer_is_passed_on(how: str) -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        await g.listen(sees)
        tell(runs, Asked(), WORDS, PartGrew(0, "one "))
        await g.clock.sleep(1)
        g.store.lose, g.store.refuse = how == "lost", how == "refused"
        tell(runs, PartGrew(0, "two "))
        await g.clock.sleep(1)
        g.store.lose = g.store.refuse = False
        tell(runs, PartGrew(0, "three"), OVER)
        tell(runs, Asked(), WORDS, PartGrew(0, "another step"), OVER, path="2")
        await g.clock.sleep(1)
        assert g.heard == [Asked(), WORDS, PartGrew(0, "one "), LOST, Asked(), WORDS, PartGrew(0, "another step"), OVER]
        g.heard.clear()
        tell(runs, RESTART, WORDS, PartGrew(0, "anew"), OVER)
        await g.clock.sleep(1)
        assert g.heard == [RESTART, WORDS, PartGrew(0, "anew"), OVER]

    play(body)


def test_who_comes_in_the_middle_of_an_answer_is_told_that_it_missed_the_beginning() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        tell(runs, Asked(), WORDS, PartGrew(0, "one "))
        await g.listen(sees)
        tell(runs, PartGrew(0, "two"), OVER)
        await g.clock.sleep(1)
        assert g.heard == [LOST]

    play(body)


def test_another_worker_begins_the_answer_anew_and_the_first_one_is_not_heard_any_more() -> None:
    async def body(g: Ground) -> None:
        first, second, sees = await g.worker("first"), await g.worker("second"), await g.worker("sees")
        await g.listen(sees)
        tell(first, Asked(), WORDS, PartGrew(0, "one "))
        await g.clock.sleep(1)
        tell(second, Asked(), WORDS, PartGrew(0, "uno "))
        await g.clock.sleep(1)
        tell(first, PartGrew(0, "two"), OVER)
        await g.clock.sleep(1)
        tell(second, PartGrew(0, "due"), OVER)
        await g.clock.sleep(1)
        assert "".join(e.text for e in g.heard if isinstance(e, PartGrew)) == "one uno due"
        assert LOST not in g.heard and g.heard.count(OVER) == 1 and g.heard.count(Asked()) == 2

    play(body)


def test_a_worker_that_cannot_run_the_agent_does_not_care_who_listens() -> None:
    async def body(g: Ground) -> None:
        other, sees = await g.worker("other", serves="reader"), await g.worker("sees")
        await g.listen(sees)
        assert not other.feed.heard(AGENT)

    play(body)


def test_notes_are_sealed_where_the_journal_is() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs", Backwards()), await g.worker("sees", Backwards())
        stranger = await g.worker("stranger")
        await g.listen(sees)
        tell(runs, Asked(), WORDS, PartGrew(0, "the secret plan"), OVER)
        await g.clock.sleep(1)
        assert PartGrew(0, "the secret plan") in g.heard
        assert not any(b"secret plan" in note.body or b"writer" in note.body for _, note in g.store.told)
        assert not stranger.feed.heard(AGENT)  # what it cannot open it does not follow

    play(body)


def test_a_store_that_is_slow_to_tell_keeps_little_and_loses_loudly() -> None:
    async def body(g: Ground) -> None:
        runs, sees = await g.worker("runs"), await g.worker("sees")
        await g.listen(sees)
        tell(runs, Asked(), WORDS)
        await g.clock.sleep(1)
        for _ in range(600):
            tell(runs, PartGrew(0, "x" * 1_000))
        await g.clock.sleep(1)
        tell(runs, PartGrew(0, "y"), OVER)
        await g.clock.sleep(1)
        assert g.heard[-1] == LOST and OVER not in g.heard
        assert sum(len(note.body) for _, note in g.store.told) < 200_000

    play(body)


def test_anything_fits_into_notes_or_leaves_a_hole() -> None:
    facts = Facts("r", "t", "v", "m", attempts=[Attempt("t", "error", why="x" * 10_000)])
    long = PartGrew(0, "wörter " * 3_000, "signed")
    huge = PartBegan(0, Thinking(redacted="r" * 9_000))
    news = [Asked(3, b"d" * 16), facts, huge, long, {"tool": "t", "a": "z" * 9_000}, OVER]
    pieces = [piece for what in news for piece in carried(what)]
    bodies = list(pack(AGENT, [Carried("t", "1", n, piece) for n, piece in enumerate(pieces)]))
    assert all(len(body) <= NOTE_BYTES - 900 for body in bodies)
    found = [item for body in bodies if isinstance(note := decode(body), Pieces) for item in note.items]
    grown = [item.what for item in found if isinstance(item.what, PartGrew)]
    assert "".join(g.text for g in grown) == long.text and [g.signature for g in grown if g.signature] == ["signed"]
    assert [item.number for item in found] == [n for n in range(len(pieces)) if n != 2]


def test_a_worker_that_comes_later_asks_who_listens() -> None:
    async def body(g: Ground) -> None:
        sees = await g.worker("sees")
        await g.listen(sees)
        late = await g.worker("late")
        assert not late.feed.heard(AGENT)
        await late.relay.begin()
        await g.clock.sleep(0.001)
        tell(late, Asked(), WORDS, PartGrew(0, "here"), OVER)
        await g.clock.sleep(0.001)
        assert g.heard == [Asked(), WORDS, PartGrew(0, "here"), OVER]

    play(body)
