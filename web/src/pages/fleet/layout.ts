/** Where rows and headings of the fleet lie: a heading for each state, kind, owner or team. */
import { ORDER, QUIET } from "../../data/states";
import type { FleetView } from "../../data/types";
import { inStates, type FleetQuery } from "./query";

export type Line = { kind: "heading"; group: string; count: number } | { kind: "row"; index: number };

interface Part {
  group: string;
  from: number;
  rows: number;
  firstRow: number;
}

export class Layout {
  private readonly parts: Part[] = [];
  readonly lines: number;

  constructor(view: FleetView | undefined, query: FleetQuery) {
    let line = 0;
    let row = 0;
    for (const [group, rows] of groupsOf(view, query)) {
      this.parts.push({ group, from: line, rows, firstRow: row });
      line += rows + 1;
      row += rows;
    }
    this.lines = this.parts.length ? line : (view?.matched ?? 0);
  }

  at(line: number): Line {
    const part = this.part(line);
    if (!part) return { kind: "row", index: line };
    if (line === part.from) return { kind: "heading", group: part.group, count: part.rows };
    return { kind: "row", index: part.firstRow + line - part.from - 1 };
  }

  /** The row at a line, or the next one. */
  rowAt(line: number): number {
    const found = this.at(Math.max(0, line));
    return found.kind === "row" ? found.index : (this.part(line)?.firstRow ?? 0);
  }

  lineOf(row: number): number {
    const part = this.parts.find((p) => row < p.firstRow + p.rows);
    return part ? part.from + 1 + row - part.firstRow : row;
  }

  private part(line: number): Part | undefined {
    let low = 0;
    let high = this.parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.parts[middle] as Part).from <= line) low = middle;
      else high = middle - 1;
    }
    return this.parts[low];
  }
}

function groupsOf(view: FleetView | undefined, query: FleetQuery): [string, number][] {
  if (!view) return [];
  if (!inStates(query)) return Object.entries(view.groups);
  const wanted = ORDER.filter((s) => (query.states.length ? query.states.includes(s) : query.quiet || !QUIET.includes(s)));
  return wanted.map((s): [string, number] => [s, view.counts[s] ?? 0]).filter(([, rows]) => rows > 0);
}
