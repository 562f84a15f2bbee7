/** What is looked at, as it stands in the address: a window of time, some agents, a turn and one of its steps. */
import { useEffect, useRef, useState } from "preact/hooks";
import { now } from "../../data/live";
import { place, setQuery } from "../../data/router";

/** A stretch of time; `live` is its length in milliseconds while its end is now, else 0. */
export interface Frame {
  from: number;
  to: number;
  live: number;
}

export const PRESETS: [string, string, number][] = [
  ["1m", "1 min", 60_000],
  ["10m", "10 min", 600_000],
  ["1h", "1 hour", 3_600_000],
  ["1d", "1 day", 86_400_000],
  ["7d", "1 week", 604_800_000],
];
const USUAL = PRESETS[1] as [string, string, number];
const LEAST_MS = 20;
const MOST_MS = 400 * 86_400_000;
const WRITE_MS = 250;

function frameOf(query: URLSearchParams): Frame | undefined {
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
  if (from > 0 && to > from) return { from, to, live: 0 };
  if (!query.has("last") && query.get("agent") && query.get("turn")) return undefined; // around that turn
  const preset = PRESETS.find((p) => p[0] === query.get("last")) ?? USUAL;
  return living(preset[2]);
}

export function living(length: number): Frame {
  return { from: now() - length, to: now(), live: length };
}

export function within(from: number, to: number): Frame {
  const wide = Math.min(MOST_MS, Math.max(LEAST_MS, to - from));
  const middle = (from + to) / 2;
  return { from: Math.max(1, Math.round(middle - wide / 2)), to: Math.round(middle + wide / 2), live: 0 };
}

/** The window, and what changes it; the address follows a moment later. None: it is still to be found around a turn. */
export function useFrame(): [Frame | undefined, (frame: Frame) => void] {
  const query = place.value.query;
  const key = ["from", "to", "last"].map((k) => query.get(k) ?? "").join();
  const around = key === ",," ? `${query.get("agent") ?? ""}#${query.get("turn") ?? ""}` : "";
  const [frame, setFrame] = useState<Frame | undefined>(() => frameOf(query));
  const written = useRef(key);
  const timer = useRef(0);
  useEffect(() => {
    if (key === written.current && !around) return;
    if (key !== written.current || frame === undefined) setFrame(frameOf(query));
    written.current = key;
  }, [key, around]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const move = (next: Frame): void => {
    setFrame(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      const preset = PRESETS.find((p) => p[2] === next.live)?.[0] ?? "";
      const parts = next.live && preset ? { last: preset, from: "", to: "" } : { last: "", from: String(Math.round(next.from)), to: String(Math.round(next.to)) };
      written.current = [parts.from, parts.to, parts.last].join();
      setQuery(parts);
    }, WRITE_MS);
  };
  return [frame, move];
}
