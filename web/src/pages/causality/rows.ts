/** Which lanes there are, from top to bottom: one for each agent, under a heading for its kind where there are many. */
import { keyOf, type LaneWindow, type Span } from "./types";

export interface Row {
  /** An agent's address, or a kind's name with a slash at its end. */
  id: string;
  kind: string;
  heading: boolean;
  /** Of a heading: whether its agents have lanes of their own. */
  open: boolean;
  agents: number;
  top: number;
  tall: number;
}

export interface Rows {
  list: Row[];
  tall: number;
  /** Where an agent is: its lane, or the heading that it is folded under. */
  of: Map<string, Row>;
}

export const LANE = 30;
const HEADING = 26;
const FEW = 40;
const FOLD_OVER = 12;

export function kindOf(agent: string): string {
  return agent.slice(0, agent.lastIndexOf("/"));
}

const byName = new Intl.Collator("en", { numeric: true });

export function rowsOf(agents: Iterable<string>, opened: Map<string, boolean>, pinned: Set<string>, inOrder: boolean): Rows {
  const kinds = new Map<string, string[]>();
  let count = 0;
  for (const agent of new Set(agents)) {
    const kind = kindOf(agent);
    const list = kinds.get(kind);
    if (list) list.push(agent);
    else kinds.set(kind, [agent]);
    count++;
  }
  const rows: Rows = { list: [], tall: 0, of: new Map() };
  const add = (row: Omit<Row, "top">): Row => {
    const made = { ...row, top: rows.tall };
    rows.list.push(made);
    rows.tall += row.tall;
    return made;
  };
  if (inOrder) {
    for (const agent of new Set(agents)) rows.of.set(agent, add({ id: agent, kind: kindOf(agent), heading: false, open: true, agents: 1, tall: LANE }));
    return rows;
  }
  for (const kind of [...kinds.keys()].sort(byName.compare)) {
    const list = (kinds.get(kind) as string[]).sort(byName.compare);
    const open = opened.get(kind) ?? (count <= FEW || list.length <= FOLD_OVER);
    const heading = list.length > 1 ? add({ id: `${kind}/`, kind, heading: true, open, agents: list.length, tall: HEADING }) : undefined;
    for (const agent of list) {
      const shown = !heading || open || pinned.has(agent);
      rows.of.set(agent, shown ? add({ id: agent, kind, heading: false, open: true, agents: 1, tall: LANE }) : (heading as Row));
    }
  }
  return rows;
}

/** The rows between two heights. */
export function between(rows: Rows, top: number, bottom: number): Row[] {
  let low = 0;
  let high = rows.list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows.list[middle] as Row;
    if (row.top + row.tall <= top) low = middle + 1;
    else high = middle;
  }
  const found: Row[] = [];
  for (let n = low; n < rows.list.length; n++) {
    const row = rows.list[n] as Row;
    if (row.top >= bottom) break;
    found.push(row);
  }
  return found;
}

export interface Chain {
  /** From the outermost cause to the chosen turn. */
  back: Span[];
  /** What the chosen turn caused, as far as it is known. */
  on: Span[];
  keys: Set<string>;
}

/** The way back from a turn and on from it; `known` has the causes that lie outside the window. */
export function chainOf(chosen: Span | undefined, spans: Map<string, Span>, known: Span[]): Chain {
  const all = new Map(known.map((s) => [keyOf(s.agent, s.turn), s]));
  for (const [key, span] of spans) if (span.began || !all.has(key)) all.set(key, span);
  const back: Span[] = [];
  for (let at = chosen; at && back.length < 64; at = at.cause ? all.get(keyOf(at.cause[0], at.cause[1])) : undefined) back.unshift(at);
  const on: Span[] = [];
  const keys = new Set(back.map((s) => keyOf(s.agent, s.turn)));
  if (chosen) {
    const wanted = new Set([keyOf(chosen.agent, chosen.turn)]);
    for (const span of [...all.values()].sort((a, b) => (a.began || 0) - (b.began || 0))) {
      const key = keyOf(span.agent, span.turn);
      if (!span.cause || keys.has(key) || !wanted.has(keyOf(span.cause[0], span.cause[1]))) continue;
      wanted.add(key);
      keys.add(key);
      on.push(span);
    }
  }
  return { back, on, keys };
}

export function agentsOf(data: LaneWindow | undefined): string[] {
  return data ? [...data.spans.map((s) => s.agent), ...data.lanes.map((l) => l.agent), ...data.signs.map((s) => s.agent)] : [];
}
