/** The distinct states of an agent: their order, words and colours. A colour is a meaning, a glyph tells those of a colour apart. */
import type { State } from "./types";

export type Tone = "person" | "trouble" | "work" | "wait" | "provider" | "rest" | "good" | "quiet";

export interface StateInfo {
  word: string;
  tone: Tone;
  /** What it means and what to do, for whoever meets it for the first time. */
  help: string;
  /** Path of its glyph in a box of 14. */
  glyph: string;
}

const RING = "M7 1.5a5.500 5.500 0 1 1 0 11a5.500 5.500 0 1 1 0-11Z";

export const STATES: Record<State, StateInfo> = {
  approval: { word: "Needs approval", tone: "person", help: "Wants to act and waits until a person lets exactly this through.", glyph: `${RING}M4.500 7.200l1.800 1.800 3.400-3.800` },
  input: { word: "Needs input", tone: "person", help: "Asked a person something and waits for the answer, at no cost.", glyph: `${RING}M5.400 5.400c.1-1 .8-1.500 1.600-1.500 1 0 1.700.6 1.700 1.500 0 1.200-1.700 1.200-1.700 2.400M7 10v.1` },
  failed: { word: "Failed", tone: "trouble", help: "A turn failed and nobody was there to be told: send its message again or discard it.", glyph: `${RING}M5 5l4 4M9 5l-4 4` },
  stuck: { word: "Stuck", tone: "trouble", help: "Its code no longer matches its journal, or it kept killing its worker. A person decides.", glyph: "M7 1.500L12.800 12H1.200ZM7 5.500v3M7 10v.1" },
  working: { word: "Working", tone: "work", help: "Runs right now on a worker.", glyph: `${RING}M7 4.200a2.800 2.800 0 1 1 0 5.600a2.800 2.800 0 1 1 0-5.600Z` },
  queued: { word: "Queued", tone: "work", help: "Has a message and waits for its turn on a worker.", glyph: `${RING}M4.500 7h.1M7 7h.1M9.500 7h.1` },
  provider: { word: "Waits for provider", tone: "provider", help: "No model of its route answers. It goes on by itself when one does; nothing is lost.", glyph: `${RING}M5.500 5v4M8.500 5v4` },
  tools: { word: "Waits for tool server", tone: "provider", help: "A server of its tools does not answer. It goes on by itself when it does; nothing is lost.", glyph: `${RING}M4.500 7h5M7 4.500v5` },
  agent: { word: "Waits for agent", tone: "wait", help: "Called another agent and sleeps until the answer is there.", glyph: `${RING}M4 7h5.500M7.500 5l2 2-2 2` },
  event: { word: "Waits for event", tone: "rest", help: "Sleeps until an event of a name comes, or its time is over.", glyph: `${RING}M7.500 3.800L5 7.500h3.500L6.500 10.500` },
  retry: { word: "Waits to retry", tone: "provider", help: "A step failed and will be tried again, later each time.", glyph: `${RING}M9.300 6A2.500 2.500 0 1 0 9.500 8M9.500 4.500V6H8` },
  sleeping: { word: "Sleeping", tone: "rest", help: "Waits for a time; a row in the store, nothing else.", glyph: `${RING}M7 4v3l2 1.500` },
  paused: { word: "Paused", tone: "rest", help: "A person paused it: it starts nothing and goes on with nothing.", glyph: `${RING}M5.500 5v4M8.500 5v4` },
  finished: { word: "Finished, unread", tone: "good", help: "Its last turn ended and nobody has looked yet.", glyph: "M7 3.500a3.500 3.500 0 1 1 0 7a3.500 3.500 0 1 1 0-7Z" },
  idle: { word: "Idle", tone: "quiet", help: "Nothing to do: no memory, no cost.", glyph: RING },
  retired: { word: "Retired", tone: "quiet", help: "Takes no more messages; its journal stays.", glyph: `${RING}M4 7h6` },
};

export const ORDER = Object.keys(STATES) as State[];
export const NEEDS_PERSON: State[] = ["approval", "input", "failed", "stuck"];
export const QUIET: State[] = ["idle", "retired"];
