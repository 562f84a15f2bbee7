/** What the operations `lanes` and `causes` return (insight/lanes.py, insight/spans.py). */

/** seq, path, verb, name, began, ended, failed; began 0: before the window, ended 0: after it or not yet */
export type LaneStep = [number, string, string, string, number, number, boolean];

export interface Span {
  agent: string;
  turn: number;
  handler: string;
  sender: string;
  began: number;
  ended: number;
  state: string;
  error: string;
  failures: number;
  entries: number;
  /** agent, turn, path */
  cause: [string, number, string] | null;
  steps: LaneStep[];
}

export interface Sign {
  agent: string;
  turn: number;
  seq: number;
  at: number;
  kind: string;
  name: string;
}

export interface LaneWindow {
  since: number;
  until: number;
  at: number;
  spans: Span[];
  complete: number;
  sampled: number;
  lanes: { agent: string; slots: number[] }[];
  signs: Sign[];
  more_signs: boolean;
}

export function keyOf(agent: string, turn: number): string {
  return `${agent}#${turn}`;
}

/** How a turn ended, as a colour that means something. */
export function toneOf(span: Span): string {
  if (span.state === "failed" || span.state === "killed" || span.state === "dead") return "trouble";
  if (asksNow(span)) return "person";
  if (!span.ended) return "work";
  return span.state === "cancelled" ? "rest" : "good";
}

/** Whether a turn waits for a person at the end of what is seen of it. */
export function asksNow(span: Span): boolean {
  return !span.ended && span.steps.some((s) => s[2] === "ask" && !s[5]);
}

/** How a turn stands, in words. */
export function wordOf(span: Span): string {
  if (asksNow(span)) return "asks a person";
  if (span.state === "open") return "goes on";
  return span.state === "dead" ? "failed" : span.state;
}
