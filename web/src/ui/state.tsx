import { STATES } from "../data/states";
import type { State } from "../data/types";

export function Glyph({ state, size = 14 }: { state: State; size?: number }) {
  const info = STATES[state];
  const filled = state === "finished" || state === "working";
  return (
    <svg class={`icon glyph tone-${info.tone}`} width={size} height={size} viewBox="0 0 14 14" aria-hidden="true">
      <path d={info.glyph} fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round" />
      {filled && <circle cx="7" cy="7" r={state === "working" ? 2.4 : 3} fill="currentColor" />}
    </svg>
  );
}

export function StateChip({ state, word }: { state: State; word?: string }) {
  const info = STATES[state];
  return (
    <span class={`chip tone-${info.tone}`} title={info.help}>
      <Glyph state={state} />
      {word ?? info.word}
    </span>
  );
}
