/** What the gate said of late, as it says it: refused, asked about, changed, let through by somebody; and why. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Gavel } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { count, moment } from "../../data/format";
import { listen } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { Virtual } from "../../ui/virtual";
import { Outcome, outcomeWord } from "./parts";
import { WhyShown } from "./why";
import type { Decision, Decisions as Page } from "./types";

const ROW = 58;
const PAGE = 100;
const KEPT = 10_000;
const PACE_MS = 1_500;
/** Entries of commits that ran side by side may appear a moment later than those that follow them. */
const BEHIND = 200;
const OUTCOMES = ["deny", "ask", "approved", "transform", "hold", "allow"];

export function Decisions() {
  const query = place.value.query;
  const [outcome, rule, agent, item] = ["outcome", "rule", "agent", "item"].map((k) => query.get(k) ?? "") as [string, string, string, string];
  const asked = { outcomes: outcome ? outcome.split(",") : [], rule, agent };
  const { page, error, fresh, further } = useDecisions(asked);
  const found = page?.found ?? [];
  const chosen = found.findIndex((d) => String(d.id) === item);
  const input = useRef<HTMLInputElement>(null);
  const pick = (n: number): void => {
    const d = found[Math.max(0, Math.min(found.length - 1, n))];
    if (d) setQuery({ item: String(d.id) });
  };
  const toggle = (word: string): void => setQuery({ outcome: asked.outcomes.includes(word) ? asked.outcomes.filter((o) => o !== word).join(",") : [...asked.outcomes, word].join(","), item: "" });
  useKeys({
    "/": () => input.current?.focus(),
    j: () => pick(chosen + 1),
    k: () => pick(chosen - 1),
    Escape: () => setQuery(item ? { item: "" } : { outcome: "", rule: "", agent: "" }),
  });
  return (
    <>
      <div class="fleet-top">
        <div class="filters">
          <div class="segments" role="group" aria-label="What the gate said">
            {OUTCOMES.map((word) => (
              <button key={word} type="button" aria-pressed={asked.outcomes.includes(word)} onClick={() => toggle(word)}>
                {outcomeWord(word)}
              </button>
            ))}
          </div>
          <label class="field grow">
            <span class="hidden-text">Rule</span>
            <input ref={input} type="search" placeholder="A part of a rule's name" value={rule} onInput={(e) => setQuery({ rule: e.currentTarget.value, item: "" })} />
            <kbd>/</kbd>
          </label>
          <label class="field">
            <span class="hidden-text">Agents</span>
            <input type="search" placeholder="Agents, e.g. order/" value={agent} onInput={(e) => setQuery({ agent: e.currentTarget.value, item: "" })} />
          </label>
        </div>
      </div>
      <div class="found-head faint" aria-live="polite">
        <span>
          {page ? `${count(found.length)} shown` : "Looking"}
          {fresh > 0 ? `, ${count(fresh)} new since you came` : ""}
        </span>
        {page && page.before > 0 && (
          <Button kind="ghost" onClick={further}>
            Look further back
          </Button>
        )}
      </div>
      {error !== undefined && !page ? (
        <Trouble error={error} />
      ) : !page ? (
        <Waiting />
      ) : found.length ? (
        <div class={chosen >= 0 ? "inbox open decisions" : "inbox decisions"}>
          <div class="inbox-list">
            <Virtual label="Decisions" count={found.length} height={ROW} chosen={chosen} row={(n) => <Row of={found[n] as Decision} chosen={n === chosen} />} />
          </div>
          <div class="inbox-item" tabIndex={0} role="region" aria-label="Why">
            {chosen >= 0 ? <WhyShown of={found[chosen] as Decision} /> : <Unchosen />}
          </div>
        </div>
      ) : (
        <Nothing asked={asked} more={page.before > 0} />
      )}
    </>
  );
}

function Row({ of: d, chosen }: { of: Decision; chosen: boolean }) {
  return (
    <button type="button" class="inbox-line decision" aria-current={chosen ? "true" : undefined} onClick={() => setQuery({ item: String(d.id) })}>
      <span class="decision-what">
        <Outcome outcome={d.outcome} />
        <span class="cut inbox-text">
          {d.verb} {d.name}
        </span>
      </span>
      <span class="num faint inbox-when">{moment(d.at)}</span>
      <span class="cut inbox-who dim">
        <span class="mono">{d.address}</span>
        {d.reasons.length > 0 && ` · ${d.reasons[d.reasons.length - 1]}`}
      </span>
    </button>
  );
}

function Unchosen() {
  return (
    <Empty title="Why was that?" icon={<Gavel size={26} class="icon" />}>
      <p>Choose a decision to see what exactly was to be done, which rules spoke, where its data came from, and what the rules in force now make of it. j and k walk.</p>
    </Empty>
  );
}

function Nothing({ asked, more }: { asked: { outcomes: string[]; rule: string; agent: string }; more: boolean }) {
  const narrow = asked.outcomes.length > 0 || asked.rule || asked.agent;
  return (
    <Empty title={narrow ? "No decision fits" : "The gate let everything pass"} icon={<Gavel size={26} class="icon" />}>
      <p>
        {narrow
          ? "Esc shows all that were more than a plain yes."
          : "Every action passes one gate. What rules refuse, ask a person about, or change appears here at once, with the rule and its reason; a plain yes is shown when you press allowed."}
      </p>
      {more && <p>Older entries were not looked at yet.</p>}
      <Cli command={cli.decisions(asked.outcomes, asked.rule, asked.agent)} />
    </Empty>
  );
}

interface Asked {
  outcomes: string[];
  rule: string;
  agent: string;
}

/** The newest decisions, and those that come while one looks. */
function useDecisions(asked: Asked): { page: Page | undefined; error: unknown; fresh: number; further: () => void } {
  const key = JSON.stringify(asked);
  const [page, setPage] = useState<Page>();
  const [error, setError] = useState<unknown>();
  const [fresh, setFresh] = useState(0);
  const newest = useRef(0);
  useEffect(() => {
    const stop = new AbortController();
    let first = 0;
    let at = 0;
    let timer = 0;
    setFresh(0);
    const ask = (after: number): Promise<Page> => call<Page>("decisions", { ...(JSON.parse(key) as Asked), after, limit: PAGE }, stop.signal);
    const begin = async (): Promise<void> => {
      const found = await ask(0);
      first = newest.current = found.newest;
      setPage(found);
      setError(undefined);
    };
    const more = async (): Promise<void> => {
      at = performance.now();
      const found = await ask(Math.max(first, newest.current - BEHIND));
      newest.current = found.newest;
      setPage((now) => {
        const known = new Set(now?.found.map((d) => d.id));
        const come = found.found.filter((d) => !known.has(d.id));
        if (!now || !come.length) return now;
        setFresh((n) => n + come.length);
        return { ...now, found: [...come, ...now.found].slice(0, KEPT) };
      });
    };
    const start = setTimeout(() => void begin().catch((problem: unknown) => problem instanceof DOMException || setError(problem)), page ? 150 : 0);
    const end = listen((beat) => {
      if (!first || !beat.events.length || timer) return;
      timer = window.setTimeout(() => {
        timer = 0;
        void more().catch(() => undefined);
      }, Math.max(0, PACE_MS - (performance.now() - at)));
    });
    return () => {
      stop.abort();
      clearTimeout(start);
      clearTimeout(timer);
      end();
    };
  }, [key]);
  const further = (): void => {
    if (!page) return;
    void call<Page>("decisions", { ...asked, before: page.before, limit: PAGE }).then(
      (older) => setPage((now) => now && { ...now, before: older.before, found: [...now.found, ...older.found] }),
      setError,
    );
  };
  return { page, error, fresh, further };
}
