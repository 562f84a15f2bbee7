/** Where rows and headings of the fleet lie: one heading per state while it is ordered by need. */
import { ORDER } from "../../data/states";
import type { Counts, State } from "../../data/types";
import { QUIET } from "../../data/states";
import type { FleetQuery } from "./query";

export type Line = { kind: "heading"; state: State; count: number } | { kind: "row"; index: number };

interface Part {
  state: State;
  from: number;
  rows: number;
  firstRow: number;
}

export class Layout {
  private readonly parts: Part[] = [];
  readonly lines: number;

  constructor(counts: Counts, matched: number, query: FleetQuery) {
    this.grouped = query.order === "need";
    let line = 0;
    let row = 0;
    for (const state of ORDER) {
      const rows = counts[state] ?? 0;
      const wanted = query.states.length ? query.states.includes(state) : query.quiet || !QUIET.includes(state);
      if (!rows || !wanted) continue;
      this.parts.push({ state, from: line, rows, firstRow: row });
      line += rows + 1;
      row += rows;
    }
    this.lines = this.grouped ? line : matched;
  }

  private readonly grouped: boolean;

  at(line: number): Line {
    if (!this.grouped) return { kind: "row", index: line };
    const part = this.part(line);
    if (!part) return { kind: "row", index: line };
    if (line === part.from) return { kind: "heading", state: part.state, count: part.rows };
    return { kind: "row", index: part.firstRow + line - part.from - 1 };
  }

  /** The row at a line, or the next one. */
  rowAt(line: number): number {
    const found = this.at(Math.max(0, line));
    return found.kind === "row" ? found.index : (this.part(line)?.firstRow ?? 0);
  }

  lineOf(row: number): number {
    if (!this.grouped) return row;
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
