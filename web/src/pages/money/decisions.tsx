/** What routes decided lately: which model answered, why it was chosen, and what came of it. */
import { useEffect } from "preact/hooks";
import { exactUsd, moment, took } from "../../data/format";
import { listen } from "../../data/live";
import { agentLink } from "../../data/router";
import { useCall } from "../../ui/use";

interface Decision {
  id: number;
  at: number;
  agent: string;
  turn: number;
  path: string;
  route: string;
  target: string;
  outcome: string;
  reason: string;
  attempts: number;
  took_ms: number;
  nanos: number;
}

export function Decisions() {
  const made = useCall<Decision[]>("route_decisions", { limit: 30 }, 2000);
  useEffect(() => listen((beat) => (beat.gap || beat.events.some((e) => e[5] === "model")) && made.again()), [made.again]);
  const rows = made.value ?? [];
  return (
    <section class="stack" aria-label="Decisions of routes">
      <h2>What routes decided</h2>
      {!rows.length ? (
        <p class="dim">No model was asked in the last 30 days. Each answer leaves a line here: which target gave it, and why that one was asked.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of decisions">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col">Agent</th>
                <th scope="col">Route and target</th>
                <th scope="col">Why</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="right">
                  Took
                </th>
                <th scope="col" class="right">
                  Cost
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((r) => (
                <Line key={r.id} row={r} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Line({ row }: { row: Decision }) {
  const address = row.agent.replace(/^default\//, "");
  return (
    <tr>
      <td class="num faint">{moment(row.at)}</td>
      <td>
        <a class="link mono" href={agentLink(address, { turn: row.turn })}>
          {address}
        </a>
      </td>
      <td>
        {row.route} <span class="faint">→</span> <span class="mono">{row.target}</span>
      </td>
      <td class="wrap dim">{row.reason || "–"}</td>
      <td>
        <span class={`chip plain tone-${row.outcome === "ok" ? "good" : "trouble"}`}>{row.outcome === "ok" ? "answered" : row.outcome}</span>
        {row.attempts > 1 && <span class="faint"> {row.attempts} tries</span>}
      </td>
      <td class="right num">{took(row.took_ms)}</td>
      <td class="right num">{exactUsd(row.nanos / 1e9)}</td>
    </tr>
  );
}
