/** The fleet in one line: a bar whose parts are its states, and a button for each to show only those. */
import { count } from "../../data/format";
import { ORDER, STATES } from "../../data/states";
import type { Counts, State } from "../../data/types";
import { Glyph } from "../../ui/state";

interface Props {
  counts: Counts;
  chosen: State[];
  choose: (states: State[]) => void;
}

export function Strip({ counts, chosen, choose }: Props) {
  const there = ORDER.filter((s) => counts[s] || chosen.includes(s));
  const all = there.reduce((sum, s) => sum + (counts[s] ?? 0), 0) || 1;
  const toggle = (state: State, add: boolean): void => {
    if (chosen.includes(state)) choose(chosen.filter((s) => s !== state));
    else choose(add ? [...chosen, state] : [state]);
  };
  return (
    <div class="strip">
      <div class="strip-bar" aria-hidden="true">
        {there.map((s) => (
          <i key={s} class={`tone-${STATES[s].tone} state-${s}`} style={{ flexGrow: String(Math.max((counts[s] ?? 0) / all, counts[s] ? 0.006 : 0)) }} />
        ))}
      </div>
      <div class="strip-states" role="group" aria-label="States">
        {there.map((s) => (
          <button
            key={s}
            type="button"
            class={`strip-state tone-${STATES[s].tone}`}
            aria-pressed={chosen.includes(s)}
            title={`${STATES[s].help} Shift adds to the choice.`}
            onClick={(event) => toggle(s, event.shiftKey)}
          >
            <Glyph state={s} />
            <b class="num">{count(counts[s] ?? 0)}</b>
            <span>{STATES[s].word}</span>
          </button>
        ))}
      </div>
    </div>
  );
}
