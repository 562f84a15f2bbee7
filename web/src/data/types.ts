/** What the operations return (control/views.py, control/command_center_views.py). */

export type State =
  | "approval" | "input" | "failed" | "stuck" | "working" | "queued" | "provider" | "tools" | "agent" | "event" | "retry"
  | "sleeping" | "paused" | "finished" | "idle" | "retired";

export interface FleetRow {
  address: string;
  name: string;
  state: State;
  doing: string;
  since: number;
  handler: string;
  version: string;
  queued: number;
  entries: number;
  dead: number;
  usd: number;
  tokens: number;
  calls: number;
  ended: number;
  due: number;
  reason: string;
  owner: string;
  team: string;
  spark: number[];
}

export type Counts = Partial<Record<State, number>>;

export interface FleetView {
  rows: FleetRow[];
  matched: number;
  total: number;
  counts: Counts;
  names: Record<string, number>;
  owners: Record<string, number>;
  teams: Record<string, number>;
  groups: Record<string, number>;
  at: number;
}

export interface WaitView {
  address: string;
  turn: number;
  path: string;
  verb: string;
  name: string;
  due: number;
  since: number;
  detail: unknown;
}

export interface TurnView {
  id: number;
  turn: number;
  handler: string;
  status: string;
  version: string;
  waits: WaitView[];
}

export interface AgentView {
  address: string;
  doing: string;
  waits_for: string;
  since: number;
  queued: number;
  entries: number;
  created: number;
  mode: string;
  reason: string;
  owner: string;
  version: string;
  turns: TurnView[];
}

export interface TurnLine {
  turn: number;
  handler: string;
  sender: string;
  state: string;
  began: number;
  ended: number;
  entries: number;
  failures: number;
  error: string;
}

export interface Handler {
  signature: string;
  summary: string;
  shared: boolean;
  arguments: string[];
  required: string[];
}

export interface Glance {
  row: FleetRow;
  agent: AgentView;
  turns: TurnLine[];
  handlers: Record<string, Handler>;
  description: string;
  at: number;
}

export interface Entry {
  seq: number;
  turn: number;
  kind: string;
  path: string;
  verb: string;
  name: string;
  at: number;
  value: unknown;
  error: string;
  detail: unknown;
  labels: string[];
  decision?: unknown;
  took: number;
  attempts: number;
  message: number;
  handler: string;
  sender: string;
  version: string;
}

export interface Cause {
  agent: string;
  turn: number;
  path: string;
}

export interface StepCost {
  path: string;
  usd: number;
  input: number;
  output: number;
  model: string;
  target: string;
}

export interface Story {
  line: TurnLine;
  entries: Entry[];
  more: boolean;
  args: unknown[];
  kwargs: Record<string, unknown>;
  cause: Cause | null;
  trace: string;
  labels: string[];
  costs: StepCost[];
}

export interface Approval {
  agent: string;
  turn: number;
  path: string;
  verb: string;
  name: string;
  to: string;
  args: unknown;
  before: unknown;
  named: Record<string, unknown>;
  named_before: Record<string, unknown> | null;
  roles: Record<string, string>;
  digest: string;
  rules: string[];
  reasons: string[];
  labels: string[];
  untrusted: boolean;
  requested_by: string;
  who: string[];
  needed: number;
  default: string;
  until: number;
}

/** Which actions are similar to one that is asked about; see docs/approvals.md. */
export interface Similar {
  agents: string;
  at_most: Record<string, number>;
  any: string[];
  total: Record<string, number>;
  uses: number;
  seconds: number;
  unseen: boolean;
}

export interface Covered {
  address: string;
  turn: number;
  path: string;
  at: number;
  args: Record<string, unknown>;
  then: "asked" | "refused" | "granted";
  by: string[];
}

export interface Preview {
  since: number;
  asked: number;
  covered: number;
  refused: number;
  found: Covered[];
  left_out: number;
}

export interface Question {
  id: string;
  address: string;
  question: string;
  choices: string[];
  to: string;
  due: number;
  since: number;
  approval?: Approval | null;
}

export interface DeadLetter {
  id: number;
  address: string;
  handler: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  sender: string;
  error: string;
  code: string;
  ended: number;
}

export interface SavedView {
  name: string;
  page: string;
  query: string;
  by: string;
  at: number;
}

/** id, address, seq, turn, kind, verb, name, at, took, failed, error */
export type Event = [number, string, number, number, string, string, string, number, number, boolean, string];

export interface Beat {
  id: number;
  at: number;
  events: Event[];
  left_out: number;
  counts: Counts;
  gap: boolean;
}

/** What a sentence of a brief is about. */
export interface BriefLink {
  what: "question" | "entry" | "message" | "resource" | "agent" | "page";
  label: string;
  agent?: string;
  turn?: number;
  seq?: number;
  id?: string;
  kind?: string;
  name?: string;
  tenant?: string;
  version?: number;
}

export interface BriefSentence {
  kind: "needs-you" | "decided" | "changed" | "unusual";
  text: string;
  links: BriefLink[];
  by: "rules" | "model";
  facts: string[];
  strangers: boolean;
}

export interface BriefView {
  since: number;
  until: number;
  read: number;
  sentences: BriefSentence[];
  written: "rules" | "model";
  route: string;
  note: string;
  cut: string[];
}

export interface Forked {
  address: string;
  note: string;
}

export interface Done {
  note: string;
  count: number;
}
