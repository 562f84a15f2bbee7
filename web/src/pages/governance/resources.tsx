/** All that was declared: of every kind, with its version, who changed it last and why, and what drifts. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Download, FilePlus2, Search } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, count, exact } from "../../data/format";
import { now } from "../../data/live";
import { go, place, setQuery } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { useActions } from "../../ui/palette";
import { attempt } from "../../ui/toast";
import { useCall } from "../../ui/use";
import { Virtual } from "../../ui/virtual";
import { links } from "./links";
import { save } from "./saving";
import type { Kind, Resource } from "./types";

const ROW = 36;
const idOf = (r: Resource): string => `${r.kind}/${r.name}/${r.tenant}`;

export function Resources() {
  const query = place.value.query;
  const [q, kind, only] = [query.get("q") ?? "", query.get("kind") ?? "", query.get("drift") ?? ""];
  const kinds = useCall<Kind[]>("kinds", {});
  const all = useCall<Resource[]>("resources", {});
  const drift = useCall<Resource[]>("drift", {});
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const drifting = useMemo(() => new Set((drift.value ?? []).map(idOf)), [drift.value]);
  const shown = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (r: Resource): string => `${r.kind}/${r.name} ${r.tenant} ${r.author} ${r.reason}`.toLowerCase();
    return (all.value ?? []).filter((r) => (!kind || r.kind === kind) && (!only || drifting.has(idOf(r))) && words.every((w) => text(r).includes(w)));
  }, [all.value, drifting, q, kind, only]);
  useEffect(() => setChosen(-1), [q, kind, only]);
  const move = (by: number): void => setChosen((n) => Math.max(0, Math.min(shown.length - 1, n + by)));
  const open = (): void => {
    const r = shown[chosen];
    if (r) go(links.resource(r));
  };
  const take = (): void => void attempt(async () => save(kind ? `${kind}.yaml` : "resources.yaml", (await call<{ text: string }>("export_text", { kind })).text), () => "Exported");
  useKeys({
    "/": () => input.current?.focus(),
    Escape: () => setQuery({ q: "", kind: "", drift: "" }),
    j: () => move(1),
    k: () => move(-1),
    Enter: open,
    n: () => go(links.propose()),
    e: take,
  });
  useActions([{ name: "Propose a change", hint: "n", run: () => go(links.propose()) }, { name: "Export resources as YAML", hint: "e", run: take }], kind);
  const present = (kinds.value ?? []).filter((k) => k.resources > 0 || k.kind === kind);
  return (
    <>
      <div class="fleet-top">
        <div class="filters">
          <label class="field grow">
            <Search size={14} class="icon" />
            <span class="hidden-text">Filter resources</span>
            <input ref={input} type="search" placeholder="Kind, name, who changed it, why" value={q} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
            <kbd>/</kbd>
          </label>
          <select class="select" aria-label="Kind" value={kind} onChange={(e) => setQuery({ kind: e.currentTarget.value })}>
            <option value="">All kinds ({count(all.value?.length ?? 0)})</option>
            {present.map((k) => (
              <option key={k.kind} value={k.kind}>
                {k.kind} ({count(k.resources)})
              </option>
            ))}
          </select>
          <label class="check">
            <input type="checkbox" checked={only !== ""} onChange={(e) => setQuery({ drift: e.currentTarget.checked ? "1" : "" })} />
            Drift only{drifting.size > 0 ? ` (${count(drifting.size)})` : ""}
          </label>
          <div class="end">
            <Button title="Write them out as one YAML file, which can be applied again" icon={<Download size={14} class="icon" />} onClick={take}>
              Export
            </Button>
            <Button kind="primary" icon={<FilePlus2 size={14} class="icon" />} onClick={() => go(links.propose())}>
              Propose a change
            </Button>
          </div>
        </div>
      </div>
      {all.error !== undefined && !all.value ? (
        <Trouble error={all.error} again={all.again} />
      ) : !all.value ? (
        <Waiting />
      ) : shown.length ? (
        <>
          <div class="resource-columns-box">
            <div class="resource-row resource-columns" aria-hidden="true">
              <span>Kind</span>
              <span>Name</span>
              <span>Version</span>
              <span>Changed by</span>
              <span>Why</span>
              <span>When</span>
              <span />
            </div>
          </div>
          <div class="fleet-list">
            <Virtual label="Resources" count={shown.length} height={ROW} chosen={chosen} row={(n) => <Row of={shown[n] as Resource} chosen={n === chosen} drift={drifting.has(idOf(shown[n] as Resource))} />} />
          </div>
        </>
      ) : (
        <Nothing declared={all.value.length > 0} kind={kind} drift={only !== ""} />
      )}
    </>
  );
}

function Row({ of: r, chosen, drift }: { of: Resource; chosen: boolean; drift: boolean }) {
  return (
    <a class={chosen ? "resource-row chosen" : "resource-row"} href={links.resource(r)} aria-current={chosen ? "true" : undefined}>
      <span class="dim">{r.kind}</span>
      <span class="mono cut">{r.tenant ? <span class="faint">{r.tenant}/</span> : null}{r.name}</span>
      <span class="num dim">{r.version}</span>
      <span class="cut dim">{r.author}</span>
      <span class="cut dim">{r.reason || <span class="faint">no reason given</span>}</span>
      <span class="num faint" title={exact(r.at)}>{ago(now() - r.at)}</span>
      <span>{drift && <span class="tag warn">drift</span>}</span>
    </a>
  );
}

function Nothing({ declared, kind, drift }: { declared: boolean; kind: string; drift: boolean }) {
  if (drift) {
    return (
      <Empty title="Nothing drifts">
        <p>What runs is what was declared, and what was declared is what the files say. A change by hand or a rollback would show here.</p>
        <Cli command={cli.get("", true)} />
      </Empty>
    );
  }
  if (declared) {
    return (
      <Empty title="Nothing fits">
        <p>{kind ? `No resource of kind ${kind} has these words.` : "All words have to be in the kind, the name, who changed it, or why."} Esc shows all again.</p>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing was declared yet">
      <p>Agents, routes, policies, budgets and schedules can be declared in files: each change is a version with an author and a reason, can be compared, and can be put back.</p>
      <Cli command="holdfast apply -f ops/ -m 'the first ones'" />
      <p>
        Or <a href={links.propose()}>propose one here</a>.
      </p>
    </Empty>
  );
}
