/** What the operations about resources, policies and decisions return (control/resources/views.py, control/policy_views.py). */

export interface Field {
  path: string;
  before: unknown;
  after: unknown;
}

export interface Resource {
  kind: string;
  name: string;
  tenant: string;
  version: number;
  revision: number;
  labels: Record<string, string>;
  spec: Record<string, unknown>;
  author: string;
  reason: string;
  at: number;
  deleted: boolean;
  managed: string;
  drift: Field[];
  strayed: Field[];
  text: string;
}

export interface Kind {
  kind: string;
  what: string;
  in_files: boolean;
  of_tenants: boolean;
  resources: number;
}

export interface Clash {
  path: string;
  applied: unknown;
  live: unknown;
  wanted: unknown;
}

export interface Effect {
  kind: string;
  note: string;
  count: number;
  agents: string[];
}

export interface Change {
  kind: string;
  name: string;
  tenant: string;
  action: "create" | "change" | "delete" | "record" | "none";
  version: number;
  fields: Field[];
  drift: Field[];
  clashes: Clash[];
  changed_by: string;
  changed_for: string;
  effects: Effect[];
  place: string;
}

export interface Plan {
  digest: string;
  revision: number;
  changes: number;
  unchanged: number;
  clashes: number;
  drifted: number;
  results: Change[];
}

export interface Applied {
  revision: number;
  digest: string;
  results: Change[];
  failed: string[];
}

export interface Flaw {
  line: number;
  code: string;
  message: string;
}

export interface Line {
  mark: " " | "+" | "-";
  text: string;
  before: number;
  after: number;
}

export interface Diff {
  before: number;
  after: number;
  fields: Field[];
  lines: Line[];
}

export interface Policy {
  name: string;
  description: string;
  rules: string[];
  tests: number;
  default: string;
  source: string;
  spec: { rules?: Record<string, unknown>[]; who?: unknown } | null;
}

export interface Tested {
  policy: string;
  test: string;
  place: string;
  passed: boolean;
  problems: string[];
}

export interface Judged {
  agent: string;
  turn: number;
  path: string;
  at: number;
  verb: string;
  name: string;
  outcome: string;
  rules: string[];
  reasons: string[];
  was: string;
}

export interface DryRun {
  since: number;
  until: number;
  actions: number;
  outcomes: Record<string, number>;
  rules: Record<string, number>;
  found: Judged[];
  left_out: number;
  unseen: string;
}

export interface Decision {
  id: number;
  address: string;
  seq: number;
  turn: number;
  path: string;
  at: number;
  verb: string;
  name: string;
  to: string;
  outcome: string;
  rules: string[];
  reasons: string[];
  by: string[];
  labels: string[];
  error: string;
}

export interface Decisions {
  found: Decision[];
  before: number;
  newest: number;
  looked: number;
}

export interface Why {
  address: string;
  turn: number;
  path: string;
  at: number;
  verb: string;
  name: string;
  to: string;
  args: Record<string, unknown>;
  labels: string[];
  verdict: string;
  rules: string[];
  reasons: string[];
  by: string[];
  now: string;
  considered: { rule: string; said: "matched" | "not matched" | "error" | "not about this"; then: string; why: string }[];
  unseen: string;
}
