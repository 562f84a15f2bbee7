/** What models cost and how they are: spend over time and by whom, budgets, forecasts, targets and their health. */
import { useEffect, useState } from "preact/hooks";
import { Wallet } from "lucide-preact";
import { compact, count, exactUsd, usd } from "../../data/format";
import { listen, now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Empty, Trouble, Waiting } from "../../ui/controls";
import { useCall } from "../../ui/use";
import { Budgets, type Budget } from "./budgets";
import { Models, type Model } from "./models";
import { Over, unitOf } from "./over";
import { Decisions } from "./decisions";

export interface Cost {
  keys: string[];
  usd: number;
  calls: number;
  input: number;
  cached: number;
  output: number;
  seconds: number;
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
  const unit = unitOf(span[2]);
  const over = useCall<Cost[]>("cost", { by: [unit], since: from, limit: 2000 }, 1000);
  const parts = useCall<Cost[]>("cost", { by: [by, unit], since: from, limit: 5000 }, 1000);
  const models = useCall<Model[]>("models", {}, 1000);
  const budgets = useCall<Budget[]>("budgets", {}, 1000);
  const forecast = useCall<Forecast>("forecast", {}, 1000);
  useEffect(
    () =>
      listen((beat) => {
        if (!beat.gap && !beat.events.some((e) => e[5] === "model")) return;
        for (const each of [cost, over, parts, models, budgets, forecast]) each.again();
      }),
    [cost.again, over.again, parts.again],
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
            <Over rows={over.value ?? []} parts={parts.value ?? []} unit={unit} from={from} to={now()} word={(BY.find((b) => b[0] === by)?.[1] ?? by).toLowerCase()} />
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
          <Budgets rows={budgets.value ?? []} />
          <Models rows={models.value ?? []} />
          <Decisions />
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
