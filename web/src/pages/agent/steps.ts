/** From journal entries to steps: an intent and its result are one thing that took a while. */
import type { Entry, Story, StepCost } from "../../data/types";

export interface Step {
  /** Place in the turn's task tree; "" for the turn's own beginning and end. */
  path: string;
  depth: number;
  verb: string;
  name: string;
  began: number;
  /** 0 while it is open. */
  ended: number;
  failed: boolean;
  error: string;
  attempts: number;
  entries: Entry[];
  value: unknown;
  detail: unknown;
  labels: string[];
  decision: unknown;
  cost: StepCost | undefined;
  seq: number;
}

/** Verbs that wait for somebody or something else: nothing of ours runs meanwhile. */
const WAITS = new Set(["sleep", "wait", "ask", "call", "provider", "source"]);

export function waits(step: Step): boolean {
  return WAITS.has(step.verb);
}

export function stepsOf(story: Story): Step[] {
  const costs = new Map(story.costs.map((c) => [c.path, c]));
  const open = new Map<string, Step>();
  const steps: Step[] = [];
  for (const entry of story.entries) {
    const going = open.get(entry.path);
    if (going && (entry.kind === "result" || (entry.kind === "note" && going.verb !== entry.verb) || entry.kind === "cancel")) {
      close(going, entry);
      if (entry.kind === "result") open.delete(entry.path);
      continue;
    }
    const step = begin(entry, costs.get(entry.path));
    steps.push(step);
    if (entry.kind === "intent") open.set(entry.path, step);
  }
  return steps;
}

function begin(entry: Entry, cost: StepCost | undefined): Step {
  const isOpen = entry.kind === "intent";
  return {
    path: entry.path,
    depth: entry.path ? entry.path.split(".").length - 1 : 0,
    verb: entry.kind === "end" ? "end" : entry.verb || entry.kind,
    name: entry.name,
    began: entry.at - (isOpen ? 0 : entry.took),
    ended: isOpen ? 0 : entry.at,
    failed: Boolean(entry.error),
    error: entry.error,
    attempts: entry.attempts,
    entries: [entry],
    value: isOpen ? undefined : entry.value,
    detail: entry.detail,
    labels: entry.labels,
    decision: entry.decision,
    cost,
    seq: entry.seq,
  };
}

function close(step: Step, entry: Entry): void {
  step.entries.push(entry);
  step.decision ??= entry.decision;
  if (entry.kind !== "result") return;
  step.ended = entry.at;
  step.value = entry.value;
  step.failed = Boolean(entry.error);
  step.error = entry.error;
  step.attempts = Math.max(step.attempts, entry.attempts);
  step.labels = entry.labels.length ? entry.labels : step.labels;
  step.detail ??= entry.detail;
}

/** What a step is about, in one line: what the model said, which tool with which arguments, what came back. */
export function gist(step: Step): string {
  if (step.error) return step.error;
  if (step.verb === "model") return modelGist(step.value);
  if (step.verb === "ask") return String((step.detail as { question?: unknown } | null)?.question ?? step.name);
  if (step.verb === "sleep") return "";
  if (step.verb === "steer") return String((step.detail as { text?: unknown } | null)?.text ?? "");
  if (step.verb === "steered") return ((step.value as { text: string }[] | null) ?? []).map((w) => w.text).join(" · ") || "nothing was said";
  if (step.verb === "fork") return forkGist(step.detail);
  if (step.verb === "set") return short(step.value);
  if (step.verb === "tool" || step.verb === "run") return `${args(step.detail)}${step.ended && step.value !== null ? ` → ${short(step.value)}` : ""}`;
  if (step.value !== null && step.value !== undefined) return short(step.value);
  return "";
}

function forkGist(detail: unknown): string {
  const { turn, path, why } = (detail ?? {}) as { turn?: number; path?: string; why?: string };
  const where = path ? `before step ${path} of turn ${turn}` : turn ? `as turn ${turn} left it` : "as it stood";
  return why ? `${where}: ${why}` : where;
}

function modelGist(value: unknown): string {
  const parts = (value as { parts?: { type: string; text?: string; name?: string; arguments?: string }[] } | null)?.parts ?? [];
  return parts
    .map((p) => (p.type === "call" ? `calls ${p.name}(${p.arguments ?? ""})` : (p.text ?? "")))
    .filter(Boolean)
    .join(" · ");
}

function args(detail: unknown): string {
  if (!Array.isArray(detail)) return detail === null || detail === undefined ? "" : short(detail);
  return detail.map(short).join(", ");
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}

export type Family = "person" | "model" | "tool" | "message" | "wait" | "state" | "end" | "fail";

export function family(step: Step): Family {
  if (step.failed) return "fail";
  if (step.verb === "model") return "model";
  if (step.verb === "tool" || step.verb === "run" || step.verb === "sql" || step.verb === "http") return "tool";
  if (step.verb === "call" || step.verb === "send" || step.verb === "publish" || step.verb === "reply") return "message";
  if (step.verb === "sleep" || step.verb === "wait" || step.verb === "ask" || step.verb === "provider" || step.verb === "source") return "wait";
  if (step.verb === "end") return "end";
  if (step.verb === "steer" || step.verb === "steered" || step.verb === "fork") return "person";
  return "state";
}
