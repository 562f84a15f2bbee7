/** The part of the fleet that is on the screen: fetched by pages, refreshed when something stirs, never emptied meanwhile. */
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../../data/api";
import { listen } from "../../data/live";
import type { FleetRow, FleetView } from "../../data/types";
import type { FleetQuery } from "./query";

const PAGE = 60;
const PACE_MS = 300;
const SLOW_MS = 5_000;

export interface FleetWindow {
  view: FleetView | undefined;
  error: unknown;
  row: (index: number) => FleetRow | undefined;
  seen: (first: number, last: number) => void;
  again: () => void;
}

export function useFleet(query: FleetQuery): FleetWindow {
  const [view, setView] = useState<FleetView>();
  const [error, setError] = useState<unknown>();
  const key = JSON.stringify(query);
  const kept = useRef({ key, pages: new Map<number, FleetRow[]>(), first: 0, last: PAGE, busy: false, wanted: false, at: 0, timer: 0 });

  const fetchSeen = async (): Promise<void> => {
    const state = kept.current;
    if (state.busy) return void (state.wanted = true);
    state.busy = true;
    state.wanted = false;
    state.at = performance.now();
    const mine = state.key;
    try {
      const offset = Math.floor(state.first / PAGE) * PAGE;
      const limit = Math.ceil((state.last - offset) / PAGE) * PAGE || PAGE;
      const found = await call<FleetView>("fleet", { ...(JSON.parse(mine) as object), offset, limit });
      if (mine === state.key) {
        for (let n = 0; n < limit; n += PAGE) state.pages.set((offset + n) / PAGE, found.rows.slice(n, n + PAGE));
        setView(found);
        setError(undefined);
      }
    } catch (problem) {
      if (mine === state.key) setError(problem);
    }
    state.busy = false;
    if (state.wanted) later();
  };

  const later = (): void => {
    const state = kept.current;
    if (state.timer) return;
    state.timer = window.setTimeout(
      () => {
        state.timer = 0;
        if (document.visibilityState === "visible") void fetchSeen();
      },
      Math.max(0, PACE_MS - (performance.now() - state.at)),
    );
  };

  useEffect(() => {
    kept.current.key = key;
    kept.current.pages = new Map();
    kept.current.first = 0;
    kept.current.last = PAGE;
    kept.current.busy = false;
    void fetchSeen();
  }, [key]);

  useEffect(() => {
    const stop = listen((beat) => {
      if (beat.events.length || beat.gap || Object.keys(beat.counts).length) later();
    });
    const slow = setInterval(later, SLOW_MS);
    const back = (): void => later();
    document.addEventListener("visibilitychange", back);
    return () => {
      stop();
      clearInterval(slow);
      clearTimeout(kept.current.timer);
      kept.current.timer = 0;
      document.removeEventListener("visibilitychange", back);
    };
  }, []);

  return {
    view,
    error,
    row: (index) => kept.current.pages.get(Math.floor(index / PAGE))?.[index % PAGE],
    seen: (first, last) => {
      const state = kept.current;
      state.first = first;
      state.last = last;
      const pages = state.pages;
      for (let n = Math.floor(first / PAGE); n * PAGE < last; n++) if (!pages.has(n)) return void fetchSeen();
    },
    again: () => void fetchSeen(),
  };
}
