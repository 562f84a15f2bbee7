/** The turns of a window: fetched with some room on both sides, kept while the next are on their way, followed while it is live. */
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../data/api";
import { listen, now } from "../../data/live";
import { keyOf, type LaneWindow, type Span } from "./types";
import type { Frame } from "./view";

const SOON_MS = 120;
const PACE_MS = 1_000;
const SLOW_MS = 5_000;
const OVERLAP_MS = 3_000;
const ROOM = 0.5;

export interface Loaded {
  data: LaneWindow | undefined;
  error: unknown;
  busy: boolean;
  again: () => void;
}

export function useLanes(frame: Frame | undefined, agent: string): Loaded {
  const [data, setData] = useState<LaneWindow>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const kept = useRef({ frame, agent, data, asked: 0, timer: 0, at: 0 });
  kept.current.frame = frame;
  kept.current.data = data;

  const ask = async (more: boolean): Promise<void> => {
    const state = kept.current;
    const seen = state.frame;
    if (!seen) return;
    const number = ++state.asked;
    state.at = performance.now();
    const wide = seen.to - seen.from;
    const had = state.data;
    const grow = more && had && !had.sampled && had.until > seen.from;
    const input = {
      since: Math.max(1, Math.round(grow ? Math.max(had.since, had.until - OVERLAP_MS) : seen.from - wide * ROOM)),
      until: Math.round(Math.max(seen.from + 1, Math.min(now() + 1, seen.live ? now() + 1 : seen.to + wide * ROOM))),
      agent,
    };
    if (input.since >= input.until) input.since = input.until - 1; // nothing has happened yet in the future
    setBusy(true);
    try {
      const found = await call<LaneWindow>("lanes", input);
      if (number !== kept.current.asked) return;
      setData(grow && !found.sampled ? joined(had, found, seen.from - wide * ROOM) : found);
      setError(undefined);
    } catch (problem) {
      if (number === kept.current.asked) setError(problem);
    }
    if (number === kept.current.asked) setBusy(false);
  };

  const soon = (delay: number, more: boolean): void => {
    clearTimeout(kept.current.timer);
    kept.current.timer = window.setTimeout(() => void ask(more), delay);
  };

  useEffect(() => {
    kept.current.data = undefined;
    setData(undefined);
    if (kept.current.frame) void ask(false);
  }, [agent]);

  const covered = frame !== undefined && data !== undefined && covers(data, frame);
  useEffect(() => {
    if (frame && !covered) soon(data ? SOON_MS : 0, false);
  }, [frame?.from, frame?.to, covered]);

  useEffect(() => {
    const tick = (force: boolean): void => {
      const state = kept.current;
      const live = state.frame && (state.frame.live || state.frame.to > now() - 1_000);
      if (!live || !state.data || document.visibilityState !== "visible") return;
      const pace = state.data.sampled ? SLOW_MS : PACE_MS;
      const wait = pace - (performance.now() - state.at);
      if (force || wait <= 0) void ask(true);
      else soon(wait, true);
    };
    const stop = listen((beat) => (beat.events.length || beat.gap) && tick(false));
    const slow = setInterval(() => tick(false), SLOW_MS);
    return () => {
      stop();
      clearInterval(slow);
      clearTimeout(kept.current.timer);
    };
  }, [agent]);

  return { data, error, busy, again: () => void ask(false) };
}

/** Whether nothing more is to be had for a window than what is there. */
function covers(data: LaneWindow, frame: Frame): boolean {
  const until = Math.min(frame.to, data.at - 1_000);
  if (frame.from < data.since || until > data.until) return false;
  const coarse = data.sampled > 0 || data.complete > frame.from;
  return !coarse || (frame.to - frame.from) * 3.2 > data.until - data.since;
}

/** What was there, with what came since; what lies too far back is let go. */
function joined(had: LaneWindow, found: LaneWindow, from: number): LaneWindow {
  const spans = new Map<string, Span>();
  for (const span of had.spans) if ((span.ended || Infinity) >= from) spans.set(keyOf(span.agent, span.turn), span);
  for (const span of found.spans) {
    const key = keyOf(span.agent, span.turn);
    const before = spans.get(key);
    spans.set(key, before ? grown(before, span) : span);
  }
  const since = Math.max(had.since, from);
  return { ...found, since, spans: [...spans.values()], complete: Math.max(had.complete, since) };
}

function grown(before: Span, span: Span): Span {
  const steps = new Map(before.steps.map((s) => [s[1] + s[2], s]));
  for (const step of span.steps) {
    const known = steps.get(step[1] + step[2]);
    if (!known || !step[4] || known[0] === step[0]) steps.set(step[1] + step[2], known && !step[4] ? ([...known.slice(0, 5), step[5], step[6]] as typeof step) : step);
    else steps.set(`${step[1]}${step[2]}${step[0]}`, step);
  }
  const list = [...steps.values()];
  return { ...span, began: before.began || span.began, steps: list, failures: list.filter((s) => s[6]).length, entries: Math.max(before.entries, list.length) };
}
