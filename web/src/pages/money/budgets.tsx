/** Limits: what is spent of each, and how far it will come if it goes on so. */
import { compact, count, exactUsd, moment } from "../../data/format";

export interface Budget {
  name: string;
  scope: string;
  per: string;
  limit_usd: number | null;
  limit_tokens: number | null;
  limit_calls: number | null;
  spent_usd: number;
  spent_tokens: number;
  spent_calls: number;
  ends: number;
  forecast_usd: number | null;
  forecast_share: number | null;
  runs_out: number;
  note: string;
}

export function Budgets({ rows }: { rows: Budget[] }) {
  return (
    <section class="stack" aria-label="Budgets">
      <h2>Budgets</h2>
      {!rows.length && (
        <p class="dim">
          None is set. <code>holdfast budget set spend system --per day --usd 20</code> pauses whoever would go over it.
        </p>
      )}
      {rows.map((b) => (
        <Line key={b.name} budget={b} />
      ))}
    </section>
  );
}

/** The bound that comes nearest: what is spent of it, what it is, and how that is written. */
function nearest(b: Budget): [number, number, (value: number) => string] {
  const bounds: [number, number | null, (value: number) => string][] = [
    [b.spent_usd, b.limit_usd, exactUsd],
    [b.spent_tokens, b.limit_tokens, (n) => `${compact(n)} tokens`],
    [b.spent_calls, b.limit_calls, (n) => `${count(n)} calls`],
  ];
  const there = bounds.filter((each): each is [number, number, (value: number) => string] => each[1] !== null);
  return there.sort((p, q) => q[0] / (q[1] || 1) - p[0] / (p[1] || 1))[0] ?? [0, 0, exactUsd];
}

function Line({ budget: b }: { budget: Budget }) {
  const [spent, limit, shown] = nearest(b);
  const share = limit ? Math.min(1, spent / limit) : 1;
  const ahead = Math.min(1, b.forecast_share ?? share);
  const tone = share >= 1 || b.runs_out ? "trouble" : ahead > 0.8 ? "person" : "work";
  return (
    <div class="budget">
      <span>
        <b>{b.name}</b>{" "}
        <span class="faint">
          {b.scope}, per {b.per}
          {b.note && `: ${b.note}`}
        </span>
      </span>
      <span class="num">
        {shown(spent)} <span class="faint">of {shown(limit)}</span>
      </span>
      <div class={`meter tone-${tone}`} role="meter" aria-label={`${b.name} used`} aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100}>
        <i class="meter-ahead" style={{ width: `${ahead * 100}%` }} />
        <i style={{ width: `${share * 100}%` }} />
      </div>
      {b.forecast_share !== null && (
        <span class={`budget-ahead num ${b.runs_out ? "bad" : "faint"}`}>
          {share >= 1
            ? `Used up: models are refused until ${moment(b.ends)}`
            : b.runs_out
              ? `At this rate it runs out ${moment(b.runs_out)}, before its end ${moment(b.ends)}`
              : `At this rate ${Math.round(b.forecast_share * 100)}% is used by ${moment(b.ends)}`}
        </span>
      )}
    </div>
  );
}
