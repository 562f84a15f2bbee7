/** The turns of an agent, newest first; those that failed are marked, and come first where somebody wants that. */
import { ago, took } from "../../data/format";
import { now } from "../../data/live";
import type { TurnLine } from "../../data/types";

export const TURN_STATES: Record<string, { word: string; tone: string }> = {
  open: { word: "open", tone: "work" },
  done: { word: "done", tone: "good" },
  failed: { word: "failed", tone: "trouble" },
  dead: { word: "failed", tone: "trouble" },
  cancelled: { word: "cancelled", tone: "rest" },
  killed: { word: "killed", tone: "trouble" },
};

export function Turns({ turns, chosen, choose, failures }: { turns: TurnLine[]; chosen: number; choose: (turn: number) => void; failures: boolean }) {
  const shown = failures ? [...turns].sort((a, b) => Number(bad(b)) - Number(bad(a)) || b.turn - a.turn) : turns;
  return (
    <ul class="turns" aria-label="Turns">
      {shown.map((line) => {
        const info = TURN_STATES[line.state] ?? { word: line.state, tone: "rest" };
        return (
          <li key={line.turn}>
            <button type="button" class={`turn tone-${info.tone}`} aria-current={line.turn === chosen} onClick={() => choose(line.turn)}>
              <i aria-hidden="true" />
              <span class="turn-name cut">{line.handler || `turn ${line.turn}`}</span>
              <span class="turn-when faint num">{ago(now() - line.began)}</span>
              <span class="turn-more faint num cut">
                {info.word}
                {line.ended ? ` in ${took(line.ended - line.began)}` : ` for ${ago(now() - line.began)}`} · {line.entries} entries
                {line.failures > 0 && <b class="turn-bad"> · {line.failures} failed</b>}
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function bad(line: TurnLine): boolean {
  return line.failures > 0 || Boolean(line.error) || line.state === "killed";
}
