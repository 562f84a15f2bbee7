/** Words in any step of any agent; without words, everything as it happens. */
import { useEffect, useRef, useState, type MutableRef } from "preact/hooks";
import { Search } from "lucide-preact";
import { call, follow, Problem } from "../../data/api";
import { count, moment, time } from "../../data/format";
import { listen } from "../../data/live";
import { agentLink, place, setQuery } from "../../data/router";
import type { Event } from "../../data/types";
import { Button, Empty, Trouble } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { Virtual } from "../../ui/virtual";
import { useCall } from "../../ui/use";
import { chosenOf, SavedSearches, type Asked, type SavedSearch } from "./saved";

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
const AGAIN_MS = 2_000;

export function SearchPage() {
  const params = place.value.query;
  const [q, agent, verb, by, failed] = ["q", "agent", "verb", "by", "failed"].map((k) => params.get(k) ?? "") as [string, string, string, string, string];
  const asked: Asked = { q, agent, verb, by, failed: failed !== "" };
  const saved = useCall<SavedSearch[]>("searches", {});
  const chosen = chosenOf(saved.value ?? [], asked);
  const input = useRef<HTMLInputElement>(null);
  const stop = useRef<() => void>();
  const [tries, setTries] = useState(0);
  const watch = (on: boolean): void => (on ? setTries(tries + 1) : stop.current?.());
  useKeys({ "/": () => input.current?.focus(), Escape: () => setQuery({ q: "", agent: "", verb: "", by: "", failed: "", saved: "" }) });
  return (
    <>
      <header class="head">
        <h1>Search</h1>
        <div class="end">
          <SavedSearches all={saved.value ?? []} chosen={chosen} asked={asked} again={saved.again} watch={watch} />
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
      {q || by || chosen ? <Results key={`r${tries}`} asked={asked} saved={chosen?.name ?? ""} stop={stop} /> : <Tail {...asked} />}
    </>
  );
}

function Results({ asked, saved, stop: outside }: { asked: Asked; saved: string; stop: MutableRef<(() => void) | undefined> }) {
  const { q, agent, verb, by, failed } = asked;
  const [page, setPage] = useState<Page>();
  const [error, setError] = useState<unknown>();
  const [fresh, setFresh] = useState(0);
  const [watched, setWatched] = useState(false);
  const key = JSON.stringify([q, agent, verb, by, failed, saved]);
  const look = async (before: number, kept: Hit[], signal?: AbortSignal): Promise<void> => {
    try {
      const given = saved ? { text: q, agent } : { text: begun(q), agent: somewhere(agent) };
      const found = await call<Page>("search", { ...given, verb, by, failed, before }, signal);
      setPage({ ...found, found: [...kept, ...found.found] });
      setError(undefined);
      if (saved && !before && signal) void watch(found.found[0]?.id ?? 0, signal);
    } catch (problem) {
      if (!(problem instanceof DOMException)) setError(problem);
    }
  };
  /** What a saved search finds from now on comes on top; a broken connection goes on where it was. */
  const watch = async (after: number, signal: AbortSignal): Promise<void> => {
    let last = after;
    const take = (hit: Hit): void => {
      last = hit.id;
      setFresh((n) => n + 1);
      setPage((now) => now && { ...now, found: [hit, ...now.found].slice(0, KEPT) });
    };
    while (!signal.aborted) {
      try {
        setWatched(true);
        await follow<Hit>("watch_search", { name: saved, after: last }, take, signal, last);
      } catch (problem) {
        if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) break;
      }
      setWatched(false);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
    setWatched(false);
  };
  useEffect(() => {
    const stop = new AbortController();
    outside.current = () => stop.abort();
    setFresh(0);
    setWatched(false);
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
      <div class="found-head faint" data-watched={watched} aria-live="polite">
        {count(page.found.length)} found{page.before > 0 ? ", newest first" : " in all that is kept"}
        {watched && <span>Watching{fresh > 0 ? `: ${count(fresh)} new` : ""}</span>}
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
function Tail({ agent, verb, failed }: Omit<Asked, "q" | "by">) {
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
        {e[10] || e[4]} {e[8] > 0 ? `${e[8]} ms` : ""}
      </span>
    </a>
  );
}
