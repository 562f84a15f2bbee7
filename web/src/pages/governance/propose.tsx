/** A change, written here: checked while it is written, with what is wrong at its line; then planned; then applied as planned. */
import { useEffect, useRef, useState } from "preact/hooks";
import { call, Problem } from "../../data/api";
import { cli } from "../../data/cli";
import { plural } from "../../data/format";
import { go, place } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Trouble, Waiting } from "../../ui/controls";
import { Allowed } from "../../ui/may";
import { toast } from "../../ui/toast";
import { useCall } from "../../ui/use";
import { Editor } from "./editor";
import { links } from "./links";
import { PlanShown } from "./plan";
import type { Applied, Flaw, Plan, Resource } from "./types";

const QUIET_MS = 400;
const BEGIN = `kind: Budget
name: example
scope: agent:desk
per: day
usd: 5
`;

export function Propose() {
  const query = place.value.query;
  const of = { kind: query.get("kind") ?? "", name: query.get("name") ?? "", tenant: query.get("tenant") ?? "" };
  const from = useCall<Resource>("resource", of.name ? of : undefined);
  if (!of.name) return <Proposal key="new" text="" />;
  if (from.error !== undefined && !from.value) return <Trouble error={from.error} again={from.again} />;
  if (!from.value) return <Waiting />;
  return <Proposal key={`${of.kind}/${of.name}/${from.value.version}`} from={from.value} text={from.value.text} again={from.again} />;
}

function Proposal({ from, text: first, again }: { from?: Resource; text: string; again?: () => void }) {
  const [text, setText] = useState(first);
  const [flaws, setFlaws] = useState<Flaw[]>();
  const [plan, setPlan] = useState<Plan>();
  const [error, setError] = useState<unknown>();
  const [reason, setReason] = useState("");
  const [force, setForce] = useState(false);
  const [busy, setBusy] = useState(false);
  const set = from?.managed || "default";
  const input = { text, force, set };
  const result = useRef<HTMLDivElement>(null);

  useEffect(() => {
    setPlan(undefined);
    setError(undefined);
    if (!text.trim()) return setFlaws(undefined);
    const stop = new AbortController();
    const timer = setTimeout(() => void call<Flaw[]>("check_resources", { text }, stop.signal).then(setFlaws, () => undefined), QUIET_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, force]);

  const make = async (): Promise<void> => {
    if (!text.trim() || busy) return;
    setBusy(true);
    try {
      const found = await call<Flaw[]>("check_resources", { text });
      setFlaws(found);
      if (!found.length) setPlan(await call<Plan>("plan", input));
      setError(undefined);
      result.current?.scrollIntoView({ block: "nearest" });
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const apply = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!plan) return;
    setBusy(true);
    try {
      const applied = await call<Applied>("apply", { ...input, reason, plan: plan.digest });
      toast(applied.failed[0] ?? `Applied as revision ${applied.revision}`, applied.failed.length > 0);
      const [only, ...more] = applied.results;
      go(only && !more.length ? links.resource(only) : links.resources());
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const stale = error instanceof Problem && (error.code === "plan.stale" || error.code === "resource.changed");
  const replaced = from && plan?.results.find((c) => c.kind === from.kind && c.name === from.name && c.tenant === from.tenant);
  const meanwhile = from && replaced && replaced.version !== from.version;
  const installation = plan?.results.some((c) => !c.tenant) ?? false;
  return (
    <div class="body">
      <div class="page">
        <nav class="crumbs" aria-label="Where this is">
          <a class="link" href={links.resources()}>Resources</a>
          <span class="faint" aria-hidden="true">/</span>
          {from && (
            <>
              <a class="link mono" href={links.resource(from)}>
                {from.kind}/{from.name}
              </a>
              <span class="faint" aria-hidden="true">/</span>
            </>
          )}
          <h2>{from ? "Edit" : "Propose a change"}</h2>
        </nav>
        <p class="dim">
          One document or several, with <code>---</code> between them. Nothing is changed until you have seen what would happen, and say so.
          {!from && !text && (
            <>
              {" "}
              <button type="button" class="json-more" onClick={() => setText(BEGIN)}>
                Begin with an example
              </button>
            </>
          )}
        </p>
        <Editor value={text} flaws={flaws ?? []} input={setText} submit={() => void make()} />
        <Flaws flaws={flaws} empty={!text.trim()} />
        <div class="section-head">
          <Button kind={plan ? "plain" : "primary"} disabled={busy || !text.trim()} hint="Ctrl ↵" onClick={() => void make()}>
            {plan ? "Plan again" : "See what would happen"}
          </Button>
          <label class="check">
            <input type="checkbox" checked={force} onChange={(e) => setForce(e.currentTarget.checked)} />
            Put back what others changed
          </label>
          {set !== "default" && <span class="faint">These files are the set {set}.</span>}
        </div>
        <div ref={result} class="stack">
          {error !== undefined && (
            <div class="trouble" role="alert">
              <div>
                <strong>{error instanceof Error ? error.message : String(error)}</strong>
                {stale && <p class="faint">What is there has changed since you planned. Nothing of yours was applied. Plan again, and look at what is different.</p>}
              </div>
              {stale && <Button onClick={() => void make()}>Plan again</Button>}
            </div>
          )}
          {meanwhile && (
            <div class="trouble" role="alert">
              <div>
                <strong>
                  You began with version {from.version}; now version {replaced.version} holds.
                </strong>
                <p class="faint">
                  Applying would write over what came since. <a class="link" href={links.resource(from, { tab: "versions", before: from.version, after: replaced.version })}>Look at what changed</a>, or begin again.
                </p>
              </div>
              <Button onClick={() => again?.()}>Begin again</Button>
            </div>
          )}
          {plan && <PlanShown plan={plan} />}
          {plan && plan.changes > 0 && (
            <Allowed scope="configure" to="apply it" everyTenant={installation}>
              <form class="stack" onSubmit={(event) => void apply(event)}>
                <label class="field">
                  <span class="hidden-text">Why</span>
                  <input value={reason} required maxLength={300} placeholder="Why? It is kept with the change." onInput={(e) => setReason(e.currentTarget.value)} />
                </label>
                <div class="dialog-foot">
                  <button type="submit" class="button primary" disabled={busy || plan.clashes > 0 || stale}>
                    Apply {plural(plan.changes, "change")}
                  </button>
                </div>
              </form>
            </Allowed>
          )}
          <Cli command={plan ? cli.apply(set, force, plan.digest, reason) : cli.plan(set, force)} />
        </div>
      </div>
    </div>
  );
}

function Flaws({ flaws, empty }: { flaws: Flaw[] | undefined; empty: boolean }) {
  return (
    <div class="flaws" role="status">
      {empty || !flaws ? (
        <p class="faint">What is wrong is told here, at its line, while you write.</p>
      ) : flaws.length ? (
        <ul>
          {flaws.map((f, n) => (
            <li key={n}>
              <span class="tag bad">{f.line ? `line ${f.line}` : "text"}</span>
              <span>{f.message.replace(/^line \d+[:,]? ?/, "")}</span>
              <code class="faint">{f.code}</code>
            </li>
          ))}
        </ul>
      ) : (
        <p class="dim">Nothing is wrong with it.</p>
      )}
    </div>
  );
}
