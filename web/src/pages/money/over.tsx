/** Spend over time: a bar for each hour or day. */
import { exactUsd } from "../../data/format";
import type { Cost } from "./money";

const TALL = 120;

export function Over({ rows }: { rows: Cost[] }) {
  const sorted = [...rows].sort((a, b) => (a.keys[0] ?? "").localeCompare(b.keys[0] ?? ""));
  const most = Math.max(...sorted.map((r) => r.usd), 0.000001);
  if (!sorted.length) return <div class="over" />;
  return (
    <figure class="over">
      <div class="over-bars" role="img" aria-label={`Spend over time, at most ${exactUsd(most)}`}>
        {sorted.slice(-60).map((r) => (
          <i key={r.keys[0]} title={`${r.keys[0]}: ${exactUsd(r.usd)}, ${r.calls} calls`} style={{ height: `${Math.max(2, (r.usd / most) * TALL)}px` }} />
        ))}
      </div>
      <figcaption class="faint num">
        <span>{sorted[0]?.keys[0]}</span>
        <span>most {exactUsd(most)}</span>
        <span>{sorted.at(-1)?.keys[0]}</span>
      </figcaption>
    </figure>
  );
}
