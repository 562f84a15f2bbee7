/** One agent: what it does right now, how it came to that, and what a person can do about it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { ChevronRight } from "lucide-preact";
import { call } from "../../data/api";
import { ago, compact, count, moment, plural, usd } from "../../data/format";
import { listen, now } from "../../data/live";
import { go, place, setQuery } from "../../data/router";
import type { Glance, Story } from "../../data/types";
import { Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { StateChip } from "../../ui/state";
import { useCall } from "../../ui/use";
import { Acting } from "./acting";
import { Flame } from "./flame";
import { Inspector } from "./inspector";
import { Asking } from "./asking";
import { Kept } from "./kept";
import { stepsOf } from "./steps";
import { Timeline } from "./timeline";
import { Turns } from "./turns";

type Tab = "timeline" | "tree" | "time" | "state";
const TABS: [Tab, string][] = [
  ["timeline", "Timeline"],
  ["tree", "Tree"],
  ["time", "Time and cost"],
  ["state", "State"],
];

export function AgentPage() {
  const address = decodeURIComponent(place.value.path.slice("/agents/".length));
  return <Agent key={address} address={address} />;
}

function Agent({ address }: { address: string }) {
  const glance = useCall<Glance>("glance", { address });
  const params = place.value.query;
  const newest = glance.value?.turns[0]?.turn ?? 0;
  const turn = Number(params.get("turn")) || newest;
  const story = useCall<Story>("story", turn ? { address, turn } : undefined, 150);
  useEffect(
    () =>
      listen((beat) => {
        if (!beat.gap && !beat.events.some((e) => e[1] === address)) return;
        glance.again();
        story.again();
      }),
    [address, glance.again, story.again],
  );
  useEffect(() => {
    if (glance.value?.row.state === "finished") void call("saw", { address, until: glance.value.row.ended }).catch(() => undefined);
  }, [glance.value?.row.state]);
  useKeys({ Escape: () => go("/") });
  if (glance.error && !glance.value) return <Missing address={address} error={glance.error} again={glance.again} />;
  return (
    <>
      <header class="head agent-head">
        <nav class="crumbs" aria-label="Place">
          <a href="/" class="dim">
            Fleet
          </a>
          <ChevronRight size={13} class="icon faint" />
          <h1 class="mono cut">{address}</h1>
        </nav>
        {glance.value && <StateChip state={glance.value.row.state} />}
        <div class="end">{glance.value && <Acting glance={glance.value} again={glance.again} />}</div>
      </header>
      {!glance.value ? <Waiting rows={10} /> : <Body glance={glance.value} story={story.value?.line.turn === turn ? story.value : undefined} error={story.error} turn={turn} />}
    </>
  );
}

function Body({ glance, story, error, turn }: { glance: Glance; story: Story | undefined; error: unknown; turn: number }) {
  const params = place.value.query;
  const tab = (params.get("tab") as Tab | null) ?? "timeline";
  const chosen = Number(params.get("entry")) || 0;
  const [failures, setFailures] = useState(false);
  const steps = useMemo(() => (story ? stepsOf(story) : []), [story]);
  const choose = (seq: number): void => setQuery({ entry: seq ? String(seq) : "", turn: String(turn) });
  const step = steps.find((s) => s.seq === chosen || s.entries.some((e) => e.seq === chosen));
  const move = (by: number) => () => {
    const at = steps.findIndex((s) => s === step);
    choose(steps[Math.max(-1, Math.min(steps.length - 1, at + by))]?.seq ?? 0);
  };
  useKeys({ j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1) });
  const failed = steps.filter((s) => s.failed);
  return (
    <div class="agent">
      <section class="agent-side" aria-label="Summary and turns">
        <Facts glance={glance} />
        <div class="turns-head">
          <h2>Turns</h2>
          <label class="check">
            <input type="checkbox" checked={failures} onChange={(e) => setFailures(e.currentTarget.checked)} />
            Failures first
          </label>
        </div>
        <Turns turns={glance.turns} chosen={turn} choose={(t) => setQuery({ turn: String(t), entry: "" })} failures={failures} />
      </section>
      <section class="agent-main" aria-label="Turn">
        <Asking glance={glance} />
        <div class="agent-tabs">
          <div class="segments" role="tablist" aria-label="View">
            {TABS.map(([name, word]) => (
              <button key={name} type="button" role="tab" aria-selected={tab === name} onClick={() => setQuery({ tab: name === "timeline" ? "" : name })}>
                {word}
              </button>
            ))}
          </div>
          {failed.length > 0 && (
            <button type="button" class="tag bad" onClick={() => choose((failed[0] as { seq: number }).seq)}>
              {plural(failed.length, "step")} failed
            </button>
          )}
          {story?.more && <span class="faint">The first {count(story.entries.length)} entries</span>}
        </div>
        {error !== undefined && !story && <Trouble error={error} />}
        {tab === "state" ? (
          <Kept address={glance.row.address} entries={glance.row.entries} />
        ) : !story ? (
          turn ? (
            error === undefined && <Waiting />
          ) : (
            <Empty title="Nothing has happened yet">
              <p>Its first message is on its way, or was never sent. Press m to send one.</p>
            </Empty>
          )
        ) : tab === "time" ? (
          <Flame story={story} steps={steps} chosen={chosen} choose={choose} />
        ) : (
          <Timeline story={story} steps={steps} chosen={step ? step.seq : chosen} choose={choose} tree={tab === "tree"} />
        )}
      </section>
      {story && tab !== "state" && <Inspector address={glance.row.address} story={story} step={step} />}
    </div>
  );
}

function Facts({ glance }: { glance: Glance }) {
  const { row, agent } = glance;
  return (
    <dl class="facts">
      {row.doing && (
        <div>
          <dt>Doing</dt>
          <dd>
            {row.doing} {row.since > 0 && <span class="faint">for {ago(now() - row.since)}</span>}
          </dd>
        </div>
      )}
      {row.reason && (
        <div>
          <dt>{row.state === "retired" ? "Retired by" : "Paused by"}</dt>
          <dd>{row.reason}</dd>
        </div>
      )}
      <div>
        <dt>Spent</dt>
        <dd class="num">
          {usd(row.usd)} <span class="faint">{compact(row.tokens)} tokens, {plural(row.calls, "call")}</span>
        </dd>
      </div>
      <div>
        <dt>Journal</dt>
        <dd class="num">
          {plural(row.entries, "entry", "entries")} <span class="faint">since {moment(agent.created)}</span>
        </dd>
      </div>
      {row.version && (
        <div>
          <dt>Version</dt>
          <dd class="mono">{row.version}</dd>
        </div>
      )}
      {(row.owner || row.team) && (
        <div>
          <dt>Belongs to</dt>
          <dd>
            {[row.owner, row.team && `team ${row.team}`].filter(Boolean).join(", ")}
          </dd>
        </div>
      )}
      {agent.owner && (
        <div>
          <dt>Runs on</dt>
          <dd class="mono cut">{agent.owner}</dd>
        </div>
      )}
      {row.queued > 0 && (
        <div>
          <dt>Mailbox</dt>
          <dd>{plural(row.queued, "message")} waiting</dd>
        </div>
      )}
    </dl>
  );
}

function Missing({ address, error, again }: { address: string; error: unknown; again: () => void }) {
  const unknown = (error as { code?: string }).code === "agent.unknown" || (error as { code?: string }).code === "address.malformed";
  if (!unknown) return <Trouble error={error} again={again} />;
  return (
    <Empty title={`Nobody is called ${address}`}>
      <p>An agent exists as soon as somebody addresses it; nobody has addressed this one yet, or it belongs to Holdfast itself.</p>
      <p>
        <a class="link" href="/">
          Back to the fleet
        </a>
      </p>
    </Empty>
  );
}
