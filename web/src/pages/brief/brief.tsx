/** What happened since you last looked, and what needs you: each sentence leads to what it is about, and says who worded it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { Check, CircleAlert, FilePen, Gavel, Inbox } from "lucide-preact";
import type { LucideIcon } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact, moment } from "../../data/format";
import { place, setQuery } from "../../data/router";
import type { BriefSentence, BriefView, Done } from "../../data/types";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import { useCall } from "../../ui/use";
import { Cli } from "../../ui/command";
import { Sentence } from "./sentence";

const BY = "holdfast.brief.by";
const RULES = "rules";
/** Who declares a route of this name has briefs worded by it. */
const USUAL = "brief";
const AGAIN_MS = 30_000;
const SPANS: Record<string, number> = { "1h": 3_600_000, "1d": 86_400_000, "7d": 7 * 86_400_000 };
const PARTS: [BriefSentence["kind"], string, string, LucideIcon][] = [
  ["needs-you", "Needs you", "tone-person", Inbox],
  ["decided", "Decided", "tone-good", Gavel],
  ["changed", "Changed", "tone-work", FilePen],
  ["unusual", "Unusual", "tone-trouble", CircleAlert],
];

export function BriefPage() {
  const span = place.value.query.get("since") ?? "";
  const since = useMemo(() => (SPANS[span] ? Date.now() - SPANS[span] : 0), [span]);
  const routes = useRoutes();
  const [by, choose] = useWriter(routes);
  const rules = useCall<BriefView>("brief", { since });
  const worded = useCall<BriefView>("write_brief", by ? { since, route: by } : undefined);
  const shown = (by && worded.value?.route !== undefined && !worded.error ? worded.value : undefined) ?? rules.value;
  const again = (): void => {
    rules.again();
    worded.again();
  };
  useEffect(() => {
    const timer = setInterval(rules.again, AGAIN_MS);
    return () => clearInterval(timer);
  }, [rules.again]);
  const read = async (): Promise<void> => {
    const done = await attempt(() => call<Done>("read_brief", { until: shown?.until ?? 0 }), () => "Read: the next brief begins here");
    if (!done) return;
    setQuery({ since: "" });
    again();
  };
  return (
    <>
      <header class="head brief-head">
        <h1>Brief</h1>
        {shown && (
          <span class="faint cut" title={exact(shown.since)}>
            since {moment(shown.since)}
          </span>
        )}
        <div class="end">
          <Button kind="primary" icon={<Check size={14} class="icon" />} onClick={read} disabled={!shown}>
            I have read it
          </Button>
        </div>
      </header>
      <div class="body">
        <div class="page brief">
          <div class="section-head">
            <select class="select" aria-label="Since when" value={span} onChange={(e) => setQuery({ since: e.currentTarget.value })}>
              <option value="">Since I last looked</option>
              <option value="1h">The last hour</option>
              <option value="1d">The last day</option>
              <option value="7d">The last week</option>
            </select>
            <Writers routes={routes} by={by} choose={choose} />
          </div>
          {rules.error !== undefined && !shown ? (
            <Trouble error={rules.error} again={again} />
          ) : !shown ? (
            <Waiting />
          ) : (
            <>
              <Told view={shown} asking={by !== "" && !worded.value && worded.error === undefined} wrong={by ? worded.error : undefined} />
              <Cli command={cli.brief(span, by)} />
            </>
          )}
        </div>
      </div>
    </>
  );
}

/** The routes that a model can be asked by; undefined until that is known. */
function useRoutes(): string[] | undefined {
  const models = useCall<{ route: string }[]>("models", {});
  if (models.error !== undefined) return [];
  return models.value && [...new Set(models.value.map((m) => m.route))];
}

/** By whom this browser wants briefs worded: "" for the rules, or a route. */
function useWriter(routes: string[] | undefined): [string, (by: string) => void] {
  const [wanted, setWanted] = useState(() => localStorage.getItem(BY) ?? USUAL);
  const choose = (by: string): void => {
    localStorage.setItem(BY, by || RULES);
    setWanted(by || RULES);
  };
  return [routes?.includes(wanted) ? wanted : "", choose];
}

function Writers({ routes, by, choose }: { routes: string[] | undefined; by: string; choose: (by: string) => void }) {
  if (!routes?.length) return null;
  const first = routes.includes(USUAL) ? USUAL : (routes[0] as string);
  return (
    <>
      <div class="segments" role="group" aria-label="Written by">
        <button type="button" aria-pressed={!by} onClick={() => choose("")}>
          By the rules
        </button>
        <button type="button" aria-pressed={by !== ""} onClick={() => choose(by || first)}>
          By a model
        </button>
      </div>
      {by && (
        <select class="select" aria-label="Route" value={by} onChange={(e) => choose(e.currentTarget.value)}>
          {routes.map((r) => (
            <option key={r}>{r}</option>
          ))}
        </select>
      )}
    </>
  );
}

function Told({ view, asking, wrong }: { view: BriefView; asking: boolean; wrong: unknown }) {
  const left = wrong instanceof Error ? [wrong.message, ...view.cut] : view.cut;
  return (
    <>
      <div class="brief-by faint" role="status">
        <span>
          {view.written === "model" ? `Worded by a model (${view.route}), each sentence checked against what happened` : "Written by the rules, without a model"}
          {asking && "; the model is being asked"}
          {view.note && `. ${view.note}`}
        </span>
        {left.map((text) => (
          <span key={text}>Not all of it: {text}.</span>
        ))}
      </div>
      {view.sentences.length === 0 && (
        <Empty title="Nothing happened, and nothing needs you">
          <p>
            In the {ago(view.until - view.since)} since {moment(view.since)} nobody decided or changed anything, nothing was unusual, and no agent waits for a person.
          </p>
        </Empty>
      )}
      {PARTS.map(([kind, title, tone, Icon]) => {
        const mine = view.sentences.filter((s) => s.kind === kind);
        return (
          mine.length > 0 && (
            <section key={kind} class={`stack ${tone}`} aria-label={title}>
              <h2>
                <Icon size={15} class="icon" aria-hidden="true" />
                {title}
                <span class="faint num">{mine.length}</span>
              </h2>
              <ul class="brief-list">
                {mine.map((s) => (
                  <Sentence key={s.facts.join()} sentence={s} marked={view.written === "model"} />
                ))}
              </ul>
            </section>
          )
        );
      })}
    </>
  );
}
