/** Since you last looked: what needs you, what failed, what was finished, what it cost. Each sentence leads to what it is about. */
import { useMemo, useState } from "preact/hooks";
import { BookOpen } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { ago, exactUsd, moment, plural } from "../../data/format";
import { counts, now } from "../../data/live";
import { agentLink } from "../../data/router";
import type { DeadLetter, FleetView, Question } from "../../data/types";
import { Button, Waiting } from "../../ui/controls";
import { useCall } from "../../ui/use";
import type { Cost } from "../money/money";

const KEY = "holdfast.briefed";
const DAY_MS = 86_400_000;
const FEW = 6;

export function BriefPage() {
  const [since, setSince] = useState(() => Number(localStorage.getItem(KEY)) || Date.now() - DAY_MS);
  const from = useMemo(() => since, [since]);
  const asks = useCall<Question[]>("asks", { limit: 1000 }, 2000);
  const dead = useCall<DeadLetter[]>("dead", { limit: 1000 }, 2000);
  const recent = useCall<FleetView>("fleet", { states: ["finished", "idle"], order: "recent", limit: 200 }, 2000);
  const paused = useCall<FleetView>("fleet", { states: ["paused", "stuck", "provider"], limit: 50 }, 2000);
  const cost = useCall<Cost[]>("cost", { by: ["name"], since: from, limit: 200 }, 2000);
  const read = (): void => {
    localStorage.setItem(KEY, String(Date.now()));
    setSince(Date.now());
  };
  const ended = (recent.value?.rows ?? []).filter((r) => r.ended > from);
  const failed = (dead.value ?? []).filter((d) => d.ended > from);
  const spent = [...(cost.value ?? [])].sort((a, b) => b.usd - a.usd);
  const total = spent.reduce((sum, c) => sum + c.usd, 0);
  const ready = asks.value && dead.value && recent.value && paused.value && cost.value;
  return (
    <>
      <header class="head">
        <h1>Brief</h1>
        <span class="faint">since {moment(from)}, {ago(now() - from)} ago</span>
        <div class="end">
          <Button kind="primary" icon={<BookOpen size={14} class="icon" />} onClick={read}>
            I have read it
          </Button>
        </div>
      </header>
      <div class="body">
        {!ready ? (
          <Waiting />
        ) : (
          <div class="page brief">
            <Part title="Needs you" none="Nothing waits for a person.">
              {asks.value?.length ? (
                <>
                  <p>
                    <a class="link" href="/inbox">{plural(asks.value.length, "question")} wait for an answer</a>, the oldest for {ago(now() - Math.min(...asks.value.map((q) => q.since)))}.
                  </p>
                  <List items={asks.value.slice(0, FEW).map((q) => [q.address, `/inbox?item=${encodeURIComponent(q.id)}`, q.question])} />
                </>
              ) : null}
            </Part>
            <Part title="Went wrong" none="Nothing failed unheard.">
              {failed.length ? (
                <>
                  <p>
                    <a class="link" href="/inbox?only=failed">{plural(failed.length, "message")}</a> failed with nobody to tell.
                  </p>
                  <List items={failed.slice(-FEW).map((d) => [d.address, agentLink(d.address), d.error])} />
                </>
              ) : null}
            </Part>
            <Part title="Stands still" none="Nobody is paused, stuck, or without a model.">
              {paused.value?.rows.length ? <List items={paused.value.rows.slice(0, FEW).map((r) => [r.address, agentLink(r.address), r.state === "paused" ? `paused by ${r.reason}` : r.state === "stuck" ? r.doing : `waits for a model of ${r.doing}`])} /> : null}
            </Part>
            <Part title="Was finished" none="No turn ended.">
              {ended.length ? (
                <>
                  <p>
                    {ended.length >= 200 ? "More than 200" : plural(ended.length, "agent")} finished something; {plural(counts.value.working ?? 0, "agent")} at work now.
                  </p>
                  <List items={ended.slice(0, FEW).map((r) => [r.address, agentLink(r.address), `ended ${ago(now() - r.ended)} ago`])} />
                </>
              ) : null}
            </Part>
            <Part title="Cost" none="No model was asked.">
              {spent.length ? (
                <>
                  <p>
                    <a class="link" href="/money">{exactUsd(total)}</a> for {plural(spent.reduce((s, c) => s + c.calls, 0), "call")} of models.
                  </p>
                  <List items={spent.slice(0, FEW).map((c) => [c.keys[0] || "none", `/?kind=${encodeURIComponent(c.keys[0] ?? "")}`, `${exactUsd(c.usd)} for ${plural(c.calls, "call")}`])} />
                </>
              ) : null}
            </Part>
          </div>
        )}
      </div>
    </>
  );
}

function Part({ title, none, children }: { title: string; none: string; children: ComponentChildren }) {
  return (
    <section class="stack" aria-label={title}>
      <h2>{title}</h2>
      {children ?? <p class="faint">{none}</p>}
    </section>
  );
}

function List({ items }: { items: [string, string, string][] }) {
  return (
    <ul class="brief-list">
      {items.map(([who, href, what], n) => (
        <li key={who + n}>
          <a href={href}>
            <span class="mono cut">{who}</span>
            <span class="cut dim">{what}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}
