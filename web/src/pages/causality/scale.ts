/** Moments on a line, and back; stretches in which nothing happened may be folded to a sliver. */
export interface TimeScale {
  from: number;
  to: number;
  /** Where a moment lies: 0 is the beginning, 1 the end. */
  x: (at: number) => number;
  at: (x: number) => number;
  gaps: { from: number; to: number }[];
}

interface Piece {
  from: number;
  to: number;
  left: number;
  right: number;
}

const SLIVER = 0.03;
const LEAST_SHARE = 0.06;

export function linear(from: number, to: number): TimeScale {
  const wide = Math.max(1, to - from);
  return { from, to, x: (at) => (at - from) / wide, at: (x) => from + x * wide, gaps: [] };
}

/** `busy`: when something happened, in any order. */
export function folded(busy: [number, number][], from: number, to: number): TimeScale {
  const least = Math.max(2_000, (to - from) * LEAST_SHARE);
  const gaps: { from: number; to: number }[] = [];
  let until = from;
  const inside = busy.filter(([a, b]) => b >= from && a <= to).sort((p, q) => p[0] - q[0]);
  for (const [a, b] of [...inside, [to, to] as [number, number]]) {
    if (a - until > least) gaps.push({ from: until + least / 10, to: a - least / 10 });
    until = Math.max(until, b);
  }
  if (!gaps.length) return linear(from, to);
  const idle = gaps.reduce((sum, g) => sum + g.to - g.from, 0);
  const sliver = Math.min(SLIVER, 0.4 / gaps.length);
  const perMs = (1 - sliver * gaps.length) / Math.max(1, to - from - idle);
  const pieces: Piece[] = [];
  let left = 0;
  let at = from;
  const add = (end: number, wide: number): void => {
    pieces.push({ from: at, to: end, left, right: left + wide });
    left += wide;
    at = end;
  };
  for (const gap of gaps) {
    add(gap.from, (gap.from - at) * perMs);
    add(gap.to, sliver);
  }
  add(to, (to - at) * perMs);
  const first = pieces[0] as Piece;
  const last = pieces.at(-1) as Piece;
  const along = (value: number, a: number, b: number, c: number, d: number): number => c + ((value - a) / Math.max(1e-9, b - a)) * (d - c);
  return {
    from,
    to,
    gaps,
    x: (t) => {
      const p = t <= from ? first : (pieces.find((each) => t <= each.to) ?? last);
      return along(t, p.from, p.to, p.left, p.right);
    },
    at: (x) => {
      const p = x <= 0 ? first : (pieces.find((each) => x <= each.right) ?? last);
      return along(x, p.left, p.right, p.from, p.to);
    },
  };
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6];

/** Round moments, at most `most` of them. */
export function ticks(from: number, to: number, most: number): { every: number; at: number[] } {
  const every = STEPS.find((s) => (to - from) / s <= most) ?? (STEPS.at(-1) as number);
  const off = new Date(from).getTimezoneOffset() * 60_000;
  const at: number[] = [];
  for (let t = Math.ceil((from - off) / every) * every + off; t <= to; t += every) at.push(t);
  return { every, at };
}
