/** What is looked at, chosen: presets, from and to, agents, and how it is shown. */
import { useEffect, useState } from "preact/hooks";
import { ChevronLeft, ChevronRight, Filter, Minus, Plus } from "lucide-preact";
import { took } from "../../data/format";
import { now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Button } from "../../ui/controls";
import { zoomed } from "./chart";
import type { Span } from "./types";
import { living, PRESETS, within, type Frame } from "./view";

interface Props {
  frame: Frame | undefined;
  move: (frame: Frame) => void;
  busy: boolean;
  span: Span | undefined;
  asList: boolean;
  only: boolean;
  fold: boolean;
}

export function Tools({ frame, move, busy, span, asList, only, fold }: Props) {
  const shift = (share: number) => () => frame && move(within(frame.from + (frame.to - frame.from) * share, frame.to + (frame.to - frame.from) * share));
  const zoom = (factor: number) => () => frame && move(zoomed(frame, factor, (frame.from + frame.to) / 2));
  const around = (): void => {
    if (!span?.began) return;
    const end = span.ended || Math.max(span.began, ...span.steps.map((s) => s[5] || s[4]));
    const room = Math.max(1_000, (end - span.began) * 0.5);
    move(within(span.began - room, end + room));
  };
  return (
    <div class="lanes-tools" aria-busy={busy}>
      <div class="segments" role="group" aria-label="Live window">
        {PRESETS.map(([key, word, length]) => (
          <button key={key} type="button" aria-pressed={frame?.live === length} onClick={() => move(living(length))}>
            {word}
          </button>
        ))}
      </div>
      {frame && <Bounds frame={frame} move={move} />}
      <div class="lanes-steps" role="group" aria-label="Move and zoom">
        <Button aria-label="Earlier" title="Earlier (left arrow)" icon={<ChevronLeft size={15} class="icon" />} onClick={shift(-0.5)} />
        <Button aria-label="Later" title="Later (right arrow)" icon={<ChevronRight size={15} class="icon" />} onClick={shift(0.5)} />
        <Button aria-label="Zoom in" title="Zoom in (+)" icon={<Plus size={15} class="icon" />} onClick={zoom(0.5)} />
        <Button aria-label="Zoom out" title="Zoom out (-)" icon={<Minus size={15} class="icon" />} onClick={zoom(2)} />
        {span && (
          <Button title="The window around the chosen turn" onClick={around}>
            Around it
          </Button>
        )}
      </div>
      <Only />
      <div class="lanes-how" role="group" aria-label="How it is shown">
        {span && <Toggle name="only" on={only} word="Only this chain" />}
        {!asList && <Toggle name="fold" on={fold} word="Fold idle time" />}
        <div class="segments" role="group" aria-label="View">
          <button type="button" aria-pressed={!asList} onClick={() => setQuery({ as: "" })}>
            Lanes
          </button>
          <button type="button" aria-pressed={asList} onClick={() => setQuery({ as: "list" })}>
            List
          </button>
        </div>
      </div>
      <p class="hidden-text" id="lanes-keys">
        Left and right arrows move in time, plus and minus zoom, j and k go from turn to turn, up and down from lane to lane, c walks back to the cause, e on to the effect, o shows only this chain, l
        follows live, Enter opens the agent.
      </p>
    </div>
  );
}

function Toggle({ name, on, word }: { name: string; on: boolean; word: string }) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(e) => setQuery({ [name]: e.currentTarget.checked ? "1" : "" })} />
      {word}
    </label>
  );
}

/** Which agents: a name, an address, or name/begin*. */
function Only() {
  const given = place.value.query.get("in") ?? "";
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  const set = (event: Event): void => {
    event.preventDefault();
    setQuery({ in: text.trim() });
  };
  return (
    <form class="lanes-only" onSubmit={set}>
      <label class="field">
        <Filter size={13} class="icon" />
        <span class="hidden-text">Only agents of this kind or address</span>
        <input type="search" placeholder="All agents: kind, or kind/begin*" value={text} onInput={(e) => setText(e.currentTarget.value)} onBlur={set} />
      </label>
    </form>
  );
}

function local(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

function Bounds({ frame, move }: { frame: Frame; move: (frame: Frame) => void }) {
  const set = (which: "from" | "to") => (event: { currentTarget: HTMLInputElement }) => {
    const at = new Date(event.currentTarget.value).getTime();
    if (Number.isNaN(at)) return;
    const next = { from: frame.from, to: frame.live ? now() : frame.to, [which]: at };
    if (next.from < next.to) move(within(next.from, next.to));
  };
  return (
    <div class="lanes-bounds" role="group" aria-label="Window">
      <input type="datetime-local" step="1" class="select num" aria-label="From" value={local(frame.from)} onChange={set("from")} />
      <span class="faint num">{took(frame.to - frame.from)}</span>
      {frame.live ? (
        <span class="chip tone-good">Live</span>
      ) : (
        <input type="datetime-local" step="1" class="select num" aria-label="To" value={local(frame.to)} onChange={set("to")} />
      )}
    </div>
  );
}

const MEANS: [string, string][] = [
  ["work", "goes on"],
  ["good", "done"],
  ["trouble", "failed"],
  ["person", "asks a person"],
  ["rest", "cancelled"],
];

export function Legend() {
  return (
    <div class="lanes-legend">
      {MEANS.map(([tone, word]) => (
        <span key={tone} class={`tone-${tone}`}>
          <i class="legend-bar" aria-hidden="true" /> {word}
        </span>
      ))}
      <span>
        <i class="legend-sign trouble" aria-hidden="true">
          ×
        </i>{" "}
        a step failed
      </span>
      <span>
        <i class="legend-sign person" aria-hidden="true">
          ?
        </i>{" "}
        asked a person
      </span>
      <span>
        <i class="legend-wait" aria-hidden="true" /> waits
      </span>
      <span>
        <i class="legend-arrow" aria-hidden="true" /> message
      </span>
      <span class="legend-keys">
        <kbd>+</kbd> <kbd>-</kbd> or wheel zoom · drag or <kbd>←</kbd> <kbd>→</kbd> move · <kbd>j</kbd> <kbd>k</kbd> turns · <kbd>c</kbd> cause
      </span>
    </div>
  );
}
