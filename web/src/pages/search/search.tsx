/** Words in any step of any agent; without words, everything as it happens. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Search } from "lucide-preact";
import { call } from "../../data/api";
import { count, moment, time } from "../../data/format";
import { listen } from "../../data/live";
import { agentLink, place, setQuery } from "../../data/router";
import type { Event } from "../../data/types";
import { Button, Empty, Trouble } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { Virtual } from "../../ui/virtual";
import { SavedViews } from "../fleet/views";

interface Hit {
  id: number;
  address: string;
  seq: number;
  turn: number;
  kind: string;
  verb: string;
  name: string;
  at: number;
  failed: boolean;
  words: string;
  error: string;
}

interface Page {
  found: Hit[];
  looked: number;
  before: number;
}

/** While somebody writes, the last word and the agents are only beginnings. */
const begun = (q: string): string => (/[\p{L}\p{N}]{3,}$/u.test(q) ? `${q}*` : q);
const somewhere = (agent: string): string => (agent && !/[/*]$/.test(agent) ? `${agent}*` : agent);

const VERBS = ["model", "tool", "run", "call", "send", "ask", "wait", "sleep", "set", "end"];
const ROW = 30;
const KEPT = 20_000;

export function SearchPage() {
  const params = place.value.query;
  const [q, agent, verb, failed] = ["q", "agent", "verb", "failed"].map((k) => params.get(k) ?? "") as [string, string, string, string];
  const input = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => input.current?.focus(), Escape: () => setQuery({ q: "", agent: "", verb: "", failed: "" }) });
  return (
    <>
      <header class="head">
        <h1>Search</h1>
        <div class="end">
          <SavedViews page="search" path="/search" />
        </div>
      </header>
      <div class="fleet-top">
        <div class="filters">
          <label class="field grow">
            <Search size={14} class="icon" />
            <span class="hidden-text">Words</span>
            <input ref={input} type="search" placeholder="Words in any step; none shows everything as it happens" value={q} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
            <kbd>/</kbd>
          </label>
          <label class="field">
            <span class="hidden-text">Agents</span>
            <input placeholder="Agents, e.g. order/" value={agent} onInput={(e) => setQuery({ agent: e.currentTarget.value })} />
          </label>
          <select class="select" aria-label="Kind of step" value={verb} onChange={(e) => setQuery({ verb: e.currentTarget.value })}>
            <option value="">All steps</option>
            {VERBS.map((v) => (
              <option key={v}>{v}</option>
            ))}
          </select>
          <label class="check">
            <input type="checkbox" checked={failed !== ""} onChange={(e) => setQuery({ failed: e.currentTarget.checked ? "1" : "" })} />
            Failed
          </label>
        </div>
      </div>
      {q ? <Results key="r" q={q} agent={agent} verb={verb} failed={failed !== ""} /> : <Tail agent={agent} verb={verb} failed={failed !== ""} />}
    </>
  );
}

interface Asked {
  agent: string;
  verb: string;
  failed: boolean;
}

function Results({ q, agent, verb, failed }: Asked & { q: string }) {
  const [page, setPage] = useState<Page>();
  const [error, setError] = useState<unknown>();
  const key = JSON.stringify([q, agent, verb, failed]);
  const look = async (before: number, kept: Hit[], signal?: AbortSignal): Promise<void> => {
    try {
      const found = await call<Page>("search", { text: begun(q), agent: somewhere(agent), verb, failed, before }, signal);
      setPage({ ...found, found: [...kept, ...found.found] });
      setError(undefined);
    } catch (problem) {
      if (!(problem instanceof DOMException)) setError(problem);
    }
  };
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => void look(0, [], stop.signal), 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  if (error && !page) return <Trouble error={error} />;
  if (!page) return <div class="fleet-list" />;
  return (
    <>
      <div class="found-head faint">
        {count(page.found.length)} found{page.before > 0 ? ", newest first" : " in all that is kept"}
        {page.before > 0 && (
          <Button kind="ghost" onClick={() => void look(page.before, page.found)}>
            Look further back
          </Button>
        )}
      </div>
      <div class="fleet-list">
        {page.found.length ? (
          <Virtual label="Found" count={page.found.length} height={ROW} row={(n) => <HitRow hit={page.found[n] as Hit} />} />
        ) : (
          <Empty title="Nothing found">
            <p>All words have to be in one step, its agent's address or its error. "Words in quotes" stand one behind the other, begin* is a beginning, -word must not be there.</p>
            {page.before > 0 ? <p>Older entries were not looked at yet.</p> : null}
          </Empty>
        )}
      </div>
    </>
  );
}

function HitRow({ hit }: { hit: Hit }) {
  return (
    <a class={hit.failed ? "event bad" : "event"} href={agentLink(hit.address, { turn: hit.turn, entry: hit.seq })}>
      <span class="num faint">{moment(hit.at)}</span>
      <span class="mono cut">{hit.address}</span>
      <span class="cut">
        {hit.verb} <span class="dim">{hit.name}</span>
      </span>
      <span class="cut dim mono">{hit.error || hit.words}</span>
    </a>
  );
}

/** Everything as it happens; what came before this page was opened is found with words. */
function Tail({ agent, verb, failed }: Asked) {
  const events = useRef<Event[]>([]);
  const [shown, setShown] = useState(0);
  const [held, setHeld] = useState(false);
  useEffect(() => {
    events.current = [];
    setShown(0);
    const fits = (e: Event): boolean => e[1].startsWith(agent) && (!verb || e[5] === verb) && (!failed || e[9]);
    return listen((beat) => {
      if (held) return;
      const fresh = beat.events.filter(fits);
      if (!fresh.length) return;
      events.current.push(...fresh);
      if (events.current.length > KEPT * 1.2) events.current = events.current.slice(-KEPT);
      setShown((n) => n + fresh.length);
    });
  }, [agent, verb, failed, held]);
  return (
    <>
      <div class="found-head faint">
        <span class="num">{count(shown)} entries since this page was opened</span>
        <Button kind="ghost" onClick={() => setHeld(!held)}>
          {held ? "Go on" : "Hold"}
        </Button>
      </div>
      <div class="fleet-list" data-events={shown}>
        {shown ? (
          <Virtual
            label="Entries as they happen"
            count={events.current.length}
            height={ROW}
            stick
            row={(n) => {
              const e = events.current[n];
              return e ? <Live event={e} /> : null;
            }}
          />
        ) : (
          <Empty title="Nothing has happened since you came">
            <p>New entries of all agents appear here at once. Write words to look at older ones.</p>
          </Empty>
        )}
      </div>
    </>
  );
}

function Live({ event: e }: { event: Event }) {
  return (
    <a class={e[9] ? "event bad" : "event"} href={agentLink(e[1], { turn: e[3], entry: e[2] })}>
      <span class="num faint">{time(e[7])}</span>
      <span class="mono cut">{e[1]}</span>
      <span class="cut">
        {e[5] || e[4]} <span class="dim">{e[6]}</span>
      </span>
      <span class="cut faint">
        {e[4]} {e[8] > 0 ? `${e[8]} ms` : ""}
      </span>
    </a>
  );
}
