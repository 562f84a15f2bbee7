/** Spend over time: a bar for each minute, hour or day, its parts by whoever spent most. */
import { exactUsd, moment } from "../../data/format";
import type { Cost } from "./money";

const TALL = 132;
const PARTS = 5;
const LENGTHS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const WIDTHS: Record<string, number> = { minute: 16, hour: 13, day: 10 };

/** How finely a stretch of time is told apart. */
export function unitOf(length: number): string {
  return length <= 2 * 3_600_000 ? "minute" : length <= 2 * 86_400_000 ? "hour" : "day";
}

interface Props {
  rows: Cost[];
  parts: Cost[];
  unit: string;
  from: number;
  to: number;
  word: string;
}

export function Over({ rows, parts, unit, from, to, word }: Props) {
  if (!rows.length) return null;
  const totals = new Map(rows.map((r) => [r.keys[0] ?? "", r]));
  const slots = slotsOf(unit, from, to);
  const most = Math.max(...rows.map((r) => r.usd), 1e-9);
  const names = dearest(parts);
  const kinds = new Set(parts.map((r) => r.keys[0])).size;
  const of = new Map(parts.map((r) => [r.keys.join("|"), r.usd]));
  return (
    <figure class="over">
      <div class="over-bars" role="img" aria-label={`Spend by ${word} over time, at most ${exactUsd(most)} in a ${unit}. The most: ${names.map((n) => shown(n)).join(", ")}`}>
        {slots.map((slot) => {
          const total = totals.get(slot)?.usd ?? 0;
          const own = names.map((n) => of.get(`${n}|${slot}`) ?? 0);
          const rest = Math.max(0, total - own.reduce((a, b) => a + b, 0));
          const told = [...names.map((n, at): [string, number] => [shown(n), own[at] ?? 0]), ["others", rest] as [string, number]].filter(([, v]) => v > 1e-9);
          return (
            <div key={slot} class="over-bar" title={total ? `${local(slot)}: ${exactUsd(total)}\n${told.map(([n, v]) => `${n} ${exactUsd(v)}`).join("\n")}` : undefined}>
              {rest > most * 1e-4 && <i class="part-rest" style={{ height: `${(rest / most) * TALL}px` }} />}
              {own.map((v, at) => v > 0 && <i key={at} class={`part-${at}`} style={{ height: `${Math.max(1, (v / most) * TALL)}px` }} />)}
            </div>
          );
        })}
      </div>
      <figcaption class="faint num">
        <span>{local(slots[0] ?? "")}</span>
        <span class="over-legend">
          {names.map((n, at) => (
            <span key={n}>
              <i class={`part-${at}`} aria-hidden="true" /> <span class="cut">{shown(n)}</span>
            </span>
          ))}
          {kinds > names.length && (
            <span>
              <i class="part-rest" aria-hidden="true" /> others
            </span>
          )}
        </span>
        <span>most {exactUsd(most)}</span>
      </figcaption>
    </figure>
  );
}

/** Every slot in the window, also those in which nothing was spent. */
function slotsOf(unit: string, from: number, to: number): string[] {
  const long = LENGTHS[unit] as number;
  const found: string[] = [];
  for (let at = Math.floor(from / long) * long; at <= to; at += long) found.push(new Date(at).toISOString().slice(0, WIDTHS[unit]));
  return found;
}

function dearest(parts: Cost[]): string[] {
  const sums = new Map<string, number>();
  for (const r of parts) sums.set(r.keys[0] ?? "", (sums.get(r.keys[0] ?? "") ?? 0) + r.usd);
  return [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, PARTS).map(([name]) => name);
}

function shown(name: string): string {
  return name.replace(/^default\//, "") || "none";
}

/** A slot's beginning, which is UTC, in the reader's own time. */
function local(slot: string): string {
  return slot ? moment(new Date(`${slot}${slot.length === 10 ? "T00:00" : slot.length === 13 ? ":00" : ""}Z`).getTime()) : "";
}
