/** Time on a line on which idle gaps take little room: what a person wants to see is what happened between them. */
import type { Step } from "./steps";
import { waits } from "./steps";

export interface Gap {
  from: number;
  to: number;
  /** Where it lies on the line, 0 to 1. */
  left: number;
  right: number;
}

export interface Scale {
  at: (time: number) => number;
  gaps: Gap[];
  from: number;
  to: number;
}

const LEAST_GAP_MS = 1_500;
const GAP_SHARE = 0.045;

/** A scale from the first to the last moment; stretches in which nothing ran are compressed. */
export function scaleOf(steps: Step[], from: number, to: number): Scale {
  to = Math.max(to, from + 1);
  const busy = steps
    .filter((s) => !waits(s))
    .map((s) => [Math.max(from, s.began), Math.min(to, s.ended || to)] as const)
    .concat(steps.flatMap((s) => [s.began, s.ended || to].map((t) => [t, t] as const)))
    .sort((a, b) => a[0] - b[0]);
  const idle: [number, number][] = [];
  let until = from;
  const least = Math.max(LEAST_GAP_MS, (to - from) * 0.05);
  for (const [start, end] of [...busy, [to, to] as const]) {
    if (start - until > least) idle.push([until, start]);
    until = Math.max(until, end);
  }
  const share = idle.length ? Math.min(GAP_SHARE, 0.45 / idle.length) : 0;
  const active = to - from - idle.reduce((sum, [a, b]) => sum + b - a, 0);
  const perMs = (1 - share * idle.length) / Math.max(1, active);
  const gaps: Gap[] = [];
  let place = 0;
  let last = from;
  for (const [a, b] of idle) {
    place += (a - last) * perMs;
    gaps.push({ from: a, to: b, left: place, right: place + share });
    place += share;
    last = b;
  }
  const at = (time: number): number => {
    const t = Math.min(Math.max(time, from), to);
    let where = 0;
    let before = from;
    for (const gap of gaps) {
      if (t <= gap.from) break;
      if (t < gap.to) return gap.left + ((t - gap.from) / (gap.to - gap.from)) * (gap.right - gap.left);
      where = gap.right;
      before = gap.to;
    }
    return Math.min(1, where + (t - before) * perMs);
  };
  return { at, gaps, from, to };
}
