/** Agents over time as lanes, with the messages between them: from an effect back to its causes, and on to what it caused. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { GitBranch } from "lucide-preact";
import { call } from "../../data/api";
import { agentLink, go, place, setQuery } from "../../data/router";
import { Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { useActions } from "../../ui/palette";
import { Chart, following, said, zoomed } from "./chart";
import { List } from "./list";
import { useLanes } from "./loading";
import { Panel } from "./panel";
import { agentsOf, chainOf, rowsOf, type Row } from "./rows";
import { folded, linear } from "./scale";
import { Legend, Tools } from "./tools";
import { keyOf, type Span } from "./types";
import { living, useFrame, within, type Frame } from "./view";

const TICK_MS = 250;

export function CausalityPage() {
  const query = place.value.query;
  const [agent, turn, path] = [query.get("agent") ?? "", Number(query.get("turn")) || 0, query.get("path") ?? ""];
  const [asList, only, fold] = [query.get("as") === "list", query.get("only") === "1", query.get("fold") === "1"];
  const [frame, move] = useFrame();
  const known = useCauses(agent, turn);
  const lanes = useLanes(frame, query.get("in") ?? "");
  const [opened, setOpened] = useState(new Map<string, boolean>());
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const { back } = known;
    if (frame || !back) return;
    const last = back.at(-1);
    if (!last) return move(living(600_000));
    const from = Math.min(...back.map((s) => s.began || Infinity));
    const to = Math.max(...back.map((s) => s.ended || Math.max(s.began, ...s.steps.map((p) => p[5] || p[4]))));
    const room = Math.max(200, (to - from) * 0.15);
    move(within(from - room, to + room));
  }, [known, frame === undefined]);
  useEffect(() => {
    if (!frame?.live) return;
    const timer = setInterval(() => document.visibilityState === "visible" && move(following(frame)), TICK_MS);
    return () => clearInterval(timer);
  }, [frame?.live]);

  const chosen = agent && turn ? keyOf(agent, turn) : "";
  const spans = useMemo(() => {
    const all = new Map((lanes.data?.spans ?? []).map((s) => [keyOf(s.agent, s.turn), s]));
    for (const span of known.back ?? []) {
      const key = keyOf(span.agent, span.turn);
      const there = all.get(key);
      if (!there || !there.began) all.set(key, span);
    }
    return all;
  }, [lanes.data, known]);
  const chain = useMemo(() => chainOf(spans.get(chosen), spans, known.back ?? []), [spans, chosen, known]);
  const shown = useMemo(() => (only && chain.keys.size ? new Map([...spans].filter(([key]) => chain.keys.has(key))) : spans), [spans, chain, only]);
  const rows = useMemo(() => {
    const order = only && chain.keys.size;
    const agents = order ? [...chain.back, ...chain.on].map((s) => s.agent) : [...agentsOf(lanes.data), ...chain.back.map((s) => s.agent)];
    return rowsOf(agents, opened, new Set([...chain.back, ...chain.on].map((s) => s.agent)), Boolean(order));
  }, [lanes.data, chain, only, opened]);
  const scale = useMemo(() => {
    if (!frame) return linear(0, 1);
    return fold && !lanes.data?.sampled ? folded(busyOf(shown), frame.from, frame.to) : linear(frame.from, frame.to);
  }, [frame, fold, shown]);

  useEffect(() => {
    const span = spans.get(chosen);
    if (!span?.began || !frame || frame.live) return;
    const wide = frame.to - frame.from;
    if (span.began > frame.to || (span.ended || span.began) < frame.from) move(within(span.began - wide * 0.3, span.began + wide * 0.7));
  }, [chosen, known.back]);
  const choose = (span: { agent: string; turn: number } | undefined, at = ""): void => {
    if (frame && !frame.live) move(frame);
    setQuery({ agent: span?.agent ?? "", turn: span ? String(span.turn) : "", path: span ? at : "" });
  };
  const inTime = useMemo(() => {
    const inside = (s: Span): boolean => Boolean(frame) && (s.ended || Infinity) >= (frame as Frame).from && (s.began || 0) <= (frame as Frame).to;
    return [...shown.values()].filter(inside).sort((a, b) => a.began - b.began || a.turn - b.turn);
  }, [shown, asList || chosen ? frame : undefined]);
  const open = (): void => {
    const now = place.value.query; // what was chosen a moment ago may not be drawn yet
    if (now.get("agent")) go(agentLink(now.get("agent") ?? "", { turn: now.get("turn") ?? "" }));
  };
  useLaneKeys({ frame, move, chosen: spans.get(chosen), chain, inTime, choose, rows: rows.list, open, only });

  const empty = lanes.data && !lanes.data.spans.length && !lanes.data.sampled && !chain.keys.size;
  return (
    <>
      <header class="head">
        <h1>Causality</h1>
        <span class="faint cut">{lanes.data?.sampled ? `about one of ${lanes.data.sampled} entries looked at: zoom in to see turns` : ""}</span>
      </header>
      <Tools frame={frame} move={move} busy={lanes.busy} span={spans.get(chosen)} asList={asList} only={only} fold={fold} />
      <div class={chosen ? "causality with-panel" : "causality"}>
        <section class="causality-main" aria-label="Agents over time" role="group" tabIndex={0} aria-describedby="lanes-keys">
          {lanes.error !== undefined && !lanes.data && <Trouble error={lanes.error} again={lanes.again} />}
          {(!frame || !lanes.data) && lanes.error === undefined && <Waiting rows={8} />}
          {frame && lanes.data && empty && <Nothing frame={frame} move={move} place={query.get("in") ?? ""} />}
          {frame && lanes.data && !empty && asList && <List spans={inTime} data={lanes.data} chosen={chosen} choose={choose} />}
          {frame && lanes.data && !empty && !asList && (
            <Chart frame={frame} move={move} scale={scale} rows={rows} data={lanes.data} spans={shown} chain={chain} chosen={chosen} path={path} choose={choose} box={box} toggle={(row: Row) => setOpened(new Map(opened).set(row.kind, !row.open))} />
          )}
          <Legend />
          <p class="hidden-text" role="status">
            {spans.get(chosen) ? said(spans.get(chosen) as Span) : ""}
          </p>
        </section>
        {chosen && (
          <aside class="causality-side" aria-label="Causes and effects">
            <Panel key={chosen} agent={agent} turn={turn} path={path} span={spans.get(chosen)} chain={chain} gone={known.gone} choose={choose} />
          </aside>
        )}
      </div>
    </>
  );
}

/** The causes of a turn; they may lie outside the window. */
function useCauses(agent: string, turn: number): { back: Span[] | undefined; gone: boolean } {
  const [found, setFound] = useState<{ back: Span[] | undefined; gone: boolean }>({ back: undefined, gone: false });
  useEffect(() => {
    if (!agent || !turn) return setFound({ back: [], gone: false });
    const stop = new AbortController();
    call<Span[]>("causes", { address: agent, turn }, stop.signal).then(
      (back) => setFound({ back, gone: false }),
      (error: unknown) => !stop.signal.aborted && setFound({ back: [], gone: Boolean(error) }),
    );
    return () => stop.abort();
  }, [agent, turn]);
  return found;
}

/** When somebody did something: waits are left out. */
function busyOf(spans: Map<string, Span>): [number, number][] {
  const busy: [number, number][] = [];
  for (const span of spans.values()) {
    if (span.began) busy.push([span.began, span.began]);
    if (span.ended) busy.push([span.ended, span.ended]);
    for (const [, , verb, , began, ended] of span.steps) {
      if (began && ended && !["sleep", "wait", "call", "ask", "provider", "source"].includes(verb)) busy.push([began, ended]);
      else busy.push([began || ended, began || ended], [ended || began, ended || began]);
    }
  }
  return busy;
}

interface Walk {
  frame: Frame | undefined;
  move: (frame: Frame) => void;
  chosen: Span | undefined;
  chain: ReturnType<typeof chainOf>;
  inTime: Span[];
  rows: Row[];
  only: boolean;
  choose: (span: Span | undefined, path?: string) => void;
  open: () => void;
}

function useLaneKeys({ frame, move, chosen, chain, inTime, choose, rows, open, only }: Walk): void {
  const shift = (share: number) => () => {
    if (frame) move(within(frame.from + (frame.to - frame.from) * share, frame.to + (frame.to - frame.from) * share));
  };
  const zoom = (factor: number) => () => {
    if (frame) move(zoomed(frame, factor, chosen?.began && chosen.began > frame.from && chosen.began < frame.to ? chosen.began : (frame.from + frame.to) / 2));
  };
  const step = (by: number) => () => {
    const at = chosen ? inTime.findIndex((s) => s.agent === chosen.agent && s.turn === chosen.turn) : by > 0 ? -1 : inTime.length;
    choose(inTime[Math.max(0, Math.min(inTime.length - 1, at + by))]);
  };
  /** The turn nearest in time in the next lane that has one. */
  const lane = (by: number) => () => {
    if (!chosen) return step(by)();
    for (let n = rows.findIndex((r) => r.id === chosen.agent) + by; n >= 0 && n < rows.length; n += by) {
      const there = inTime.filter((s) => s.agent === rows[n]?.id).sort((a, b) => Math.abs(a.began - chosen.began) - Math.abs(b.began - chosen.began));
      if (there[0]) return choose(there[0]);
    }
  };
  const cause = (): void => {
    const before = chain.back.at(-2);
    if (before) choose(before, chain.back.at(-1)?.cause?.[2]);
  };
  const effect = (): void => choose(chain.on[0] ?? chosen);
  const toggleOnly = (): void => setQuery({ only: only ? "" : "1" });
  useKeys({
    ArrowLeft: shift(-0.2), ArrowRight: shift(0.2), ArrowUp: lane(-1), ArrowDown: lane(1),
    j: step(1), k: step(-1), "+": zoom(0.6), "=": zoom(0.6), "-": zoom(1 / 0.6),
    c: cause, e: effect, o: toggleOnly, l: () => move(living(frame?.live || 600_000)), Enter: open,
    Escape: () => choose(undefined),
  });
  useActions(
    [
      { name: "Follow live", hint: "l", run: () => move(living(600_000)) },
      { name: "Walk back to the cause", hint: "c", run: cause },
      { name: "Walk on to the effect", hint: "e", run: effect },
      { name: "Only this chain", hint: "o", run: toggleOnly },
    ],
    `${chosen?.agent ?? ""}#${chosen?.turn ?? 0}${only ? "o" : ""}`,
  );
}

function Nothing({ frame, move, place: only }: { frame: Frame; move: (frame: Frame) => void; place: string }) {
  return (
    <Empty title="Nothing happened in this window" icon={<GitBranch size={28} class="icon" />}>
      <p>{only ? `No agent of ${only} wrote an entry then. ` : "No agent wrote an entry then. "}Every turn is a bar in its agent's lane, and a message is an arrow from the step that sent it.</p>
      <p>
        <button type="button" class="button" onClick={() => move(living(86_400_000))}>
          Look at the last day
        </button>{" "}
        {only ? (
          <button type="button" class="button" onClick={() => setQuery({ in: "" })}>
            All agents
          </button>
        ) : (
          <button type="button" class="button" onClick={() => move(within(frame.from - (frame.to - frame.from) * 4.5, frame.to + (frame.to - frame.from) * 4.5))}>
            Ten times as wide
          </button>
        )}
      </p>
      <p>
        Nothing at hand? <code>holdfast demo --tour</code> shows dozens of agents at work.
      </p>
    </Empty>
  );
}
