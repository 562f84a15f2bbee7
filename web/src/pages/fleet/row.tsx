import { ago, compact, count, usd } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import { STATES } from "../../data/states";
import type { FleetRow, State } from "../../data/types";
import { Spark } from "../../ui/spark";
import { Glyph } from "../../ui/state";

const NOBODY: Record<string, string> = { owner: "No owner", team: "No team" };

export function Heading({ by, group, count: n }: { by: string; group: string; count: number }) {
  const state = by === "state" ? STATES[group as State] : undefined;
  return (
    <div class="fleet-heading">
      {state && <Glyph state={group as State} />}
      <h2>{state ? state.word : group || NOBODY[by]}</h2>
      <span class="faint num">{count(n)}</span>
    </div>
  );
}

export function Row({ row, chosen }: { row: FleetRow | undefined; chosen: boolean }) {
  if (!row) return <div class="fleet-row" aria-hidden="true" />;
  const info = STATES[row.state];
  return (
    <a class={chosen ? "fleet-row chosen" : "fleet-row"} href={agentLink(row.address)} aria-current={chosen ? "true" : undefined}>
      <span class="c-state" title={info.word}>
        <Glyph state={row.state} />
        <span class="hidden-text">{info.word}</span>
      </span>
      <span class="c-address mono cut">{row.address}</span>
      <span class="c-doing cut">{what(row)}</span>
      <span class="c-since num faint">{row.since ? ago(now() - row.since) : ""}</span>
      <span class="c-spark">
        <Spark values={row.spark} />
      </span>
      <span class="c-cost num">{usd(row.usd)}</span>
      <span class="c-tokens num faint">{row.tokens ? compact(row.tokens) : "–"}</span>
      <span class="c-entries num faint">{compact(row.entries)}</span>
      <span class="c-owner faint cut">{row.owner || "–"}</span>
      <span class="c-team faint cut">{row.team || "–"}</span>
      <span class="c-version mono faint cut">{row.version.slice(0, 7)}</span>
    </a>
  );
}

const VERBS: Partial<Record<State, string>> = {
  working: "",
  queued: "Waiting for a worker",
  provider: "Route",
  tools: "Server",
  agent: "Calls",
  event: "Event",
  retry: "Tries again",
  sleeping: "",
};

function what(row: FleetRow) {
  if (row.state === "paused") return <span class="dim">by {row.reason || "a person"}</span>;
  if (row.state === "sleeping") return <span class="dim">{row.due > now() ? `${row.handler}, wakes in ${ago(row.due - now())}` : row.handler}</span>;
  if (row.state === "finished" || row.state === "idle") {
    return <span class="faint">{row.ended ? `ended ${ago(now() - row.ended)} ago` : ""}</span>;
  }
  const verb = VERBS[row.state];
  return (
    <>
      {verb && <span class="faint">{verb} </span>}
      {row.doing || row.handler}
      {row.queued > 0 && row.state !== "queued" && <span class="faint"> · {row.queued} more queued</span>}
    </>
  );
}

export function Columns() {
  return (
    <div class="fleet-columns-box" aria-hidden="true">
    <div class="fleet-row fleet-columns">
      <span class="c-state" />
      <span class="c-address">Agent</span>
      <span class="c-doing">Doing</span>
      <span class="c-since">For</span>
      <span class="c-spark">Ten minutes</span>
      <span class="c-cost">Cost</span>
      <span class="c-tokens">Tokens</span>
      <span class="c-entries">Entries</span>
      <span class="c-owner">Owner</span>
      <span class="c-team">Team</span>
      <span class="c-version">Version</span>
    </div>
    </div>
  );
}
