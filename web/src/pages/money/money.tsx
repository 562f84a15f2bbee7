/** What models cost and how they are: spend over time and by whom, budgets, forecasts, targets and their health. */
import { useEffect, useState } from "preact/hooks";
import { Wallet } from "lucide-preact";
import { compact, count, exactUsd, usd } from "../../data/format";
import { listen, now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Empty, Trouble, Waiting } from "../../ui/controls";
import { useCall } from "../../ui/use";
import { Over } from "./over";

export interface Cost {
  keys: string[];
  usd: number;
  calls: number;
  input: number;
  cached: number;
  output: number;
  seconds: number;
}

interface Budget {
  name: string;
  scope: string;
  per: string;
  limit_usd: number | null;
  limit_tokens: number | null;
  limit_calls: number | null;
  spent_usd: number;
  spent_tokens: number;
  spent_calls: number;
  note: string;
}

interface Model {
  route: string;
  target: string;
  vendor: string;
  model: string;
  state: string;
  why: string;
  free_in_seconds: number;
  first_ms: number;
  error_share: number;
}

interface Forecast {
  month: string;
  spent_usd: number;
  daily_usd: number;
  forecast_usd: number;
}

const BY: [string, string][] = [
  ["agent", "Agent"],
  ["name", "Kind"],
  ["team", "Team"],
  ["model", "Model"],
  ["route", "Route"],
  ["outcome", "Outcome"],
];
const SPANS: [string, string, number][] = [
  ["1h", "Hour", 3_600_000],
  ["1d", "Day", 86_400_000],
  ["7d", "Week", 7 * 86_400_000],
  ["30d", "30 days", 30 * 86_400_000],
];

export function MoneyPage() {
  const by = place.value.query.get("by") ?? "agent";
  const span = SPANS.find((s) => s[0] === place.value.query.get("since")) ?? (SPANS[1] as [string, string, number]);
  const [since] = useState(() => now());
  const from = Math.floor((since - span[2]) / 60_000) * 60_000;
  const cost = useCall<Cost[]>("cost", { by: [by], since: from, limit: 200 }, 1000);
  const over = useCall<Cost[]>("cost", { by: [span[2] > 2 * 86_400_000 ? "day" : "hour"], since: from }, 1000);
  const models = useCall<Model[]>("models", {}, 1000);
  const budgets = useCall<Budget[]>("budgets", {}, 1000);
  const forecast = useCall<Forecast>("forecast", {}, 1000);
  useEffect(
    () =>
      listen((beat) => {
        if (!beat.gap && !beat.events.some((e) => e[5] === "model")) return;
        for (const each of [cost, over, models, budgets, forecast]) each.again();
      }),
    [cost.again, over.again],
  );
  const rows = [...(cost.value ?? [])].sort((a, b) => b.usd - a.usd || b.calls - a.calls);
  const total = rows.reduce((sum, r) => sum + r.usd, 0);
  return (
    <>
      <header class="head">
        <h1>Money and models</h1>
        <div class="end">
          <div class="segments" role="group" aria-label="Time">
            {SPANS.map(([key, word]) => (
              <button key={key} type="button" aria-pressed={key === span[0]} onClick={() => setQuery({ since: key })}>
                {word}
              </button>
            ))}
          </div>
        </div>
      </header>
      <div class="body">
        <div class="page">
          {cost.error !== undefined && <Trouble error={cost.error} again={cost.again} />}
          <div class="figures">
            <Figure word={`Spent, last ${span[1].toLowerCase()}`} value={exactUsd(total)} />
            <Figure word="Calls of models" value={count(rows.reduce((sum, r) => sum + r.calls, 0))} />
            <Figure word={`This month so far`} value={exactUsd(forecast.value?.spent_usd ?? 0)} />
            <Figure word="Month, if it goes on so" value={exactUsd(forecast.value?.forecast_usd ?? 0)} />
          </div>
          <section aria-label="Over time">
            <Over rows={over.value ?? []} />
          </section>
          <section class="stack" aria-label="By whom">
            <div class="section-head">
              <h2>By</h2>
              <div class="segments" role="group" aria-label="By">
                {BY.map(([key, word]) => (
                  <button key={key} type="button" aria-pressed={key === by} onClick={() => setQuery({ by: key })}>
                    {word}
                  </button>
                ))}
              </div>
            </div>
            {!cost.value && <Waiting />}
            {cost.value && !rows.length && (
              <Empty title="Nothing was spent in this time" icon={<Wallet size={28} class="icon" />}>
                <p>Each answer of a model is a row of the ledger, told apart by agent, team, customer, model and route.</p>
              </Empty>
            )}
            {rows.length > 0 && <Spenders rows={rows} total={total} />}
          </section>
          <Models rows={models.value ?? []} />
          <Budgets rows={budgets.value ?? []} />
        </div>
      </div>
    </>
  );
}

function Figure({ word, value }: { word: string; value: string }) {
  return (
    <div class="figure">
      <span class="faint">{word}</span>
      <b class="num">{value}</b>
    </div>
  );
}

function Spenders({ rows, total }: { rows: Cost[]; total: number }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Table of spend">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col" class="right">Cost</th>
            <th scope="col" class="right">Share</th>
            <th scope="col" class="right">Calls</th>
            <th scope="col" class="right">Tokens in</th>
            <th scope="col" class="right">Out</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, 50).map((r) => (
            <tr key={r.keys.join()}>
              <td class="mono">{(r.keys[0] || "none").replace(/^default\//, "")}</td>
              <td class="right num">{usd(r.usd)}</td>
              <td class="right num faint">{total ? `${Math.round((r.usd / total) * 100)}%` : "–"}</td>
              <td class="right num">{count(r.calls)}</td>
              <td class="right num faint">{compact(r.input)}</td>
              <td class="right num faint">{compact(r.output)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const STATES_OF: Record<string, string> = { closed: "answers", open: "away", half_open: "being tried", "half-open": "being tried" };
const TONES: Record<string, string> = { closed: "good", ok: "good", resting: "provider", open: "trouble", half_open: "person" };

function Models({ rows }: { rows: Model[] }) {
  return (
    <section class="stack" aria-label="Models">
      <h2>Routes and their models</h2>
      {!rows.length ? (
        <p class="dim">
          No model is known. Set a vendor's key, or start with <code>holdfast up --models FILE</code>.
        </p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of models">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Route</th>
                <th scope="col">Target</th>
                <th scope="col">Model</th>
                <th scope="col">State</th>
                <th scope="col" class="right">First word</th>
                <th scope="col" class="right">Errors</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, 60).map((m) => (
                <tr key={m.route + m.target}>
                  <td>{m.route}</td>
                  <td class="mono">{m.target}</td>
                  <td class="mono dim">{m.model}</td>
                  <td>
                    <span class={`chip tone-${TONES[m.state] ?? "rest"}`} title={m.why}>
                      {STATES_OF[m.state] ?? m.state}
                      {m.free_in_seconds > 0 && ` ${Math.ceil(m.free_in_seconds)} s`}
                    </span>
                  </td>
                  <td class="right num">{m.first_ms ? `${m.first_ms} ms` : "–"}</td>
                  <td class="right num">{Math.round(m.error_share * 100)}%</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Budgets({ rows }: { rows: Budget[] }) {
  return (
    <section class="stack" aria-label="Budgets">
      <h2>Budgets</h2>
      {!rows.length && (
        <p class="dim">
          None is set. <code>holdfast budget set spend --scope system --per day --usd 20</code> pauses whoever would go over it.
        </p>
      )}
      {rows.map((b) => {
        const [spent, limit, shown] = b.limit_usd !== null ? [b.spent_usd, b.limit_usd, exactUsd] : b.limit_tokens !== null ? [b.spent_tokens, b.limit_tokens, compact] : [b.spent_calls, b.limit_calls ?? 0, count];
        const share = limit ? Math.min(1, spent / limit) : 0;
        return (
          <div key={b.name} class="budget">
            <span>
              <b>{b.name}</b> <span class="faint">{b.scope}, per {b.per}</span>
            </span>
            <span class="num">
              {shown(spent)} <span class="faint">of {shown(limit)}</span>
            </span>
            <div class={`meter tone-${share > 0.9 ? "trouble" : share > 0.7 ? "person" : "work"}`} role="meter" aria-label={`${b.name} used`} aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100}>
              <i style={{ width: `${share * 100}%` }} />
            </div>
          </div>
        );
      })}
    </section>
  );
}
