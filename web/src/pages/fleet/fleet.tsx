/** Every agent at a glance: who needs a person, who works, who waits and for what. */
import { useMemo, useRef, useState } from "preact/hooks";
import { CheckCheck, Radar, Search } from "lucide-preact";
import { call } from "../../data/api";
import { count } from "../../data/format";
import { agentLink, go, place, setQuery } from "../../data/router";
import type { Done, FleetRow, FleetView } from "../../data/types";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { attempt } from "../../ui/toast";
import { Virtual } from "../../ui/virtual";
import { Layout } from "./layout";
import { GROUPS, ORDERS, queryOf, type FleetQuery } from "./query";
import { Columns, Heading, Row } from "./row";
import { Strip } from "./strip";
import { SavedViews } from "./views";
import { useFleet } from "./window";

const ROW = 34;

export function FleetPage() {
  const query = queryOf(place.value.query);
  const fleet = useFleet(query);
  const [picked, setPicked] = useState({ index: -1, address: "" });
  const { view } = fleet;
  const layout = useMemo(() => new Layout(view, query), [view, query.order, query.group, query.states.join(), query.quiet]);
  const chosen = whereIs(picked, fleet.row);
  const step = (by: number) => () => {
    const index = Math.max(0, Math.min((view?.matched ?? 1) - 1, chosen + by));
    setPicked({ index, address: fleet.row(index)?.address ?? "" });
  };
  const filter = useRef<HTMLInputElement>(null);
  useKeys({
    j: step(1),
    ArrowDown: step(1),
    k: step(-1),
    ArrowUp: step(-1),
    Enter: () => {
      const row = fleet.row(chosen);
      if (row) go(agentLink(row.address));
    },
    "/": () => filter.current?.focus(),
    Escape: () => (place.value.query.toString() ? go("/") : setPicked({ index: -1, address: "" })),
  });
  const sawAll = async (): Promise<void> => {
    await attempt(() => call<Done>("saw"), () => "All that finished is marked as seen");
    fleet.again();
  };
  return (
    <>
      <header class="head">
        <h1>Fleet</h1>
        <span class="faint num">{view ? count(view.total) : ""}</span>
        <div class="end">
          <SavedViews page="fleet" path="/" />
          {(view?.counts.finished ?? 0) > 0 && (
            <Button kind="ghost" icon={<CheckCheck size={15} class="icon" />} onClick={() => void sawAll()}>
              Mark as seen
            </Button>
          )}
        </div>
      </header>
      <div class="fleet-top">
        <Strip counts={view?.counts ?? {}} chosen={query.states} choose={(states) => setQuery({ state: states.join(",") })} />
        <Filters query={query} view={view} input={filter} />
      </div>
      <Columns />
      <div class="fleet-list">
        {fleet.error !== undefined && !view && <Trouble error={fleet.error} again={fleet.again} />}
        {!view && fleet.error === undefined && <Waiting rows={12} />}
        {view && view.matched === 0 && <Nothing total={view.total} />}
        {view && view.matched > 0 && (
          <Virtual
            label="Agents"
            count={layout.lines}
            height={ROW}
            chosen={chosen < 0 ? undefined : layout.lineOf(chosen)}
            seen={(first, last) => fleet.seen(layout.rowAt(first), Math.min(view.matched, layout.rowAt(Math.max(0, last - 1)) + 1))}
            row={(line) => {
              const at = layout.at(line);
              return at.kind === "heading" ? <Heading by={query.group || "state"} group={at.group} count={at.count} /> : <Row row={fleet.row(at.index)} chosen={at.index === chosen} />;
            }}
          />
        )}
      </div>
    </>
  );
}

const NEAR = 60;

/** Rows move while agents change; what was chosen is an agent, not a place. */
function whereIs(picked: { index: number; address: string }, row: (index: number) => FleetRow | undefined): number {
  if (picked.index < 0 || !picked.address) return picked.index;
  for (let off = 0; off <= NEAR; off++) {
    if (row(picked.index - off)?.address === picked.address) return picked.index - off;
    if (row(picked.index + off)?.address === picked.address) return picked.index + off;
  }
  return picked.index;
}

function Filters({ query, view, input }: { query: FleetQuery; view: FleetView | undefined; input: { current: HTMLInputElement | null } }) {
  return (
    <div class="filters">
      <label class="field grow">
        <Search size={14} class="icon" />
        <span class="hidden-text">Filter by address or handler</span>
        <input
          ref={input}
          type="search"
          placeholder="Filter by address or handler"
          value={query.text}
          onInput={(e) => setQuery({ q: e.currentTarget.value })}
          onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
        />
        <kbd>/</kbd>
      </label>
      <Chosen word="Kind of agent" all="All kinds" there={view?.names} value={query.name} choose={(kind) => setQuery({ kind })} />
      <Chosen word="Owner" all="All owners" none="No owner" there={view?.owners} value={query.owner} choose={(owner) => setQuery({ owner })} />
      <Chosen word="Team" all="All teams" none="No team" there={view?.teams} value={query.team} choose={(team) => setQuery({ team })} />
      <select class="select" aria-label="Group" value={query.group || (query.order === "need" ? "state" : "")} onChange={(e) => setQuery({ group: e.currentTarget.value === "state" && query.order === "need" ? "" : e.currentTarget.value })}>
        {GROUPS.filter(([value]) => value || query.order !== "need").map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
      <select class="select" aria-label="Order" value={query.order} onChange={(e) => setQuery({ order: e.currentTarget.value === "need" ? "" : e.currentTarget.value })}>
        {ORDERS.map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </select>
      <label class="check">
        <input type="checkbox" checked={!query.quiet} onChange={(e) => setQuery({ idle: e.currentTarget.checked ? "hide" : "" })} />
        Hide idle
      </label>
    </div>
  );
}

interface Choice {
  word: string;
  all: string;
  none?: string;
  there: Record<string, number> | undefined;
  value: string;
  choose: (value: string) => void;
}

/** One of the values that there are; nothing where there is nothing to choose. */
function Chosen({ word, all, none, there = {}, value, choose }: Choice) {
  const known = Object.entries(there).sort((a, b) => b[1] - a[1]);
  const named = known.filter(([name]) => name);
  if (value && value !== "-" && !there[value]) named.unshift([value, 0]);
  if (!named.length && !value) return null;
  return (
    <select class="select" aria-label={word} value={value} onChange={(e) => choose(e.currentTarget.value)}>
      <option value="">{all}</option>
      {named.slice(0, 200).map(([name, n]) => (
        <option key={name} value={name}>
          {name} ({count(n)})
        </option>
      ))}
      {none && (there[""] || value === "-") && <option value="-">{none}</option>}
    </select>
  );
}

function Nothing({ total }: { total: number }) {
  if (total > 0) {
    return (
      <Empty title="No agent matches" icon={<Search size={28} class="icon" />}>
        <p>
          {count(total)} are there. <a href="/">Show all of them</a>, or press Esc.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No agent has been addressed yet" icon={<Radar size={28} class="icon" />}>
      <p>
        An agent exists as soon as somebody sends it a message. From a terminal: <code>holdfast agents</code> lists what can be called,{" "}
        <code>holdfast call order/7 place book 40</code> calls it.
      </p>
      <p>
        Nothing at hand? <code>holdfast demo --tour</code> shows dozens of agents at work.
      </p>
    </Empty>
  );
}
