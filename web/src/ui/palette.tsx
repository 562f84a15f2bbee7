/** Everything by keyboard: pages, agents by address, and the actions of the page that is open. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { call } from "../data/api";
import { agentLink, go } from "../data/router";
import { setTheme } from "../data/theme";
import type { FleetView } from "../data/types";
import { PAGES } from "../pages";
import { Dialog } from "./controls";
import { useKeys } from "./keys";
import { Glyph } from "./state";

export interface Action {
  name: string;
  hint?: string;
  run: () => void;
}

const open = signal(false);
const help = signal(false);
/** The actions of the page that is open. */
export const actions = signal<Action[]>([]);

export function openPalette(): void {
  open.value = true;
}

/** Offers actions for as long as a component is there. */
export function useActions(offered: Action[], key: string): void {
  useEffect(() => {
    actions.value = offered;
    return () => {
      actions.value = [];
    };
  }, [key]);
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open.value = !open.value;
  }
});

const GENERAL: Action[] = [
  { name: "Colours: dark", run: () => setTheme("dark") },
  { name: "Colours: light", run: () => setTheme("light") },
  { name: "Colours: as the system", run: () => setTheme("system") },
  { name: "Keyboard shortcuts", hint: "?", run: () => (help.value = true) },
];

export function Palette() {
  useKeys({ "?": () => (help.value = true) });
  return open.value ? <Open /> : null;
}

function Open() {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const [found, setFound] = useState<FleetView>();
  const close = (): void => void (open.value = false);
  useEffect(() => {
    setChosen(0);
    if (!text.trim()) return setFound(undefined);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      call<FleetView>("fleet", { text, limit: 8 }, stop.signal).then(setFound, () => undefined);
    }, 80);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  const items = useMemo(() => {
    const pages: Action[] = PAGES.filter((p) => !p.hidden).map((p) => ({ name: p.name, hint: `g ${p.key}`, run: () => go(p.path) }));
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (a: Action): boolean => words.every((w) => a.name.toLowerCase().includes(w));
    const agents = (found?.rows ?? []).map((row) => ({ name: row.address, row, run: () => go(agentLink(row.address)) }));
    const search: Action[] = text.trim() ? [{ name: `Search all journals for “${text.trim()}”`, run: () => go(`/search?q=${encodeURIComponent(text.trim())}`) }] : [];
    return [...actions.value.filter(fits), ...pages.filter(fits), ...agents, ...search, ...GENERAL.filter(fits)];
  }, [text, found]);
  const run = (n: number): void => {
    const item = items[n];
    close();
    item?.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setChosen(Math.min(items.length - 1, chosen + 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(0, chosen - 1));
    else if (event.key === "Enter") run(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Commands" close={close}>
      <input
        class="palette-input"
        placeholder="Go to an agent, a page, or do something"
        aria-label="Command"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={items.length ? `palette-${chosen}` : undefined}
        value={text}
        autofocus
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKey}
      />
      <ul class="palette-list" id="palette-list" role="listbox" aria-label="Commands">
        {items.map((item, n) => (
          <li key={item.name + n} id={`palette-${n}`} role="option" aria-selected={n === chosen} onMouseMove={() => setChosen(n)} onClick={() => run(n)}>
            {"row" in item && <Glyph state={(item as { row: FleetView["rows"][number] }).row.state} />}
            <span class={"row" in item ? "cut mono" : "cut"}>{item.name}</span>
            {"hint" in item && item.hint && <kbd>{item.hint}</kbd>}
          </li>
        ))}
        {!items.length && <li class="faint">Nothing is called that</li>}
      </ul>
    </Dialog>
  );
}

const SHORTCUTS: [string, string][] = [
  ["Ctrl K", "Commands: agents, pages, actions"],
  ["g f · g i · g b · g s", "Fleet, Inbox, Brief, Search"],
  ["g c · g m · g o", "Causality, Money, Governance"],
  ["/", "Filter or search on this page"],
  ["j · k", "Down, up"],
  ["Enter", "Open"],
  ["Esc", "Back, close"],
  ["a · d", "Approve, deny (Inbox)"],
  ["1 … 9", "Answer with a choice (Inbox)"],
  ["p · m · s", "Pause or resume, message, steer (Agent)"],
  ["+ · - · ← · →", "Zoom, move in time (Causality)"],
  ["c · e · o · l", "Cause, effect, only this chain, live (Causality)"],
  ["1 … 4", "Its parts (Governance)"],
  ["n · e · v", "Propose, edit, versions (Governance)"],
];

export function Shortcuts() {
  if (!help.value) return null;
  return (
    <Dialog title="Keyboard shortcuts" close={() => (help.value = false)}>
      <h2 class="dialog-title">Keyboard shortcuts</h2>
      <dl class="shortcuts">
        {SHORTCUTS.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split(" · ").map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
