"""What one agent is doing at present: counts of windows that are not over, the calls of its turn, where it sends things.

It is kept in memory only. When it is lost, windows begin anew: an agent then gets a little more room, never less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .learned import MOST_ACTIONS, Action
from .limits import DAY_MS, SPANS
from .sketches import Distinct

LONGEST_LOOP = 8
_CALLS = 2 * LONGEST_LOOP


class Window:
    """A window that is not over. ``bar`` is what has to be exceeded after people let an anomaly pass; ``asked`` says that
    one is open."""

    __slots__ = ("asked", "bar", "begun", "done", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.begun = self.done = 0
        self.bar = 0
        self.asked = False

    def allowed(self) -> None:
        """An action in it happened. If it was asked about, people have let it pass: ask again at twice as many."""
        self.done += 1
        if self.asked:
            self.asked = False
            self.bar = 2 * max(self.begun, self.done)


class Doing:
    """One action of one agent."""

    __slots__ = ("drift", "drift_asked", "reach", "reach_day", "reached", "windows")

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        self.drift = 0.0
        self.drift_asked = False
        self.reach: Distinct | None = None
        self.reach_day = 0
        self.reached = Window(0)

    def window(self, name: str, at: int, learned: tuple[Action, ...]) -> Window:
        """The window that a moment lies in; one that is over is learned first."""
        index = at // SPANS[name]
        window = self.windows.get(name)
        if window is None:
            window = self.windows[name] = Window(index)
        elif window.index < index:
            if window.done:
                for action in learned:
                    action.window(name).add(window.done)
            window = self.windows[name] = Window(index)
        return window

    def destinations(self, at: int, learned: tuple[Action, ...]) -> Distinct:
        """Where it sent things today."""
        day = at // DAY_MS
        if self.reach is None or self.reach_day < day:
            if self.reach is not None and self.reach.count:
                for action in learned:
                    action.window("reach").add(self.reach.count)
            self.reach, self.reach_day, self.reached = Distinct(), day, Window(day)
        return self.reach


class Running:
    """One agent. ``runs`` counts, for each distance, how many calls in a row equal the one so far before them."""

    __slots__ = ("calls", "doing", "last", "runs", "turn")

    def __init__(self) -> None:
        self.doing: dict[str, Doing] = {}
        self.turn: str | int = 0
        self.last = ""
        self.calls: deque[int] = deque(maxlen=_CALLS)
        self.runs = [0] * (LONGEST_LOOP + 1)

    def of(self, name: str) -> Doing:
        """What it does of one kind of action."""
        found = self.doing.get(name)
        if found is None:
            found = self.doing[name] = Doing()
            if len(self.doing) > MOST_ACTIONS:
                del self.doing[next(iter(self.doing))]
        return found

    def enter(self, turn: str | int) -> None:
        """Loops are looked for within one piece of work: a trace, or a turn where no trace is known. (A turn has no number
        yet when it makes its first step.)"""
        if turn != self.turn:
            self.turn = turn
            self.calls.clear()
            self.runs = [0] * (LONGEST_LOOP + 1)

    def repeats(self, call: int) -> tuple[int, int, int]:
        """With one more call: how many identical ones there are in a row; the rounds of the loop that it would close, and
        how many steps that has."""
        calls, runs = self.calls, self.runs
        n = len(calls)
        if not n:
            return 1, 1, 0
        same = runs[1] + 2 if calls[-1] == call else 1
        rounds, steps = 1, 0
        if same == 1:
            for distance in range(2, min(LONGEST_LOOP, n) + 1):
                if calls[-distance] == call and (found := (runs[distance] + 1) // distance + 1) > rounds:
                    rounds, steps = found, distance
        return same, rounds, steps

    def call(self, call: int, name: str, learned: Callable[[str], tuple[Action, ...]]) -> None:
        """A call was made. A run that it ends is learned as one of the action that made it."""
        same, rounds, _ = self.repeats(call)
        calls, runs = self.calls, self.runs
        if calls:
            ended = learned(self.last)
            if same == 1:
                for action in ended:
                    action.window("repeats").add(runs[1] + 1)
            if rounds == 1:
                before = max(runs[d] // d for d in range(2, LONGEST_LOOP + 1)) + 1
                for action in ended:
                    action.window("rounds").add(before)
        for distance in range(1, min(LONGEST_LOOP, len(calls)) + 1):
            runs[distance] = runs[distance] + 1 if calls[-distance] == call else 0
        calls.append(call)
        self.last = name
