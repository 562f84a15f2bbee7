/** What happens right now, for whichever page is open: counts, new entries, and whether the server is there. */
import { signal } from "@preact/signals";
import { csrfNow } from "./api";
import { Stream, type News } from "./stream";
import type { Beat, Counts } from "./types";

export const counts = signal<Counts>({});
export const online = signal(true);
/** Entries a second over all agents, smoothed. */
export const rate = signal(0);
/** The server's clock minus ours, in milliseconds. */
export const skew = signal(0);

type Listener = (beat: Beat) => void;
const listeners = new Set<Listener>();
let started = false;
let rated = performance.now();

/** Calls `listener` with every beat; returns what stops it. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function now(): number {
  return Date.now() + skew.value;
}

function hear(news: News): void {
  if (news.kind === "status") {
    online.value = news.up;
    return;
  }
  const { beat } = news;
  const at = performance.now();
  const seconds = Math.max(0.02, (at - rated) / 1000);
  rated = at;
  const present = (beat.events.length + beat.left_out) / seconds;
  const smooth = Math.min(1, seconds / 2);
  rate.value += (present - rate.value) * smooth;
  const off = beat.at - Date.now();
  if (Math.abs(off - skew.peek()) > 1500) skew.value = off;
  if (Object.keys(beat.counts).length) counts.value = beat.counts;
  for (const listener of listeners) listener(beat);
}

/** Begins to listen; once. */
export function start(): void {
  if (started) return;
  started = true;
  if (typeof SharedWorker !== "undefined") {
    const worker = new SharedWorker(new URL("./live.worker.ts", import.meta.url), { type: "module", name: "holdfast" });
    worker.port.onmessage = (message: MessageEvent<News>) => hear(message.data);
    worker.port.start();
    worker.port.postMessage({ csrf: csrfNow() });
    addEventListener("pagehide", () => worker.port.postMessage("bye"));
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  } else {
    new Stream(hear);
  }
}
